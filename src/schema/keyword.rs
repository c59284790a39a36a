use crate::text::closest;

/// The keywords that have a meaning.
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

/// What a key that demands nothing of a document may hold. A schema there would be one that somebody forgot to put
/// under `properties`.
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
    /// The keys that say something about a schema and demand nothing: JSON Schema's annotations, and what exported
    /// applications and the SDKs' generators carry.
    pub(super) fn of(key: &str) -> Option<Self> {
        Some(match key {
            "title" | "description" | "$schema" | "$id" | "id" | "$comment" => Self::Text,
            "unique" | "primaryKey" | "primary_key" | "foreignKey" | "foreign_key" | "ref" | "is_list" => Self::Mark,
            "relationship" | "relationships" | "ruleset" | "default" | "examples" => Self::Anything,
            _ => return None,
        })
    }
}

/// Keywords of JSON Schema, and of MongoDB, that demand something which is not looked at here, and what to write
/// instead.
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
