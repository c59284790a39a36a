use std::collections::HashSet;

use super::rule::Rule;
use crate::expr::Pattern;
use crate::predicate::Predicate;

/// The meaning of a schema, whether it is nested or not. The default accepts every value.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// The constraints on the value itself.
    pub(super) rules: Vec<Rule>,
    /// The index of the schema's own `validate` expression, if there is one.
    pub(super) validate: Option<usize>,
    /// `properties`, `patternProperties` and `additionalProperties`.
    pub(super) properties: Properties,
    /// `items` and `additionalItems`.
    pub(super) items: Items,
    /// The entries of `dependencies` that are schemas, each with the field for whose presence it applies.
    pub(super) dependencies: Vec<(Box<str>, Shape)>,
    /// `allOf`, `anyOf`, `oneOf` and `not`.
    pub(super) combinations: Vec<Combination>,
    /// Whether there is a `validate` at any depth. If there is none, the schema does not apply to values that are
    /// removed.
    pub(super) validates: bool,
}

/// The constraints on the fields of a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    /// The schemas of named fields, in source order.
    pub(super) named: Vec<(Box<str>, Shape)>,
    /// The same names as a set.
    pub(super) names: HashSet<Box<str>>,
    /// The schemas of fields whose name matches a pattern.
    pub(super) patterns: Vec<(Pattern, Shape)>,
    /// The constraint on other fields.
    pub(super) others: Others,
}

/// The constraints on the elements of an array.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    /// The schemas of the first elements, by position.
    pub(super) first: Vec<Shape>,
    /// The constraint on other elements.
    pub(super) others: Others,
}

/// The constraint on fields or elements to which no other schema applies.
#[derive(Clone, Debug, Default)]
pub(super) enum Others {
    /// There is none.
    #[default]
    Free,
    /// They are not allowed.
    Forbidden,
    /// They have to satisfy this schema.
    Shape(Box<Shape>),
}

/// Several schemas for one value, by how many of them have to hold.
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

/// A `validate` expression, with its standing.
#[derive(Clone, Debug)]
pub(super) struct Validate {
    pub(super) predicate: Predicate,
    pub(super) standing: Standing,
}

/// Whether a document can be valid because a nested schema does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It cannot.
    Plain,
    /// It can: the schema is inside `not` or `oneOf`.
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
    /// Whether any field is allowed, whatever its value, unless it is named.
    pub(super) fn is_free(&self) -> bool {
        self.patterns.is_empty() && matches!(self.others, Others::Free)
    }

    /// Whether a `validate` may apply to a field that is not named.
    pub(super) fn others_validate(&self) -> bool {
        self.others.validates() || self.patterns.iter().any(|(_, shape)| shape.validates)
    }
}

impl Items {
    /// Whether all elements are allowed.
    pub(super) fn is_free(&self) -> bool {
        self.first.is_empty() && matches!(self.others, Others::Free)
    }
}

impl Shape {
    /// Sets `validates`.
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
