use bson::{Bson, Document};

use super::{Context, convert};
use crate::expr::Conversion;
use crate::value::ValueRef;

/// Replaces secrets and request headers in output with the expansions that they come from.
pub(crate) struct Mask {
    hidden: Vec<(Bson, String)>,
}

/// Operators whose operand is always a literal of the rule and needs no masking.
const LITERAL: [&str; 5] = ["$exists", "$mod", "$options", "$size", "$type"];

impl Mask {
    pub(crate) fn new(context: &Context) -> Self {
        let mut mask = Self { hidden: Vec::new() };
        for (expansion, value) in context.hidden_values() {
            mask.hide(value, &format!("<{expansion}>"));
        }
        mask
    }

    /// Adds a value, everything nested in it, and its conversions to the hidden values.
    fn hide(&mut self, value: &Bson, shown: &str) {
        let conversions =
            [Conversion::StringToOid, Conversion::OidToString, Conversion::StringToUuid, Conversion::UuidToString];
        let converted = conversions.iter().filter_map(|conversion| convert(*conversion, ValueRef::from(value)));
        self.hidden.extend(converted.chain([value.clone()]).map(|value| (value, shown.to_owned())));
        match value {
            Bson::Array(elements) => elements.iter().for_each(|element| self.hide(element, shown)),
            Bson::Document(fields) => fields.values().for_each(|value| self.hide(value, shown)),
            _ => {}
        }
    }

    /// A copy of a filter with the hidden values masked.
    pub(crate) fn filter(&self, filter: &Document) -> Document {
        let masked = |(key, value): (&String, &Bson)| {
            let is_literal = LITERAL.contains(&key.as_str());
            (key.clone(), if is_literal { value.clone() } else { self.value(value) })
        };
        filter.iter().map(masked).collect()
    }

    fn value(&self, value: &Bson) -> Bson {
        if let Some((_, shown)) = self.hidden.iter().find(|(hidden, _)| hidden == value) {
            return Bson::String(shown.clone());
        }
        match value {
            Bson::Array(elements) => elements.iter().map(|element| self.value(element)).collect(),
            Bson::Document(fields) => self.filter(fields).into(),
            other => other.clone(),
        }
    }
}
