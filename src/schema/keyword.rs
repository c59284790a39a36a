use crate::text::closest;

/// The keywords that are enforced.
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

/// The values allowed for a key that is not a constraint. A schema as its value would be one that was meant to be under
/// `properties`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// A string.
    Text,
    /// A string or a boolean.
    Mark,
    /// Anything.
    Anything,
}

impl Remark {
    /// Looks up the keys that are not constraints: JSON Schema's annotations, and keys found in exported applications
    /// or written by the SDKs' generators.
    pub(super) fn of(key: &str) -> Option<Self> {
        Some(match key {
            "title" | "description" | "$schema" | "$id" | "id" | "$comment" => Self::Text,
            "unique" | "primaryKey" | "primary_key" | "foreignKey" | "foreign_key" | "ref" | "is_list" => Self::Mark,
            "relationship" | "relationships" | "ruleset" | "default" | "examples" => Self::Anything,
            _ => return None,
        })
    }
}

/// Constraints of JSON Schema and MongoDB that are not supported here, and what to use instead.
pub(super) fn unsupported(key: &str) -> Option<&'static str> {
    Some(match key {
        "$ref" | "$dynamicRef" | "$recursiveRef" => "inline the schema",
        "definitions" | "$defs" => "inline each schema where it is used",
        "format" => "use `pattern`, or with `bsonType`",
        "if" | "then" | "else" => "use `anyOf` and `not`",
        "contains" | "minContains" | "maxContains" => "use `validate`, with `$elemMatch`",
        "prefixItems" | "unevaluatedItems" => "use an array of `items`, and with `additionalItems`",
        "propertyNames" => "use `patternProperties`, and `additionalProperties: false`",
        "dependentRequired" | "dependentSchemas" => "use `dependencies`",
        "unevaluatedProperties" => "use `additionalProperties`",
        "contentEncoding" | "contentMediaType" | "contentSchema" | "extends" | "disallow" | "divisibleBy" => {
            "use `validate`"
        }
        "encrypt" | "encryptMetadata" => "encryption is done by the client",
        _ => return None,
    })
}

/// The keyword that was most likely meant.
pub(super) fn suggest(key: &str) -> Option<&'static str> {
    closest(key, KEYWORDS)
}
