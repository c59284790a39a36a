//! What a schema says about paths, for lints, which have no documents to validate.

use bson::{Bson, Document};

use super::bound::Schema;
use super::report::{Place, Report};
use super::rule::{Counted, Limit, Order, Rule};
use super::shape::{Others, Shape};
use super::visit::Visit;
use crate::eval::Truth;
use crate::path::{FieldPath, Segment};
use crate::predicate::Predicate;
use crate::value::{Steps, Type, ValueRef};

/// What a schema says about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Property<'s> {
    /// The schema describes the path, or may describe it.
    Known,
    /// The schema describes the fields of the document that would contain this one, which is not among them.
    Absent {
        /// The number of segments of the path up to and including the field that is not described.
        length: usize,
        /// The fields that are described.
        names: Vec<&'s str>,
        /// Whether the schema rejects documents with other fields.
        closed: bool,
    },
}

impl Schema {
    /// Whether the schema of a path accepts a value, regardless of other parts of the schema.
    #[must_use]
    pub fn takes(&self, path: &[Segment], value: &Bson) -> bool {
        let Some((last, way)) = path.split_last() else { return true };
        let parents = self.described(way);
        if parents.is_empty() {
            return true;
        }
        parents.into_iter().any(|parent| match property(parent, last.name()) {
            Some(shape) => accepts(shape, value),
            None => !matches!(parent.properties.others, Others::Forbidden) || is_patterned(parent, last.name()),
        })
    }

    /// The values at a path that `enum` or `const` allows.
    #[must_use]
    pub fn values_at(&self, path: &[Segment]) -> Vec<&Bson> {
        let rules = self.described(path).into_iter().flat_map(|shape| &shape.rules);
        let listed = rules.filter_map(|rule| match rule {
            Rule::OneOf(values, _) => Some(values),
            _ => None,
        });
        listed.flatten().collect()
    }

    /// Whether the value at a path may be of this type, or an array with an element of this type. True if the schema
    /// does not restrict it.
    #[must_use]
    pub fn may_hold(&self, path: &[Segment], value: ValueRef<'_>) -> bool {
        let described = self.described(path);
        described.is_empty() || described.into_iter().any(|shape| holds(shape, value))
    }

    /// The names of the types that a path may have, in source form; `None` if the schema does not restrict them.
    #[must_use]
    pub fn type_names_at(&self, path: &[Segment]) -> Option<&str> {
        self.described(path).into_iter().find_map(|shape| types(shape).map(super::types::Types::names))
    }

    /// What the schema says about a path.
    #[must_use]
    pub fn property<'s>(&'s self, path: &'s [Segment]) -> Property<'s> {
        for (length, segment) in path.iter().enumerate() {
            let Some(way) = path.get(..length) else { break };
            let parents = self.described(way);
            let unknown = |shape: &&Shape| {
                !shape.combinations.is_empty()
                    || !shape.dependencies.is_empty()
                    || shape.properties.named.is_empty()
                    || matches!(shape.properties.others, Others::Shape(_))
                    || property(shape, segment.name()).is_some()
                    || is_patterned(shape, segment.name())
            };
            // The segment may be an array index.
            if parents.is_empty() || segment.index().is_some() || parents.iter().any(unknown) {
                if parents.iter().any(|shape| property(shape, segment.name()).is_some()) {
                    continue;
                }
                return Property::Known;
            }
            let names =
                parents.iter().flat_map(|shape| shape.properties.named.iter().map(|(name, _)| &**name)).collect();
            let closed = parents.iter().all(|shape| matches!(shape.properties.others, Others::Forbidden));
            return Property::Absent { length: length + 1, names, closed };
        }
        Property::Known
    }

    /// The names of the top-level fields in the schema.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shape().properties.named.iter().map(|(name, _)| &**name)
    }

    /// The `validate` expressions of fields, with their paths. The schema is followed only through `properties`.
    #[must_use]
    pub fn validates_of_properties(&self) -> Vec<(FieldPath, &Predicate)> {
        let mut found = Vec::new();
        let mut open: Vec<(String, &Shape)> = vec![(String::new(), self.shape())];
        while let Some((path, shape)) = open.pop() {
            for (name, inner) in shape.properties.named.iter().filter(|(_, inner)| inner.validates) {
                let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                if let (Some(predicate), Ok(path)) =
                    (inner.validate.and_then(|index| self.validates().nth(index)), FieldPath::parse(&path))
                {
                    found.push((path, predicate));
                }
                open.push((path, inner));
            }
        }
        found
    }

    /// A document with all required fields. The schema accepts it if it restricts nothing but types, values and sizes.
    #[must_use]
    pub fn sample(&self) -> Document {
        match sample(self.shape(), 0) {
            Some(Bson::Document(document)) => document,
            _ => Document::new(),
        }
    }

    /// The schemas that apply to a path. For an array, these include the schemas of its elements.
    fn described(&self, path: &[Segment]) -> Vec<&Shape> {
        let mut shapes = vec![self.shape()];
        for segment in path {
            let mut inner: Vec<&Shape> = Vec::new();
            for shape in shapes.into_iter().flat_map(|shape| std::iter::once(shape).chain(elements(shape))) {
                inner.extend(property(shape, segment.name()));
                if segment.index().is_some() {
                    inner.extend(elements(shape));
                }
            }
            shapes = inner;
        }
        shapes
    }
}

