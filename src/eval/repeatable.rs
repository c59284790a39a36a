use bson::Bson;

use crate::predicate::{Left, List, Right, Test, TestKind};
use crate::value::identical;

/// Whether the outcome of a test depends only on `%%root`, `%%prevRoot` and the context, and it calls no function. Such
/// a test is evaluated only once per pair of documents.
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
            TestKind::Equals(right) | TestKind::Order(_, right) | TestKind::In(List::Place(right)) => plain(right),
            TestKind::All(list) | TestKind::In(List::Elements(list)) => list.iter().all(plain),
            TestKind::Exists | TestKind::Size(_) | TestKind::Type(_) | TestKind::Mod { .. } => true,
            TestKind::Regex(_) | TestKind::ElemMatch(..) | TestKind::Client(_) => false,
        }
}

/// Whether two repeatable tests are equivalent.
pub(super) fn is_same(a: &Test, b: &Test) -> bool {
    // Comparing the text first rejects most pairs cheaply.
    a.text == b.text
        && a.left == b.left
        && match (&a.check, &b.check) {
            (TestKind::Equals(a), TestKind::Equals(b))
            | (TestKind::In(List::Place(a)), TestKind::In(List::Place(b))) => same_right(a, b),
            (TestKind::Order(comparison, a), TestKind::Order(other, b)) => comparison == other && same_right(a, b),
            (TestKind::All(a), TestKind::All(b))
            | (TestKind::In(List::Elements(a)), TestKind::In(List::Elements(b))) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_right(a, b))
            }
            (TestKind::Exists, TestKind::Exists) => true,
            (TestKind::Size(a), TestKind::Size(b)) => a == b,
            (TestKind::Type(a), TestKind::Type(b)) => a == b,
            (TestKind::Mod { divisor: a, remainder: c }, TestKind::Mod { divisor: b, remainder: d }) => {
                (a, c) == (b, d)
            }
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
