//! Single tests as MongoDB says them. What was observed on a server about each stands in fixtures/mongodb.

use bson::Bson;

use super::bounds::{Bounds, Range};
use super::filter::{Filter, Operator, may_be_listed};
use super::plan::MAX_LIST;
use super::residual::{Field, within};
use crate::eval::{
    BoundCheck, BoundLeft, BoundList, BoundRight, BoundTest, BoundValue, Place, Residual, Standing, Truth, Unresolved,
};
use crate::expr::Comparison;
use crate::path::Segment;
use crate::predicate::{DocumentRoot, Elements};
use crate::value::{Type, TypeSet, order};

/// What the tests of a filter look at.
#[derive(Clone, Copy)]
pub(super) enum Looking<'f> {
    Document(Field<'f>),
    /// The elements that `$elemMatch` looks at.
    Elements,
}

/// A place that MongoDB has a path for; without a name, the element that `$elemMatch` looks at.
struct Path {
    text: String,
    /// How many names it has.
    length: usize,
    /// Whether a name after the first can also be an index of an array.
    has_index: bool,
    /// The paths to what it leads through.
    prefixes: Vec<String>,
}

impl Path {
    /// None for the document itself, and where a name would be an operator.
    fn new(first: Option<&str>, rest: &[Segment]) -> Option<Self> {
        let mut path = Self { text: String::new(), length: 0, has_index: false, prefixes: Vec::new() };
        let names = first.into_iter().map(|name| (name, false));
        for (name, is_index) in names.chain(rest.iter().map(|segment| (segment.name(), segment.index().is_some()))) {
            if name.is_empty() || name.starts_with('$') || name.contains(['.', '\0']) {
                return None;
            }
            if path.length > 0 {
                path.prefixes.push(path.text.clone());
                path.text.push('.');
            }
            path.has_index |= is_index && path.length > 0;
            path.text.push_str(name);
            path.length += 1;
        }
        // A server counts every name as a level.
        (path.length <= 50).then_some(path)
    }

    /// Of a place in the stored document.
    fn of(place: &Place, this: Field<'_>) -> Option<Self> {
        let path = place.path.segments();
        let path = match (place.root, this) {
            (DocumentRoot::Root | DocumentRoot::PrevRoot, _) => Self::new(None, path)?,
            (DocumentRoot::This | DocumentRoot::Prev, Field::Named(name)) => Self::new(Some(name), path)?,
            (DocumentRoot::This | DocumentRoot::Prev, Field::Somewhere) => return None,
        };
        (path.length > 0).then_some(path)
    }

    fn test(&self, operator: Operator, operand: impl Into<Bson>) -> Filter {
        Filter::test(&self.text, operator, operand)
    }

    fn exists(&self) -> Filter {
        if self.length == 0 { Filter::Always } else { Filter::exists(&self.text) }
    }

    /// The documents in which the path leads through no array and to none: to one value or nothing.
    fn without_arrays(&self) -> Filter {
        let paths = self.prefixes.iter().chain([&self.text]);
        Filter::all(paths.map(|path| Filter::test(path, Operator::Type, "array").negate()))
    }
}

pub(super) fn bounds(test: &BoundTest, looking: Looking<'_>) -> Bounds {
    if test.calls() {
        return Bounds::OPEN;
    }
    match (&test.left, looking) {
        (BoundLeft::Unknown | BoundLeft::Failed(_), _) => Bounds::UNKNOWN,
        (BoundLeft::Document(place), Looking::Document(this)) => {
            if place.path.is_root() && matches!(place.root, DocumentRoot::Root | DocumentRoot::PrevRoot) {
                return of_root(&test.check);
            }
            match Path::of(place, this) {
                Some(path) => of_path(&path, &test.check, Some((place, this))),
                None => Bounds::OPEN,
            }
        }
        (BoundLeft::Element(path), Looking::Elements) => match Path::new(None, path.segments()) {
            Some(path) => of_path(&path, &test.check, None),
            None => Bounds::OPEN,
        },
        (BoundLeft::Value(value, path), Looking::Document(this)) if path.is_root() => {
            of_value(value.as_deref(), &test.check, this)
        }
        _ => Bounds::OPEN,
    }
}

