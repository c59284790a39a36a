use crate::text::{Span, closest};

/// The supported keywords.
const KEYWORDS: [&str; 31] = [
    "bsonType",
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "items",
    "additionalItems",
    "minProperties",
    "maxProperties",
    "required",
    "properties",
    "patternProperties",
    "additionalProperties",
    "dependencies",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "validate",
    "title",
    "description",
];

/// The values that a key other than a keyword may have. It may not have a schema, because that was probably meant to be
/// in `properties`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// A string.
    Text,
    /// A string or a boolean.
    Mark,
    /// Any value other than a schema.
    Anything,
}

impl Remark {
    /// Looks up a key that is not a constraint: an annotation of JSON Schema, or a key that occurs in exports or that
    /// the generators of the SDKs write.
    pub(super) fn of(key: &str) -> Option<Self> {
        Some(match key {
            "title" | "description" | "$schema" | "$id" | "id" | "$comment" => Self::Text,
            "unique" | "primaryKey" | "primary_key" | "foreignKey" | "foreign_key" | "ref" | "is_list" => Self::Mark,
            "relationship" | "relationships" | "ruleset" | "default" | "examples" => Self::Anything,
            _ => return None,
        })
    }
}

/// What to use instead of a keyword that is not supported; `None` if the key is not such a keyword.
pub(super) fn unsupported(key: &str) -> Option<&'static str> {
    Some(match key {
        "$ref" | "$dynamicRef" | "$recursiveRef" => "inline the schema",
        "definitions" | "$defs" => "inline each schema where it is used",
        "format" => "use `pattern` or `bsonType`",
        "if" | "then" | "else" => "use `anyOf` and `not`",
        "contains" | "minContains" | "maxContains" => "use `validate`, with `$elemMatch`",
        "prefixItems" | "unevaluatedItems" => "use an array as `items`, with `additionalItems`",
        "propertyNames" => "use `patternProperties`, with `additionalProperties: false`",
        "dependentRequired" | "dependentSchemas" => "use `dependencies`",
        "unevaluatedProperties" => "use `additionalProperties`",
        "contentEncoding" | "contentMediaType" | "contentSchema" | "extends" | "disallow" | "divisibleBy" => {
            "use `validate`"
        }
        "encrypt" | "encryptMetadata" => "encryption is done by the client",
        _ => return None,
    })
}

/// The keyword that was probably intended.
pub(super) fn suggest(key: &str) -> Option<&'static str> {
    closest(key, KEYWORDS)
}

/// A key of a schema that has no effect although it may look like a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The key, such as `unique`.
    pub key: Box<str>,
    /// Its position in the source.
    pub span: Span,
    /// The path of the property to which it belongs; `None` if there is no single path.
    pub path: Option<String>,
}
