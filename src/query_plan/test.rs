//! Translation of single tests to MongoDB. Where the server's behaviour matters, it has been observed and recorded in
//! fixtures/mongodb.

use bson::Bson;

use super::bounds::{Bounds, Range};
use super::field::Field;
use super::field_test::{Operator, may_be_listed};
use super::filter::Filter;
use super::known_value::{self, Unrolling};
use super::path::Path;
use super::plan::MAX_LIST;
use super::residual::within;
use crate::eval::{
    BoundCheck, BoundLeft, BoundList, BoundRight, BoundTest, BoundValue, Place, Residual, Standing, Truth, Unresolved,
};
use crate::expr::Comparison;
use crate::predicate::{DocumentRoot, Elements};
use crate::value::{Type, TypeSet, ValueRef, order};

/// The left operand of a test.
#[derive(Clone, Copy)]
pub(super) enum Looking<'f> {
    Document(Field<'f>),
    /// An element that `$elemMatch` examines.
    Elements,
    /// An element of a context array, compared with a value of the document.
    Known(ValueRef<'f>, Unrolling<'f>),
}

pub(super) fn bounds(test: &BoundTest, looking: Looking<'_>) -> Bounds {
    if test.calls() {
        return Bounds::OPEN;
    }
    match (&test.left, looking) {
        (BoundLeft::Unknown | BoundLeft::Failed(_), _) => Bounds::UNKNOWN,
        (BoundLeft::Document(place), Looking::Document(this)) => of_place(place, &test.check, this),
        (BoundLeft::Document(place), Looking::Known(_, unrolling)) => of_place(place, &test.check, unrolling.field),
        (BoundLeft::Element(path, _), Looking::Elements) => match Path::new(None, path.segments()) {
            Some(path) => of_path(&path, &test.check, None),
            None => Bounds::OPEN,
        },
        (BoundLeft::Value(..), Looking::Document(this)) => known_value::of_context(test, this),
        (BoundLeft::Value(..) | BoundLeft::Element(..), Looking::Known(element, unrolling)) => {
            known_value::of_test(test, Some(element), unrolling)
        }
        (BoundLeft::Element(..), Looking::Document(_))
        | (BoundLeft::Document(_) | BoundLeft::Value(..), Looking::Elements) => Bounds::OPEN,
    }
}

fn of_place(place: &Place, check: &BoundCheck, this: Field<'_>) -> Bounds {
    if place.path.is_root() && matches!(place.root, DocumentRoot::Root | DocumentRoot::PrevRoot) {
        return of_root(check);
    }
    match Path::of(place, this) {
        Some(path) => of_path(&path, check, Some((place, this))),
        None => Bounds::OPEN,
    }
}

/// Bounds for a check of the document as a whole, which always exists.
fn of_root(check: &BoundCheck) -> Bounds {
    match check {
        BoundCheck::Exists => Bounds::constant(Truth::True),
        BoundCheck::Equals(BoundRight::Document(place, Standing::Alone))
            if place.path.is_root() && matches!(place.root, DocumentRoot::Root | DocumentRoot::PrevRoot) =>
        {
            Bounds::constant(Truth::True)
        }
        BoundCheck::Client(test) => match test.pushed() {
            Some((_, written)) => {
                Bounds::exact(Filter::test("$expr", Operator::Expression, Bson::Array(vec![written.clone()])))
            }
            None => Bounds::OPEN,
        },
        _ => Bounds::OPEN,
    }
}

