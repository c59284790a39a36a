//! Operators of MongoDB's queries that rules and guarded queries leave out on purpose.

use super::Dialect;

/// What to write in place of an operator that is left out on purpose; none if MongoDB has no such operator.
pub(super) fn refused(key: &str, dialect: Dialect) -> Option<&'static str> {
    let (in_rule, in_query) = match key.strip_prefix(['$', '%'])? {
        "where" => (
            "a rule runs no code by itself; call a function: {\"%%true\": {\"%function\": {\"name\": …, \"arguments\": […]}}}",
            "a query runs no code; say it with operators such as `$gt`, `$in`, `$regex`",
        ),
        "expr" => (
            "to compare two fields write an expansion on the right: {\"a\": \"%%root.b\"}",
            "a query compares fields with values only",
        ),
        "text" => (
            "a text index cannot be asked in a rule; `$regex` looks into a string",
            "a text index would tell of hidden fields; `$regex` looks into a string",
        ),
        "jsonSchema" => (
            "put it into schema.json, or say it with operators",
            "say it with operators such as `$type`, `$exists`, `$gt`",
        ),
        "near" | "nearSphere" | "geoWithin" | "geoIntersects" | "geoWithinCenter" | "within" | "maxDistance"
        | "minDistance" => (
            "geometry cannot be asked in a rule; let a function decide",
            "geometry cannot be asked for; compare the coordinates by `$gt` and `$lt`",
        ),
        "bitsAllSet" | "bitsAnySet" | "bitsAllClear" | "bitsAnyClear" => {
            ("let a function decide, or compare whole values by `$in`", "compare whole values by `$in`")
        }
        "comment" => ("write remarks beside the rules, or into the role's name", "leave it out"),
        "rand" | "sampleRate" => ("chance decides nothing here", "chance decides nothing here"),
        _ => return None,
    };
    Some(match dialect {
        Dialect::Rule => in_rule,
        Dialect::Query => in_query,
    })
}
