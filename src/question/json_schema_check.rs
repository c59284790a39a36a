//! Validation of values against a `$jsonSchema`.

use super::JsonSchema;
use super::json_schema::{Keyword, Rest};
use crate::value::{ArrayRef, DocumentRef, Malformed, Number, Steps, ValueRef, equal_in_steps};

impl JsonSchema {
    pub(crate) fn allows(&self, value: ValueRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
        steps.take(4)?;
        for keyword in &self.keywords {
            steps.take(1)?;
            if !self.keeps(keyword, value, steps)? {
                return Ok(false);
            }
        }
        let ValueRef::Document(document) = value else { return Ok(true) };
        for (name, schema) in &self.properties {
            if let Some(field) = steps.get(document, name)?
                && !schema.allows(field, steps)?
            {
                return Ok(false);
            }
        }
        if self.patterns.is_empty() {
            return Ok(true);
        }
        for field in document.iter() {
            let (name, field) = field?;
            for (pattern, schema) in &self.patterns {
                steps.take(1 + pattern.steps(name.len()))?;
                if pattern.is_match(name) && !schema.allows(field, steps)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn keeps(&self, keyword: &Keyword, value: ValueRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
        Ok(match (keyword, value) {
            (Keyword::Type(types), value) => types.contains(value.kind()),
            (Keyword::Enum(list), value) => {
                for one in list {
                    if equal_in_steps(value, one.into(), steps)? {
                        return Ok(true);
                    }
                }
                false
            }
            (Keyword::Least(least, exclusive), value) => match (value.number(), ValueRef::from(least).number()) {
                (Some(number), Some(least)) => {
                    number.order(least).is_some_and(|order| if *exclusive { order.is_gt() } else { order.is_ge() })
                }
                _ => true,
            },
            (Keyword::Greatest(most, exclusive), value) => match (value.number(), ValueRef::from(most).number()) {
                (Some(number), Some(most)) => {
                    number.order(most).is_some_and(|order| if *exclusive { order.is_lt() } else { order.is_le() })
                }
                _ => true,
            },
            (Keyword::Multiple(of), value) => match (value.number(), ValueRef::from(of).number()) {
                (Some(Number::Integer(number)), Some(Number::Integer(of))) => number.wrapping_rem(of) == 0,
                (Some(number), Some(of)) => double(number) % double(of) == 0.0,
                _ => true,
            },
            (Keyword::Length(least, most), ValueRef::String(text)) => {
                steps.take_bytes(text.len())?;
                within(text.chars().count(), *least, *most)
            }
            (Keyword::Pattern(pattern), ValueRef::String(text)) => {
                steps.take(1 + pattern.steps(text.len()))?;
                pattern.is_match(text)
            }
            (Keyword::Items(least, most), ValueRef::Array(array)) => {
                within(elements(array, steps)?.len(), *least, *most)
            }
            (Keyword::Unique, ValueRef::Array(array)) => are_unique(array, steps)?,
            (Keyword::Each(schema), ValueRef::Array(array)) => {
                for element in elements(array, steps)? {
                    if !schema.allows(element, steps)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Keyword::Places(schemas, rest), ValueRef::Array(array)) => {
                for (at, element) in elements(array, steps)?.into_iter().enumerate() {
                    let allowed = match (schemas.get(at), rest) {
                        (Some(schema), _) | (None, Some(Rest::Each(schema))) => schema.allows(element, steps)?,
                        (None, Some(Rest::None)) => false,
                        (None, None) => true,
                    };
                    if !allowed {
                        return Ok(false);
                    }
                }
                true
            }
            (Keyword::Fields(least, most), ValueRef::Document(document)) => {
                within(fields(document, steps)?.len(), *least, *most)
            }
            (Keyword::Required(names), ValueRef::Document(document)) => has_all(document, names, steps)?,
            (Keyword::Others(rest), ValueRef::Document(document)) => {
                for (name, field) in fields(document, steps)? {
                    steps.take(self.properties.len())?;
                    let mut is_known = self.properties.iter().any(|(known, _)| known == name);
                    for (pattern, _) in &self.patterns {
                        steps.take(1 + pattern.steps(name.len()))?;
                        is_known |= pattern.is_match(name);
                    }
                    let allowed = match rest {
                        _ if is_known => true,
                        Rest::None => false,
                        Rest::Each(schema) => schema.allows(field, steps)?,
                    };
                    if !allowed {
                        return Ok(false);
                    }
                }
                true
            }
            (Keyword::Needs(name, needed), ValueRef::Document(document)) => {
                steps.get(document, name)?.is_none() || has_all(document, needed, steps)?
            }
            (Keyword::Implies(name, schema), ValueRef::Document(document)) => {
                steps.get(document, name)?.is_none() || schema.allows(value, steps)?
            }
            (Keyword::All(schemas), value) => count(schemas, value, steps)? == schemas.len(),
            (Keyword::Any(schemas), value) => count(schemas, value, steps)? > 0,
            (Keyword::One(schemas), value) => count(schemas, value, steps)? == 1,
            (Keyword::Not(schema), value) => !schema.allows(value, steps)?,
            _ => true,
        })
    }
}

fn count(schemas: &[JsonSchema], value: ValueRef<'_>, steps: &Steps) -> Result<usize, Malformed> {
    schemas.iter().try_fold(0, |count, schema| Ok(count + usize::from(schema.allows(value, steps)?)))
}

fn within(count: usize, least: i64, most: i64) -> bool {
    i64::try_from(count).is_ok_and(|count| (least..=most).contains(&count))
}

fn elements<'a>(array: ArrayRef<'a>, steps: &Steps) -> Result<Vec<ValueRef<'a>>, Malformed> {
    let elements: Vec<_> = array.iter().collect::<Result<_, _>>()?;
    steps.take(elements.len())?;
    Ok(elements)
}

fn fields<'a>(document: DocumentRef<'a>, steps: &Steps) -> Result<Vec<(&'a str, ValueRef<'a>)>, Malformed> {
    let fields: Vec<_> = document.iter().collect::<Result<_, _>>()?;
    steps.take(fields.len())?;
    Ok(fields)
}

fn has_all(document: DocumentRef<'_>, names: &[String], steps: &Steps) -> Result<bool, Malformed> {
    for name in names {
        steps.take(1)?;
        if steps.get(document, name)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn are_unique(array: ArrayRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
    let elements = elements(array, steps)?;
    for (at, element) in elements.iter().enumerate() {
        for other in elements.iter().take(at) {
            steps.take(1)?;
            if equal_in_steps(*element, *other, steps)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn double(number: Number) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "MongoDB rounds to the nearest double as well")]
    match number {
        Number::Integer(number) => number as f64,
        Number::Double(number) => number,
        Number::Decimal(number) => number.to_string().parse().unwrap_or(f64::NAN),
    }
}
