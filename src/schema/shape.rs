use std::collections::HashSet;

use super::rule::Rule;
use crate::expr::Pattern;
use crate::predicate::Predicate;

/// The meaning of a schema or nested schema. An empty one accepts everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// The constraints on the value itself.
    pub(super) rules: Vec<Rule>,
    /// The index of its `validate` expression in the schema.
    pub(super) validate: Option<usize>,
    /// `properties`, `patternProperties` and `additionalProperties`
    pub(super) properties: Properties,
    /// `items` and `additionalItems`
    pub(super) items: Items,
    /// `dependencies` entries with a schema: the field, and the schema that applies if the field exists.
    pub(super) dependencies: Vec<(Box<str>, Shape)>,
    /// `allOf`, `anyOf`, `oneOf` and `not`
    pub(super) combinations: Vec<Combination>,
    /// Whether it contains a `validate` at any depth. If not, it does not apply to removed values.
    pub(super) validates: bool,
}

/// The constraints on the fields of a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    /// By name, in source order.
    pub(super) named: Vec<(Box<str>, Shape)>,
    /// The same names as a set.
    pub(super) names: HashSet<Box<str>>,
    /// By pattern.
    pub(super) patterns: Vec<(Pattern, Shape)>,
    /// For all other fields.
    pub(super) others: Others,
}

/// The constraints on the elements of an array.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    /// By position.
    pub(super) first: Vec<Shape>,
    /// For all other elements.
    pub(super) others: Others,
}

/// The constraint on fields or elements without one of their own.
#[derive(Clone, Debug, Default)]
pub(super) enum Others {
    /// None.
    #[default]
    Free,
    /// They are not allowed.
    Forbidden,
    /// They must satisfy this schema.
    Shape(Box<Shape>),
}

/// Schemas for the same value, and how many of them must hold.
#[derive(Clone, Debug)]
pub(super) enum Combination {
    /// `allOf`
    All(Vec<Shape>),
    /// `anyOf`
    Any(Vec<Shape>),
    /// `oneOf`
    One(Vec<Shape>),
    /// `not`
    Not(Box<Shape>),
}

/// A `validate`, and whether the document can become valid by its failing.
#[derive(Clone, Debug)]
pub(super) struct Validate {
    pub(super) predicate: Predicate,
    pub(super) standing: Standing,
}

/// Whether failing to satisfy a nested schema can make the document valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It cannot.
    Plain,
    /// It can, because the schema is inside `not` or `oneOf`.
    Inverted,
}

impl Others {
    pub(super) fn validates(&self) -> bool {
        matches!(self, Self::Shape(shape) if shape.validates)
    }
}

impl Combination {
    pub(super) fn shapes(&self) -> &[Shape] {
        match self {
            Self::All(shapes) | Self::Any(shapes) | Self::One(shapes) => shapes,
            Self::Not(shape) => std::slice::from_ref(&**shape),
        }
    }
}

impl Properties {
    /// Whether fields that are not named are unconstrained.
    pub(super) fn is_free(&self) -> bool {
        self.patterns.is_empty() && matches!(self.others, Others::Free)
    }

    /// Whether a `validate` may apply to a field that is not found by name.
    pub(super) fn others_validate(&self) -> bool {
        self.others.validates() || self.patterns.iter().any(|(_, shape)| shape.validates)
    }
}

impl Items {
    /// Whether elements are unconstrained.
    pub(super) fn is_free(&self) -> bool {
        self.first.is_empty() && matches!(self.others, Others::Free)
    }
}

impl Shape {
    /// Records whether it contains a `validate`.
    pub(super) fn seal(mut self) -> Self {
        self.validates = self.validate.is_some()
            || self.properties.named.iter().any(|(_, shape)| shape.validates)
            || self.properties.others_validate()
            || self.items.first.iter().any(|shape| shape.validates)
            || self.items.others.validates()
            || self.dependencies.iter().any(|(_, shape)| shape.validates)
            || self.combinations.iter().any(|combination| combination.shapes().iter().any(|shape| shape.validates));
        self
    }
}
