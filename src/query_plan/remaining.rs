use std::collections::BTreeSet;
use std::fmt;

use super::field::Field;
use super::plan::MAX_LIST;
use super::residual::bounds;
use crate::eval::{BoundCheck, BoundLeft, BoundList, BoundRight, BoundTest, KnownOperand, Residual};
use crate::path::Segment;
use crate::predicate::DocumentRoot;

/// A part of the rules that MongoDB cannot evaluate, so that it has to be checked on each document found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remaining {
    /// A call of `%function`.
    Function,
    /// A `$regex`.
    Pattern,
    /// A comparison of two values of the document.
    Documents,
    /// A comparison of a context value with a value of the document that may be a list.
    Context,
    /// A conversion of a value of the document, such as `%stringToOid`.
    Conversion,
    /// A list of more than [`MAX_LIST`] values.
    List,
    /// A condition on the elements of an array.
    Elements,
    /// A rule on fields without a MongoDB path: fields of array elements, or fields of any name.
    Fields,
    /// Conditions that exceed the size and depth limits of a filter.
    Size,
    /// Something else: a comparison with null below the top level (before MongoDB 8, undefined equals null), a path
    /// with numeric segments, or a name that filters do not allow.
    Other,
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function => f.write_str("a function call"),
            Self::Pattern => f.write_str("a regular expression: whether the text matches"),
            Self::Documents => f.write_str("a comparison of two values of the document"),
            Self::Context => {
                f.write_str("a comparison of a list in the document with a value of the user or the request")
            }
            Self::Conversion => f.write_str("a conversion of a value of the document"),
            Self::List => write!(f, "a list of more than {MAX_LIST} values"),
            Self::Elements => f.write_str("a condition on the elements of an array"),
            Self::Fields => f.write_str("which individual fields are visible, where a filter cannot express it"),
            Self::Size => f.write_str("conditions beyond the size limit of a filter"),
            Self::Other => f.write_str("a comparison that a filter cannot express"),
        }
    }
}

impl Remaining {
    /// A stable, machine-readable name, such as `function`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Pattern => "pattern",
            Self::Documents => "documents",
            Self::Context => "context",
            Self::Conversion => "conversion",
            Self::List => "list",
            Self::Elements => "elements",
            Self::Fields => "fields",
            Self::Size => "size",
            Self::Other => "other",
        }
    }
}

/// Adds the parts of a rule that have to be checked.
pub(crate) fn remaining(rule: &Residual, this: Field<'_>, found: &mut BTreeSet<Remaining>) {
    let range = bounds(rule, this);
    if range.holds.lower == range.holds.upper && range.fails.lower == range.fails.upper {
        return;
    }
    match rule {
        Residual::Constant(_) | Residual::Failed(_) => {}
        Residual::All(parts) | Residual::Any(parts) => parts.iter().for_each(|part| remaining(part, this, found)),
        Residual::Not(inner) => remaining(inner, this, found),
        Residual::Test(test) => {
            found.insert(of_test(test, this));
        }
    }
}

fn of_test(test: &BoundTest, this: Field<'_>) -> Remaining {
    if test.calls() {
        return Remaining::Function;
    }
    match &test.check {
        BoundCheck::Regex(_) => Remaining::Pattern,
        BoundCheck::ElemMatch { elements, inner, .. } => match KnownOperand::of(&test.left, None) {
            // Every test is repeated for every element.
            Ok(Some(known)) if known.elements(*elements).is_ok_and(|found| found.len() * tests(inner) < MAX_LIST) => {
                of_elements(inner, this).unwrap_or(Remaining::Other)
            }
            Ok(Some(_)) => Remaining::List,
            Ok(None) | Err(_) => Remaining::Elements,
        },
        BoundCheck::Equals(right) | BoundCheck::Order(_, right) => of_right(right, test, this),
        BoundCheck::All(list) => list.iter().map(|right| of_right(right, test, this)).min().unwrap_or(Remaining::Other),
        BoundCheck::In(BoundList::Document(place)) => of_documents(&test.left, place.path.segments()),
        BoundCheck::In(BoundList::Elements { known, later, .. }) => {
            let later = later.iter().map(|right| of_right(right, test, this)).min();
            later.unwrap_or_else(|| {
                if known.iter().len() > MAX_LIST { Remaining::List } else { of_left(&test.left, this) }
            })
        }
        _ => of_left(&test.left, this),
    }
}

/// The remaining part of a condition on the elements of a context array, which is that of the tests that depend on the
/// document.
fn of_elements(inner: &Residual, this: Field<'_>) -> Option<Remaining> {
    match inner {
        Residual::Constant(_) | Residual::Failed(_) => None,
        Residual::All(parts) | Residual::Any(parts) => parts.iter().filter_map(|part| of_elements(part, this)).min(),
        Residual::Not(inner) => of_elements(inner, this),
        Residual::Test(test) => match (&test.left, &test.check) {
            (_, BoundCheck::ElemMatch { inner, .. }) => of_elements(inner, this),
            (BoundLeft::Document(_), _) => Some(of_test(test, this)),
            (_, check) => check.asks_documents().then(|| of_test(test, this)),
        },
    }
}

fn tests(inner: &Residual) -> usize {
    match inner {
        Residual::Constant(_) | Residual::Failed(_) => 0,
        Residual::All(parts) | Residual::Any(parts) => parts.iter().map(tests).sum(),
        Residual::Not(inner) => tests(inner),
        Residual::Test(_) => 1,
    }
}

/// The remaining part of a comparison with a value of the document.
fn of_documents(left: &BoundLeft, path: &[Segment]) -> Remaining {
    match left {
        BoundLeft::Value(..) | BoundLeft::Element(..) if path.iter().skip(1).any(|name| name.index().is_some()) => {
            Remaining::Other
        }
        BoundLeft::Value(..) | BoundLeft::Element(..) => {
            match KnownOperand::of(left, None).and_then(|known| known.map_or(Ok(Vec::new()), KnownOperand::values)) {
                Ok(values) if values.len() <= MAX_LIST => Remaining::Context,
                _ => Remaining::List,
            }
        }
        BoundLeft::Document(_) | BoundLeft::Unknown | BoundLeft::Failed(_) => Remaining::Documents,
    }
}

fn of_right(right: &BoundRight, test: &BoundTest, this: Field<'_>) -> Remaining {
    match right {
        BoundRight::Function(_) => Remaining::Function,
        BoundRight::Convert(..) => Remaining::Conversion,
        BoundRight::Document(place, _) => of_documents(&test.left, place.path.segments()),
        BoundRight::Template(_) => of_documents(&test.left, &[]),
        // The list as a whole is tested in addition to its elements.
        BoundRight::Value(value) if value.members.as_ref().is_some_and(|list| list.values.iter().len() >= MAX_LIST) => {
            Remaining::List
        }
        BoundRight::Value(_) | BoundRight::Unknown | BoundRight::Failed(_) => of_left(&test.left, this),
    }
}

fn of_left(left: &BoundLeft, this: Field<'_>) -> Remaining {
    match (left, this) {
        (BoundLeft::Document(place), Field::Somewhere)
            if matches!(place.root, DocumentRoot::This | DocumentRoot::Prev) =>
        {
            Remaining::Fields
        }
        _ => Remaining::Other,
    }
}
