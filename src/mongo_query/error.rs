use super::FindError;

/// The error for an operator of MongoDB that clients may not use; `None` if there is no such operator.
pub(super) fn refusal(name: &str) -> Option<FindError> {
    let help = match name {
        "$where" | "$function" => {
            "client-supplied code is not executed; use operators such as `$gt`, `$in`, `$regex`, or `$expr`"
        }
        "$text" => "a text index would reveal hidden fields; use `$regex` to search in a string",
        "$near" | "$nearSphere" | "$geoNear" | "$geoWithin" | "$geoIntersects" | "$within" | "$maxDistance"
        | "$minDistance" => "compare coordinates with `$gt` and `$lt`",
        "$sampleRate" | "$rand" => "its result is not reproducible",
        _ => return None,
    };
    Some(FindError::Unsupported { what: format!("`{name}`"), help: Some(help) })
}
