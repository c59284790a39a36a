//! Operators of MongoDB's queries that rules and guarded queries leave out on purpose.

use super::Dialect;

/// What to write in place of an operator that is left out on purpose; `None` if MongoDB has no such operator.
pub(super) fn refused(key: &str, dialect: Dialect) -> Option<&'static str> {
    let (in_rule, in_query) = match key.strip_prefix(['$', '%'])? {
        "where" => (
            "rules do not run code; call a function: {\"%%true\": {\"%function\": {\"name\": …, \"arguments\": […]}}}",
            "queries do not run code; use operators such as `$gt`, `$in`, `$regex`",
        ),
        "expr" => (
            "to compare two fields write an expansion on the right: {\"a\": \"%%root.b\"}",
            "a query compares fields with values only",
        ),
        "text" => (
            "rules cannot use a text index; use `$regex` to search in a string",
            "a text index would reveal hidden fields; use `$regex` to search in a string",
        ),
        "jsonSchema" => (
            "put it into schema.json, or say it with operators",
            "say it with operators such as `$type`, `$exists`, `$gt`",
        ),
        "near" | "nearSphere" | "geoWithin" | "geoIntersects" | "geoWithinCenter" | "within" | "maxDistance"
        | "minDistance" => (
            "rules do not support geospatial operators; call a function instead",
            "geospatial operators are not supported; compare coordinates with `$gt` and `$lt`",
        ),
        "bitsAllSet" | "bitsAnySet" | "bitsAllClear" | "bitsAnyClear" => {
            ("let a function decide, or compare whole values by `$in`", "compare whole values by `$in`")
        }
        "comment" => ("write remarks beside the rules, or into the role's name", "leave it out"),
        "rand" | "sampleRate" => ("random results are not supported", "random results are not supported"),
        _ => return None,
    };
    Some(match dialect {
        Dialect::Rule => in_rule,
        Dialect::Query => in_query,
    })
}
