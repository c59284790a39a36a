//! Replaces `%(%%environment.values.name)` in the strings of a configuration file.

use serde_json::Value as Json;

/// Replaces every template; fails if the value of one has no text.
pub fn expand(json: &Json, environment: &Json, values: &Json) -> Result<Json, String> {
    let again = |inner: &Json| expand(inner, environment, values);
    match json {
        Json::String(text) => expand_text(text, environment, values).map(Json::String),
        Json::Array(items) => items.iter().map(again).collect(),
        Json::Object(fields) => fields.iter().map(|(name, inner)| Ok((name.clone(), again(inner)?))).collect(),
        other => Ok(other.clone()),
    }
}

fn expand_text(text: &str, environment: &Json, values: &Json) -> Result<String, String> {
    let Some((before, rest)) = text.split_once("%(") else {
        return Ok(text.to_string());
    };
    let Some((inside, after)) = rest.split_once(')') else {
        return Err(format!("`{text}` is not closed"));
    };
    let found = match (inside.strip_prefix("%%environment.values."), inside.strip_prefix("%%values.")) {
        (Some(name), _) => environment.get("values").and_then(|values| values.get(name)),
        (_, Some(name)) => values.get(name),
        _ => None,
    };
    let replacement = found.and_then(Json::as_str).ok_or_else(|| format!("`%({inside})` has no text"))?;
    // The replacement is text even if it looks like a template.
    Ok(format!("{before}{replacement}{}", expand_text(after, environment, values)?))
}