/// Of the stored document as a whole, which is there.
fn of_root(check: &BoundCheck) -> Bounds {
    match check {
        BoundCheck::Exists => Bounds::constant(Truth::True),
        BoundCheck::Equals(BoundRight::Document(place, Standing::Alone))
            if place.path.is_root() && matches!(place.root, DocumentRoot::Root | DocumentRoot::PrevRoot) =>
        {
            Bounds::constant(Truth::True)
        }
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
            // No document has room for so many.
            Err(_) => Bounds::constant(Truth::False),
        },
        BoundCheck::Type(set) => of_type(path, *set),
        BoundCheck::Mod { divisor, remainder } => {
            Bounds::exact(path.test(Operator::Mod, vec![Bson::Int64(*divisor), Bson::Int64(*remainder)]))
        }
        // Engines differ on patterns, so that only what is text at all is asked for.
        BoundCheck::Regex(_) => {
            let texts = path.test(Operator::Type, aliases(&["string", "symbol", "regex"]));
            Bounds::two_valued(Range { lower: Filter::Never, upper: texts })
        }
        BoundCheck::ElemMatch { elements, inner, operands } => elem_match(path, *elements, inner, operands),
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

fn ordered(path: &Path, comparison: Comparison, value: &Bson) -> Bounds {
    let is_ordered = order(value.into(), value.into()).is_some();
    let operator = match comparison {
        Comparison::Gt => Operator::Gt,
        Comparison::Gte => Operator::Gte,
        Comparison::Lt => Operator::Lt,
        Comparison::Lte => Operator::Lte,
        Comparison::Eq | Comparison::Ne => return Bounds::OPEN,
    };
    // A server that has an index of the field refuses to negate it (6.0: "cannot invert inexact bounds").
    if let Bson::Symbol(_) = value {
        let texts = path.test(Operator::Type, aliases(&["string", "symbol"]));
        return Bounds::two_valued(Range { lower: Filter::Never, upper: texts });
    }
    // MongoDB has an order for any type, the rules have not.
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
        // A place is what it was: the stored document is both `%%root` and `%%prevRoot`. Missing is Unknown.
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

/// Equal to one of the values.
fn one_of<'v>(path: &Path, values: impl IntoIterator<Item = &'v Bson>) -> Bounds {
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
        // No operand, but a type of which there is only one value.
        Bson::Undefined => Bounds::exact(path.test(Operator::Type, "undefined")),
        Bson::Null => null(path),
        Bson::RegularExpression(_) => Bounds::OPEN,
        value => Bounds::exact(path.test(Operator::Eq, value.clone())),
    }
}

/// Null or Missing. To MongoDB before 8 undefined equals null too.
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
    // At the least, there is an array.
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
    // It does not hold where it does not for any element.
    if inner.fails == inner.holds.negate() {
        return Bounds::two_valued(holds);
    }
    let other = inner.fails.negate();
    let other = Range { lower: some(&other.lower, Filter::Never), upper: some(&other.upper, array()) };
    Bounds { holds, fails: other.negate() }
}

/// A value of the context on the left, as in `{"%%user.id": "%%root.owner"}`. On the right, a place in the document is one whole
/// value, and Missing is Unknown.
fn of_value(value: Option<&Bson>, check: &BoundCheck, this: Field<'_>) -> Bounds {
    let is_scalar = value.is_none_or(|value| !matches!(value, Bson::Array(_)));
    match check {
        BoundCheck::Equals(BoundRight::Document(place, Standing::Alone)) if is_scalar => match Path::of(place, this) {
            Some(path) => value_equals(value, &path),
            None => Bounds::OPEN,
        },
        BoundCheck::In(BoundList::Document(place)) if is_scalar => match Path::of(place, this) {
            Some(path) => value_in(value, &path),
            None => Bounds::OPEN,
        },
        _ => Bounds::OPEN,
    }
}

/// Unlike on the left, an array of the document does not stand for its elements.
fn value_equals(value: Option<&Bson>, path: &Path) -> Bounds {
    if path.has_index {
        return Bounds::OPEN;
    }
    let equal = match value {
        None => Filter::Never,
        Some(Bson::Null) => path.test(Operator::Type, "null"),
        Some(value) => match equal(path, value).holds {
            Range { lower, upper } if lower == upper => lower,
            _ => return Bounds::OPEN,
        },
    };
    let equal = Filter::all([equal, path.without_arrays()]);
    let fails = Filter::all([path.exists(), equal.negate()]);
    Bounds { holds: Range::exact(equal), fails: Range::exact(fails) }
}

/// Only of a top-level field: elsewhere a path can lead to a list by crossing arrays.
fn value_in(value: Option<&Bson>, path: &Path) -> Bounds {
    if path.length != 1 {
        return Bounds::OPEN;
    }
    let element = Path { text: String::new(), length: 0, has_index: false, prefixes: Vec::new() };
    let has = match value {
        None => Some(Filter::Never),
        Some(value) => match equal(&element, value).holds {
            Range { lower, upper } if lower == upper => {
                lower.to_operators().map(|inner| path.test(Operator::ElemMatch, inner))
            }
            _ => None,
        },
    };
    let Some(has) = has else { return Bounds::OPEN };
    let fails = Filter::all([path.test(Operator::Type, "array"), has.negate()]);
    Bounds { holds: Range::exact(has), fails: Range::exact(fails) }
}
