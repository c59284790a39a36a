//! Tests of a single value: its type, its remainder, or a pattern.

use bson::Bson;
use serde_json::{Map, Value as Json};

use crate::naive::check::{TYPES, pattern_of};
use crate::naive::name::operator;
use crate::naive::value::{Number, from_ejson, text, type_name};

pub(super) fn has_type(candidate: &Bson, wanted: &Json) -> bool {
    let one = |wanted: &Json| {
        let Ok(wanted) = from_ejson(wanted) else {
            return false;
        };
        match text(&wanted) {
            Some("number") => Number::of(candidate).is_some(),
            Some(alias) => type_name(Some(candidate)) == alias,
            None => {
                let code = Number::of(&wanted).and_then(|number| number.truncated());
                TYPES.iter().any(|(alias, known)| *alias == type_name(Some(candidate)) && Some(*known) == code)
            }
        }
    };
    match wanted {
        Json::Array(types) => types.iter().any(one),
        other => one(other),
    }
}

pub(super) fn has_remainder(candidate: &Bson, operand: &Json) -> bool {
    let part = |at: usize| {
        from_ejson(&operand[at])
            .ok()
            .as_ref()
            .and_then(Number::of)
            .and_then(|number| number.truncated())
            .expect("checked")
    };
    Number::of(candidate)
        .and_then(|number| number.truncated())
        .is_some_and(|number| i128::from(number) % i128::from(part(0)) == i128::from(part(1)))
}

pub(super) fn matches_pattern(candidate: &Bson, beside: &Map<String, Json>, pattern: &Json) -> bool {
    let options = beside.iter().find(|(name, _)| operator(name) == Some("options"));
    let options = options.and_then(|(_, options)| options.as_str()).unwrap_or("");
    let pattern = pattern.as_str().expect("checked before");
    if let Bson::RegularExpression(stored) = candidate {
        return stored.pattern.as_str() == pattern && stored.options.as_str() == options;
    }
    text(candidate).is_some_and(|text| pattern_of(pattern, options).expect("checked before").is_match(text))
}
