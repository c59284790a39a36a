//! MongoDB query operators that the rule language deliberately lacks.

/// What to use instead of such an operator; `None` if MongoDB has no such operator.
pub(super) fn refused(key: &str) -> Option<&'static str> {
    Some(match key.strip_prefix(['$', '%'])? {
        "where" => {
            "rules do not run code; call a function: {\"%%true\": {\"%function\": {\"name\": …, \"arguments\": […]}}}"
        }
        "expr" => "to compare two fields write an expansion on the right: {\"a\": \"%%root.b\"}",
        "text" => "rules cannot use a text index; use `$regex` to search in a string",
        "jsonSchema" => "put it into schema.json, or express it with operators",
        "near" | "nearSphere" | "geoWithin" | "geoIntersects" | "geoWithinCenter" | "within" | "maxDistance"
        | "minDistance" => "rules do not support geospatial operators; call a function instead",
        "bitsAllSet" | "bitsAnySet" | "bitsAllClear" | "bitsAnyClear" => {
            "let a function decide, or compare whole values with `$in`"
        }
        "comment" => "write remarks beside the rules, or into the role's name",
        "rand" | "sampleRate" => "random results are not supported",
        _ => return None,
    })
}
