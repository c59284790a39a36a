use super::keys::{is_expansion_like, is_operator_like};
use crate::expr::{Comparison, Expansion, Operator};
use crate::path::FieldPath;

/// The position of a value within an expression, for suggestions in errors.
#[derive(Default)]
pub(super) struct Standing {
    /// The left side of the condition.
    pub(super) name: String,
    /// The operator of which the value is an operand, if any.
    pub(super) operator: Option<Operator>,
    /// The path within the operand; `None` stands for an element of an array.
    pub(super) inside: Vec<Option<String>>,
}

/// The logical operator that was probably meant by a field name such as `or` or `anyOf`.
pub(crate) fn bare_logic(name: &str) -> Option<&'static str> {
    Some(match name {
        "and" | "allOf" => "%and",
        "or" | "anyOf" | "oneOf" => "%or",
        "nor" => "%nor",
        "not" => "%not",
        _ => return None,
    })
}

impl Standing {
    /// Help for an operator or expansion that is used as a field name inside a value.
    pub(super) fn name_in_literal(&self, key: &str) -> Option<String> {
        let Standing { name, operator, inside } = self;
        if let Some(meant) = bare_logic(name) {
            return Some(format!("`{name}` is a field's name; the operator is `{meant}`"));
        }
        if is_expansion_like(key) {
            return Expansion::parse(key)
                .ok()
                .map(|_| format!("write the condition on `{key}` beside `{name}`, not inside its value"));
        }
        Operator::parse(key)?;
        let operator_behind = match operator {
            Some(Operator::Compare(comparison)) if inside.is_empty() => return Some(instead(*comparison, name, key)),
            Some(list @ (Operator::In | Operator::Nin | Operator::All)) if matches!(inside.as_slice(), [None]) => {
                let logic = match list {
                    Operator::In => "%or",
                    Operator::Nin => "%nor",
                    _ => "%and",
                };
                return Some(format!(
                    "`{}` takes values; write {{\"{logic}\": [{{\"{name}\": {{\"{key}\": …}}}}, …]}}",
                    list.spelling()
                ));
            }
            other => other,
        };
        if operator_behind.is_some() {
            return None;
        }
        let names: Option<Vec<&str>> = inside.iter().map(Option::as_deref).collect();
        match names.as_deref() {
            Some([]) => None,
            // An expansion is never part of a path.
            Some([.., last]) if is_expansion_like(last) => Expansion::parse(last)
                .ok()
                .map(|_| format!("write {{\"{last}\": {{\"{key}\": …}}}} beside `{name}`, not inside its value")),
            Some(names) => {
                let path = format!("{name}.{}", names.join("."));
                let is_place = match is_expansion_like(&path) {
                    true => Expansion::parse(&path).is_ok(),
                    false => FieldPath::parse(&path).is_ok(),
                };
                let is_path = is_place && !names.iter().any(|name| is_operator_like(name));
                is_path.then(|| format!("write {{\"{path}\": {{\"{key}\": …}}}}"))
            }
            None => Some(format!(
                "an array is compared whole; to test one of its elements, write {{\"{name}\": {{\"$elemMatch\": {{…}}}}}}"
            )),
        }
    }
}

/// The suggestion for `{"name": {"$eq": {"key": …}}}`.
fn instead(comparison: Comparison, name: &str, key: &str) -> String {
    match comparison {
        Comparison::Eq => format!("leave `$eq` out: {{\"{name}\": {{\"{key}\": …}}}}"),
        Comparison::Ne => format!("write {{\"{name}\": {{\"$not\": {{\"{key}\": …}}}}}}"),
        _ => format!("the result of `{key}` can only be tested for equality: {{\"{name}\": {{\"{key}\": …}}}}"),
    }
}