fn of_path(path: &Path, check: &BoundCheck, place: Option<(&Place, Field<'_>)>) -> Bounds {
    match check {
        BoundCheck::Equals(right) => equals(path, right, place),
        BoundCheck::Order(comparison, BoundRight::Value(BoundValue { value, .. })) => ordered(path, *comparison, value),
        BoundCheck::Order(_, BoundRight::Unknown | BoundRight::Failed(_)) => Bounds::UNKNOWN,
        BoundCheck::Order(..) => Bounds::OPEN,
        BoundCheck::In(BoundList::Unknown | BoundList::Failed(_)) => Bounds::UNKNOWN,
        BoundCheck::In(BoundList::Document(_)) => Bounds::OPEN,
        BoundCheck::In(BoundList::Elements { known, unknown, later, .. }) => {
            let mut parts = vec![one_of(path, known.iter())];
            parts.extend((*unknown != Unresolved::No).then_some(Bounds::UNKNOWN));
            parts.extend((!later.is_empty()).then_some(Bounds::OPEN));
            Bounds::any(parts)
        }
        BoundCheck::All(list) if list.is_empty() => Bounds::constant(Truth::False),
        BoundCheck::All(list) => Bounds::all(list.iter().map(|right| equals(path, right, place)).collect()),
        BoundCheck::Exists => Bounds::exact(path.exists()),
        BoundCheck::Size(size) => match i32::try_from(*size) {
            Ok(size) => Bounds::exact(path.test(Operator::Size, size)),
            // No array in a document can have that length.
            Err(_) => Bounds::constant(Truth::False),
        },
        BoundCheck::Type(set) => of_type(path, *set),
        BoundCheck::Mod { divisor, remainder } => {
            Bounds::exact(path.test(Operator::Mod, vec![Bson::Int64(*divisor), Bson::Int64(*remainder)]))
        }
        // The regular expression engines differ, so the filter only requires a type that can match.
        BoundCheck::Regex(_) => {
            let texts = path.test(Operator::Type, aliases(&["string", "symbol", "regex"]));
            Bounds::two_valued(Range { lower: Filter::Never, upper: texts })
        }
        BoundCheck::ElemMatch { elements, inner, operands } => elem_match(path, *elements, inner, operands),
        BoundCheck::Client(_) => Bounds::OPEN,
    }
}

fn aliases(names: &[&str]) -> Bson {
    names.iter().map(|name| Bson::from(*name)).collect::<Vec<_>>().into()
}

fn of_type(path: &Path, set: TypeSet) -> Bounds {
    let names: Vec<&str> = if set == TypeSet::NUMBER { vec!["number"] } else { set.iter().map(Type::alias).collect() };
    Bounds::exact(match names.as_slice() {
        [] => Filter::Never,
        [name] => path.test(Operator::Type, *name),
        names => path.test(Operator::Type, aliases(names)),
    })
}

pub(super) fn ordered(path: &Path, comparison: Comparison, value: &Bson) -> Bounds {
    let is_ordered = order(value.into(), value.into()).is_some();
    let operator = match comparison {
        Comparison::Gt => Operator::Gt,
        Comparison::Gte => Operator::Gte,
        Comparison::Lt => Operator::Lt,
        Comparison::Lte => Operator::Lte,
        Comparison::Eq | Comparison::Ne => return Bounds::OPEN,
    };
    // If the field has an index, the server rejects the negation (6.0: "cannot invert inexact bounds").
    if let Bson::Symbol(_) = value {
        let texts = path.test(Operator::Type, aliases(&["string", "symbol"]));
        return Bounds::two_valued(Range { lower: Filter::Never, upper: texts });
    }
    // MongoDB has an order for values of any type, but the rule language does not.
    if is_ordered { Bounds::exact(path.test(operator, value.clone())) } else { Bounds::constant(Truth::False) }
}

fn equals(path: &Path, right: &BoundRight, place: Option<(&Place, Field<'_>)>) -> Bounds {
    match right {
        BoundRight::Unknown | BoundRight::Failed(_) => Bounds::UNKNOWN,
        BoundRight::Value(BoundValue { value, members: None }) => one_of(path, [&**value]),
        BoundRight::Value(BoundValue { value, members: Some(members) }) => {
            let mut parts = vec![one_of(path, [&**value].into_iter().chain(members.values.iter()))];
            parts.extend(members.unknown.then_some(Bounds::UNKNOWN));
            Bounds::any(parts)
        }
        // Both operands are the same value of the same document, as `%%root` and `%%prevRoot` are the same. If it is
        // Missing, the test is Unknown.
        BoundRight::Document(other, Standing::Alone)
            if !path.has_index
                && place
                    .is_some_and(|(_, this)| Path::of(other, this).is_some_and(|other| other.text == path.text)) =>
        {
            Bounds { holds: Range::exact(path.exists()), fails: Range::NEVER }
        }
        BoundRight::Template(template) if template.is_unknown() => Bounds::UNKNOWN,
        BoundRight::Document(..) | BoundRight::Template(_) | BoundRight::Convert(..) | BoundRight::Function(_) => {
            Bounds::OPEN
        }
    }
}

/// Bounds for equality with one of the values.
pub(super) fn one_of<'v>(path: &Path, values: impl IntoIterator<Item = &'v Bson>) -> Bounds {
    let (listed, others): (Vec<&Bson>, Vec<&Bson>) = values.into_iter().partition(|value| may_be_listed(value));
    if listed.len() + others.len() > MAX_LIST {
        return Bounds::OPEN;
    }
    let mut parts: Vec<Bounds> = others.into_iter().map(|value| equal(path, value)).collect();
    match listed.as_slice() {
        [] => {}
        [value] => parts.push(equal(path, value)),
        values => {
            let values: Vec<Bson> = values.iter().copied().cloned().collect();
            parts.push(Bounds::exact(path.test(Operator::In, values)));
        }
    }
    Bounds::any(parts)
}

fn equal(path: &Path, value: &Bson) -> Bounds {
    match value {
        // MongoDB does not allow undefined as an operand, but a test for its type is equivalent.
        Bson::Undefined => Bounds::exact(path.test(Operator::Type, "undefined")),
        Bson::Null => null(path),
        Bson::RegularExpression(_) => Bounds::OPEN,
        value => Bounds::exact(path.test(Operator::Eq, value.clone())),
    }
}

/// Bounds for equality with a literal null, which includes Missing. Before MongoDB 8, it also includes undefined.
fn null(path: &Path) -> Bounds {
    let is_null = path.test(Operator::Type, "null");
    match path.length {
        0 => Bounds::exact(is_null),
        1 => Bounds::exact(Filter::any([is_null, path.exists().negate()])),
        _ => {
            let equal = path.test(Operator::Eq, Bson::Null);
            let undefined = path.test(Operator::Type, "undefined");
            Bounds::two_valued(Range { lower: Filter::all([equal.clone(), undefined.negate()]), upper: equal })
        }
    }
}

fn elem_match(path: &Path, elements: Elements, inner: &Residual, operands: &[BoundTest]) -> Bounds {
    if matches!(inner, Residual::Constant(Truth::Unknown) | Residual::Failed(_)) && operands.is_empty() {
        return Bounds::UNKNOWN;
    }
    if !operands.is_empty() {
        return Bounds::OPEN;
    }
    let inner = within(inner, Looking::Elements);
    let some = |filter: &Filter| match (filter, elements) {
        (Filter::Never, _) => Some(Filter::Never),
        (Filter::Always, _) => None,
        (filter, Elements::All) => filter.to_operators().map(|inner| path.test(Operator::ElemMatch, inner)),
        (filter, Elements::Containers) => filter.to_document().map(|inner| path.test(Operator::ElemMatch, inner)),
    };
    // If there is no better filter, the value must at least be an array.
    let some = |filter: &Filter, otherwise: Filter| some(filter).unwrap_or(otherwise);
    let array = || path.test(Operator::Type, "array");
    let (lower, upper) = (&inner.holds.lower, &inner.holds.upper);
    let holds = if lower == upper {
        match some(lower, Filter::Always) {
            Filter::Always => Range { lower: Filter::Never, upper: array() },
            filter => Range::exact(filter),
        }
    } else {
        Range { lower: some(lower, Filter::Never), upper: some(upper, array()) }
    };
    // `$elemMatch` is False if the condition is False for every element.
    if inner.fails == inner.holds.negate() {
        return Bounds::two_valued(holds);
    }
    let other = inner.fails.negate();
    let other = Range { lower: some(&other.lower, Filter::Never), upper: some(&other.upper, array()) };
    Bounds { holds, fails: other.negate() }
}
