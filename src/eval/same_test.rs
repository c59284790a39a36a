use bson::Bson;

use crate::predicate::{Check, Left, List, Right, Test};
use crate::value::identical;

/// Whether the outcome of a test depends on `%%root`, `%%prevRoot` and the context only, and cannot fail by what a function does:
/// such a test need be asked only once of a pair of documents.
pub(super) fn is_repeatable(test: &Test) -> bool {
    let documents =
        |root| matches!(root, crate::predicate::DocumentRoot::Root | crate::predicate::DocumentRoot::PrevRoot);
    let plain = |right: &Right| match right {
        Right::Literal(_) | Right::Context(_) => true,
        Right::Document(root, _) => documents(*root),
        Right::Template(_) | Right::Convert(..) | Right::Function(_) => false,
    };
    matches!(test.left, Left::Document(root, _) if documents(root))
        && match &test.check {
            Check::Equals(right) | Check::Order(_, right) | Check::In(List::Place(right)) => plain(right),
            Check::All(list) | Check::In(List::Elements(list)) => list.iter().all(plain),
            Check::Exists | Check::Size(_) | Check::Type(_) | Check::Mod { .. } => true,
            Check::Regex(_) | Check::ElemMatch(..) | Check::Client(_) => false,
        }
}

/// Whether two repeatable tests ask the same.
pub(super) fn is_same(a: &Test, b: &Test) -> bool {
    // What is written tells most tests apart.
    a.text == b.text
        && a.left == b.left
        && match (&a.check, &b.check) {
            (Check::Equals(a), Check::Equals(b)) | (Check::In(List::Place(a)), Check::In(List::Place(b))) => {
                same_right(a, b)
            }
            (Check::Order(comparison, a), Check::Order(other, b)) => comparison == other && same_right(a, b),
            (Check::All(a), Check::All(b)) | (Check::In(List::Elements(a)), Check::In(List::Elements(b))) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_right(a, b))
            }
            (Check::Exists, Check::Exists) => true,
            (Check::Size(a), Check::Size(b)) => a == b,
            (Check::Type(a), Check::Type(b)) => a == b,
            (Check::Mod { divisor: a, remainder: c }, Check::Mod { divisor: b, remainder: d }) => (a, c) == (b, d),
            _ => false,
        }
}

fn same_right(a: &Right, b: &Right) -> bool {
    match (a, b) {
        (Right::Literal(a), Right::Literal(b)) => same_value(a, b),
        (Right::Context(a), Right::Context(b)) => a == b,
        (Right::Document(root, path), Right::Document(other, other_path)) => root == other && path == other_path,
        _ => false,
    }
}

fn same_value(a: &Bson, b: &Bson) -> bool {
    identical(a.into(), b.into()) == Ok(true)
}
