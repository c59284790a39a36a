//! Equality and order of two operands, and of one operand and a list.

use std::cmp::Ordering;

use bson::Bson;

use super::operand::{Left, Operand, Right, is_unusable, left_type, right_type};
use crate::naive::coverage;
use crate::naive::path::Whole;
use crate::naive::truth::Truth;
use crate::naive::value::{equal, order};

/// Compares for equality (`eq` and its aliases) or order.
pub(super) fn compare(name: &str, left: &Left, right: &Right) -> Truth {
    coverage::operator(name, &left_type(left), right_type(right));
    settle(name, left, right)
}

pub(super) fn settle(name: &str, left: &Left, right: &Right) -> Truth {
    let operand = match (left, right) {
        (_, Right::Error(text)) | (Left::Failed(text), _) => return Truth::Error(text.clone()),
        (Left::Unknown, _) | (_, Right::Unknown) => return Truth::Unknown,
        (_, Right::Known(operand)) => operand,
    };
    match name {
        "gt" => ordered(left, operand, |order| order == Ordering::Greater),
        "gte" => ordered(left, operand, |order| order != Ordering::Less),
        "lt" => ordered(left, operand, |order| order == Ordering::Less),
        "lte" => ordered(left, operand, |order| order != Ordering::Greater),
        _ => eq(left, operand),
    }
}

fn eq(left: &Left, operand: &Operand) -> Truth {
    let Left::Known { candidates, document, .. } = left else {
        return is_there(left);
    };
    if let (Some(left), Some(right)) = (document, &operand.document) {
        if matches!(left, Whole::Ambiguous) {
            return Truth::Unknown;
        }
        return Truth::from(same_whole(left, right));
    }
    let meets = |wanted: &Bson| candidates.iter().flatten().any(|candidate| equal(candidate, wanted));
    let missing_is_null = operand.literal && operand.value == Bson::Null && candidates.iter().any(Option::is_none);
    let mut result = Truth::from(meets(&operand.value) || missing_is_null);
    if let (true, Bson::Array(elements)) = (operand.member, &operand.value) {
        for element in elements {
            result = result.or(if is_unusable(element) { Truth::Unknown } else { Truth::from(meets(element)) });
        }
    }
    result
}

/// Whether two document operands are equal as a whole; lists must have the same length and order.
fn same_whole(left: &Whole, right: &Whole) -> bool {
    match (left, right) {
        (Whole::One(None), Whole::One(None)) => true,
        (Whole::One(Some(left)), Whole::One(Some(right))) => equal(left, right),
        (Whole::Many(left), Whole::Many(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_whole(left, right))
        }
        (Whole::Many(list), Whole::One(Some(Bson::Array(array))))
        | (Whole::One(Some(Bson::Array(array))), Whole::Many(list)) => {
            list.len() == array.len()
                && list.iter().zip(array).all(|(part, element)| same_whole(part, &Whole::One(Some(element.clone()))))
        }
        _ => false,
    }
}

fn ordered(left: &Left, operand: &Operand, fits: impl Fn(Ordering) -> bool) -> Truth {
    let Left::Known { candidates, document, .. } = left else {
        return is_there(left);
    };
    let holds = |left: &Bson| order(left, &operand.value).is_some_and(&fits);
    Truth::from(match (document, &operand.document) {
        (Some(Whole::Ambiguous), Some(Whole::One(_))) => return Truth::Unknown,
        (Some(Whole::One(Some(left))), Some(Whole::One(_))) => holds(left),
        (Some(_), Some(_)) => false,
        _ => candidates.iter().flatten().any(holds),
    })
}

pub(super) fn in_list(name: &str, left: &Left, list: Result<Option<Vec<Right>>, String>) -> Truth {
    let list = match list {
        Ok(Some(list)) => list,
        Ok(None) => {
            coverage::operator(name, &left_type(left), "unknown");
            return compare_nothing(left, Truth::Unknown);
        }
        Err(text) => {
            coverage::operator(name, &left_type(left), "error");
            return Truth::Error(text);
        }
    };
    if list.is_empty() {
        coverage::operator(name, &left_type(left), "nothing");
    }
    // With an empty list, the result depends on the left operand only.
    compare_nothing(left, Truth::any(list.iter().map(|right| compare(name, left, right))))
}

pub(super) fn all(left: &Left, list: Result<Option<Vec<Right>>, String>) -> Truth {
    let list = list.expect("checked before").expect("checked before");
    if list.is_empty() {
        coverage::operator("all", &left_type(left), "nothing");
        return compare_nothing(left, Truth::False);
    }
    compare_nothing(left, Truth::all(list.iter().map(|right| compare("all", left, right))))
}

/// The result of comparing with several values or with none, unless the left operand is Unknown or failed.
fn compare_nothing(left: &Left, otherwise: Truth) -> Truth {
    match (left, otherwise) {
        (Left::Known { .. }, otherwise) => otherwise,
        (Left::Failed(text), _) => Truth::Error(text.clone()),
        (Left::Unknown, Truth::Error(text)) => Truth::Error(text),
        (Left::Unknown, _) => Truth::Unknown,
    }
}

pub(super) fn is_there(left: &Left) -> Truth {
    match left {
        Left::Known { .. } => Truth::True,
        Left::Unknown => Truth::Unknown,
        Left::Failed(text) => Truth::Error(text.clone()),
    }
}
