//! Findings about negated comparisons, which hold for missing fields as well.

use bson::Bson;

use super::catalogue::NEGATION_OF_MISSING;
use super::report::Report;
use super::shape::{Polarity, View, place_name, view};
use crate::predicate::{ContextRoot, DocumentRoot, Left, List, Predicate, Right, Test, TestKind};

pub(super) fn lint(predicate: &Predicate, report: &mut Report) {
    walk(predicate, Polarity::Asserted, &[], report);
}

/// `settled` contains the operands for which a neighbouring condition covers Missing.
fn walk<'p>(predicate: &'p Predicate, polarity: Polarity, settled: &[&'p Left], report: &mut Report) {
    let (parts, polarity, says): (_, _, fn(&Test, Polarity) -> bool) = match view(predicate, polarity) {
        View::Constant => return,
        View::All(parts, polarity) => (parts, polarity, excludes_missing),
        View::Any(parts, polarity) => (parts, polarity, names_missing),
        View::Test(test, Polarity::Denied) => return negated(test, settled, report),
        View::Test(_, Polarity::Asserted) => return,
    };
    let mut settled = settled.to_vec();
    for part in parts {
        beside(part, polarity, says, &mut settled);
    }
    for part in parts {
        walk(part, polarity, &settled, report);
    }
}

fn beside<'p>(
    predicate: &'p Predicate,
    polarity: Polarity,
    says: fn(&Test, Polarity) -> bool,
    settled: &mut Vec<&'p Left>,
) {
    match view(predicate, polarity) {
        View::Test(test, polarity) if says(test, polarity) => settled.push(&test.left),
        View::All(parts, polarity) => parts.iter().for_each(|part| beside(part, polarity, says, settled)),
        _ => {}
    }
}

/// Whether a test does not hold for a missing operand.
fn excludes_missing(test: &Test, polarity: Polarity) -> bool {
    (polarity == Polarity::Asserted) != holds_for_null(test)
}

/// Whether the purpose of a test is to accept a missing operand.
fn names_missing(test: &Test, polarity: Polarity) -> bool {
    match polarity {
        Polarity::Denied => matches!(test.check, TestKind::Exists),
        Polarity::Asserted => holds_for_null(test),
    }
}

fn holds_for_null(test: &Test) -> bool {
    let null = |right: &Right| matches!(right, Right::Literal(Bson::Null));
    match &test.check {
        TestKind::Equals(right) => null(right),
        TestKind::In(List::Elements(rights)) => rights.iter().any(null),
        _ => false,
    }
}

fn negated(test: &Test, settled: &[&Left], report: &mut Report) {
    let missable = match &test.left {
        // `_id` always exists.
        Left::Document(root, path) => *root != DocumentRoot::Root || path.first() != Some("_id"),
        Left::Context(reference) => {
            reference.root == ContextRoot::User && matches!(reference.path.first(), Some("custom_data" | "data"))
        }
        Left::Boolean(_) | Left::Element(_) => false,
    };
    let deliberate = match &test.check {
        // This is the idiom for a flag that may be missing: `{"deleted": {"$ne": true}}`.
        TestKind::Equals(Right::Literal(Bson::Boolean(true)) | Right::Document(..)) => true,
        TestKind::Exists | TestKind::Type(_) => true,
        _ => holds_for_null(test),
    };
    if !missable || deliberate || settled.iter().any(|left| reaches(left, &test.left)) {
        return;
    }
    let name = name(&test.left);
    let who = match test.left {
        Left::Context(_) => format!("also holds for a user without `{name}`"),
        _ => format!("also holds where `{name}` is missing"),
    };
    let message = format!("the negation of `{}` {who}", test.text);
    let help = format!("if that is not meant, add {{\"{name}\": {{\"$exists\": true}}}} beside it with `%and`");
    report.add(NEGATION_OF_MISSING, test.span, message, help);
}

fn name(left: &Left) -> String {
    match left {
        Left::Document(root, path) => place_name(*root, path),
        Left::Context(reference) => reference.to_string(),
        Left::Element(path) => path.to_string(),
        Left::Boolean(value) => format!("%%{value}"),
    }
}

/// Whether `deeper` is `left` or a path inside it. It can then only exist if `left` does.
fn reaches(deeper: &Left, left: &Left) -> bool {
    match (deeper, left) {
        (Left::Document(a, deeper), Left::Document(b, path)) => {
            a == b && deeper.segments().starts_with(path.segments())
        }
        (Left::Context(deeper), Left::Context(reference)) => {
            deeper.root == reference.root && deeper.path.segments().starts_with(reference.path.segments())
        }
        _ => deeper == left,
    }
}