fn property<'s>(shape: &'s Shape, name: &str) -> Option<&'s Shape> {
    shape.properties.named.iter().find(|(known, _)| **known == *name).map(|(_, shape)| shape)
}

fn is_patterned(shape: &Shape, name: &str) -> bool {
    shape.properties.patterns.iter().any(|(pattern, _)| pattern.is_match(name))
}

fn elements(shape: &Shape) -> Option<&Shape> {
    match &shape.items.others {
        Others::Shape(inner) => Some(inner),
        _ => None,
    }
}

fn types(shape: &Shape) -> Option<&super::types::Types> {
    shape.rules.iter().find_map(|rule| match rule {
        Rule::Type(types) => Some(types),
        _ => None,
    })
}

/// Whether a schema accepts a value, provided that all `validate` expressions hold.
fn accepts(shape: &Shape, value: &Bson) -> bool {
    let ask = |_, _, _| Truth::True;
    let verdict =
        Visit::new(&ask, &Steps::default()).visit(shape, &Place::Root, None, Some(value.into()), &mut Report::Silent);
    verdict.is_ok_and(|verdict| verdict.is_none_or(Truth::is_true))
}

/// Whether a schema may accept a value of this type, or an array with an element of this type.
fn holds(shape: &Shape, value: ValueRef<'_>) -> bool {
    let Some(types) = types(shape) else { return true };
    if types.contains(value) || (value.number().is_some() && types.has_number()) {
        return true;
    }
    let array = types.contains(ValueRef::from(&Bson::Array(Vec::new())));
    array
        && (shape.items.first.iter().any(|inner| holds(inner, value))
            || match &shape.items.others {
                Others::Shape(inner) => holds(inner, value),
                Others::Free => shape.items.first.is_empty() || value.kind() != Type::Undefined,
                Others::Forbidden => false,
            })
}

/// The maximum nesting depth of a sample document.
const MAX_DEPTH: usize = 8;
/// The maximum length of strings and arrays in a sample document.
const MAX_LENGTH: usize = 1000;

/// A value that a schema probably accepts.
fn sample(shape: &Shape, depth: usize) -> Option<Bson> {
    if depth > MAX_DEPTH {
        return None;
    }
    let listed = shape.rules.iter().find_map(|rule| match rule {
        Rule::OneOf(values, _) => values.first(),
        _ => None,
    });
    if let Some(value) = listed {
        return Some(value.clone());
    }
    let is = |kind: Type| types(shape).is_none_or(|types| types.has(kind));
    if types(shape).is_some() && !is(Type::Object) {
        let numbers =
            bounds(shape).into_iter().flat_map(|n| [Bson::Int32(n), Bson::Int64(n.into()), Bson::Double(n.into())]);
        let length = |counted| {
            let least = shape.rules.iter().filter_map(|rule| match rule {
                Rule::Count(found, Limit::AtLeast, least) if *found == counted => Some(*least),
                _ => None,
            });
            least.max().unwrap_or(0).min(MAX_LENGTH)
        };
        let text: Bson = "x".repeat(length(Counted::Characters).max(1)).into();
        let element = elements(shape).and_then(|inner| sample(inner, depth + 1)).unwrap_or(Bson::Int32(1));
        let array: Bson = vec![element; length(Counted::Items)].into();
        let others =
            [Type::ObjectId, Type::Bool, Type::Date, Type::BinData, Type::Decimal, Type::Timestamp, Type::Null];
        let others = others.into_iter().filter_map(plain);
        let texts = [text, "2024-01-01".into(), "user@example.com".into(), "A1".into()];
        return texts.into_iter().chain(numbers).chain([array]).chain(others).find(|value| accepts(shape, value));
    }
    let mut document = Document::new();
    for rule in &shape.rules {
        if let Rule::Required(names) = rule {
            for name in names {
                let inner = property(shape, name);
                let value = inner.map_or(Some(Bson::Int32(1)), |inner| sample(inner, depth + 1));
                document.insert(name.to_string(), value.unwrap_or(Bson::Null));
            }
        }
    }
    (depth == 0 || is(Type::Object)).then(|| document.into())
}

/// The integers at the bounds, and next to them.
fn bounds(shape: &Shape) -> Vec<i32> {
    let mut found = vec![1, 0, -1, 100];
    for rule in &shape.rules {
        let (number, by) = match rule {
            Rule::Order(Order::AtLeast | Order::AtMost, number, _) | Rule::MultipleOf(number, _) => (number, 0),
            Rule::Order(Order::Above, number, _) => (number, 1),
            Rule::Order(Order::Below, number, _) => (number, -1),
            _ => continue,
        };
        found.extend(number.truncate().and_then(|n| i32::try_from(n).ok()).map(|n| n.saturating_add(by)));
    }
    found
}

fn plain(kind: Type) -> Option<Bson> {
    Some(match kind {
        Type::ObjectId => bson::oid::ObjectId::from_bytes([1; 12]).into(),
        Type::Bool => true.into(),
        Type::Date => bson::DateTime::from_millis(0).into(),
        Type::BinData => bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![1; 16] }.into(),
        Type::Decimal => "1".parse::<bson::Decimal128>().ok()?.into(),
        Type::Timestamp => bson::Timestamp { time: 1, increment: 1 }.into(),
        Type::Null => Bson::Null,
        _ => return None,
    })
}
