use bson::Bson;

use super::field::Field;
use super::field_test::Operator;
use super::filter::Filter;
use crate::eval::Place;
use crate::path::Segment;
use crate::predicate::DocumentRoot;

/// A path in MongoDB's syntax. Without segments, it refers to the element that `$elemMatch` examines.
pub(super) struct Path {
    pub(super) text: String,
    /// The number of segments.
    pub(super) length: usize,
    /// Whether a segment other than the first can be an index.
    pub(super) has_index: bool,
    /// All proper prefixes of the path.
    prefixes: Vec<String>,
}

impl Path {
    /// `None` for the document itself, and for a name that MongoDB would take for an operator.
    pub(super) fn new(first: Option<&str>, rest: &[Segment]) -> Option<Self> {
        let mut path = Self::element();
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
        // Each segment counts as a level of nesting on the server.
        (path.length <= 50).then_some(path)
    }

    /// The element that `$elemMatch` examines.
    pub(super) const fn element() -> Self {
        Self { text: String::new(), length: 0, has_index: false, prefixes: Vec::new() }
    }

    /// The path of a place in the stored document; `None` if there is none.
    pub(super) fn of(place: &Place, this: Field<'_>) -> Option<Self> {
        let path = place.path.segments();
        let path = match (place.root, this) {
            (DocumentRoot::Root | DocumentRoot::PrevRoot, _) => Self::new(None, path)?,
            (DocumentRoot::This | DocumentRoot::Prev, Field::Named(name)) => Self::new(Some(name), path)?,
            (DocumentRoot::This | DocumentRoot::Prev, Field::Somewhere) => return None,
        };
        (path.length > 0).then_some(path)
    }

    pub(super) fn test(&self, operator: Operator, operand: impl Into<Bson>) -> Filter {
        Filter::test(&self.text, operator, operand)
    }

    pub(super) fn exists(&self) -> Filter {
        if self.length == 0 { Filter::Always } else { Filter::exists(&self.text) }
    }

    /// The documents without an array anywhere on the path, in which it has at most one value.
    pub(super) fn without_arrays(&self) -> Filter {
        let paths = self.prefixes.iter().chain([&self.text]);
        Filter::all(paths.map(|path| Filter::test(path, Operator::Type, "array").negate()))
    }

    /// The documents without an array on the path, except at its end; `None` if this holds for all, because the path
    /// has only one segment.
    pub(super) fn straight(&self) -> Option<Filter> {
        let prefixes = self.prefixes.iter().map(|path| Filter::test(path, Operator::Type, "array").negate());
        (!self.prefixes.is_empty()).then(|| Filter::all(prefixes))
    }
}
