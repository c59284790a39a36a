//! Shrinks failing cases.

use serde_json::Value as Json;

/// All variants of a JSON value with one part left out, larger parts first.
pub fn smaller(json: &Json) -> Vec<Json> {
    let mut all: Vec<Json> = match json {
        Json::Object(fields) => {
            let without = fields.keys().map(|key| {
                let mut fields = fields.clone();
                fields.shift_remove(key);
                Json::Object(fields)
            });
            let inside = fields.iter().flat_map(|(key, value)| {
                smaller(value).into_iter().map(|value| {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), value);
                    Json::Object(fields)
                })
            });
            without.chain(inside).collect()
        }
        Json::Array(elements) => {
            let without = (0..elements.len()).map(|at| {
                let mut elements = elements.clone();
                elements.remove(at);
                Json::Array(elements)
            });
            let inside = elements.iter().enumerate().flat_map(|(at, value)| {
                smaller(value).into_iter().map(move |value| {
                    let mut elements = elements.clone();
                    elements[at] = value;
                    Json::Array(elements)
                })
            });
            without.chain(inside).collect()
        }
        _ => Vec::new(),
    };
    all.sort_by_key(|json| json.to_string().len());
    all
}
