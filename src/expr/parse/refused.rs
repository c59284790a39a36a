//! Operators of MongoDB's queries that rules leave out on purpose.

/// What to write in place of an operator that is left out on purpose; none if MongoDB has no such operator.
pub(super) fn refused(key: &str) -> Option<&'static str> {
    Some(match key.strip_prefix(['$', '%'])? {
        "where" => "a rule runs no code by itself; call a function: {\"%%true\": {\"%function\": {\"name\": …, \"arguments\": […]}}}",
        "expr" => "to compare two fields write an expansion on the right: {\"a\": \"%%root.b\"}",
        "text" => "a text index cannot be asked in a rule; `$regex` looks into a string",
        "jsonSchema" => "put it into schema.json, or say it with operators",
        "near" | "nearSphere" | "geoWithin" | "geoIntersects" | "geoWithinCenter" | "within" | "maxDistance"
        | "minDistance" => "geometry cannot be asked in a rule; let a function decide",
        "bitsAllSet" | "bitsAnySet" | "bitsAllClear" | "bitsAnyClear" => "let a function decide, or compare whole values by `$in`",
        "comment" => "write remarks beside the rules, or into the role's name",
        "rand" | "sampleRate" => "chance decides nothing here",
        _ => return None,
    })
}
