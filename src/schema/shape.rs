use std::collections::HashSet;

use super::rule::Rule;
use crate::expr::Pattern;
use crate::predicate::Predicate;

/// A schema, or one inside another, as it is meant. An empty one takes everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// What the value itself must be.
    pub(super) rules: Vec<Rule>,
    /// Which of the schema's `validate`s is asked.
    pub(super) validate: Option<usize>,
    /// `properties`, `patternProperties` and `additionalProperties`
    pub(super) properties: Properties,
    /// `items` and `additionalItems`
    pub(super) items: Items,
    /// `dependencies` that are schemas: the field, and the schema that holds where the field is.
    pub(super) dependencies: Vec<(Box<str>, Shape)>,
    /// `allOf`, `anyOf`, `oneOf` and `not`
    pub(super) combinations: Vec<Combination>,
    /// Whether a `validate` stands anywhere in it. If not, it has nothing to say about what is removed.
    pub(super) validates: bool,
}

/// What the fields of a document must be.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    /// By name, in the order as written.
    pub(super) named: Vec<(Box<str>, Shape)>,
    /// The names again.
    pub(super) names: HashSet<Box<str>>,
    /// By pattern.
    pub(super) patterns: Vec<(Pattern, Shape)>,
    /// All others.
    pub(super) others: Others,
}

/// What the elements of an array must be.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    /// By position.
    pub(super) first: Vec<Shape>,
    /// All others.
    pub(super) others: Others,
}

/// What is demanded of the fields or elements that are not mentioned.
#[derive(Clone, Debug, Default)]
pub(super) enum Others {
    /// Nothing.
    #[default]
    Free,
    /// There must be none.
    Forbidden,
    /// This.
    Shape(Box<Shape>),
}

/// Schemas about one value, and how many of them must hold.
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

/// A `validate`, and whether it stands where only True lets a document pass.
#[derive(Clone, Debug)]
pub(super) struct Validate {
    pub(super) predicate: Predicate,
    pub(super) standing: Standing,
}

/// Whether a schema inside another can only let a document pass by holding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its failing never helps.
    Plain,
    /// Within `not` or `oneOf`, where a document may pass because it fails.
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
    /// Whether nothing is demanded of fields that are not named.
    pub(super) fn is_free(&self) -> bool {
        self.patterns.is_empty() && matches!(self.others, Others::Free)
    }

    /// Whether a `validate` can be asked about a field that is found by pattern or as one of the others.
    pub(super) fn others_validate(&self) -> bool {
        self.others.validates() || self.patterns.iter().any(|(_, shape)| shape.validates)
    }
}

impl Items {
    /// Whether nothing is demanded of any element.
    pub(super) fn is_free(&self) -> bool {
        self.first.is_empty() && matches!(self.others, Others::Free)
    }
}

impl Shape {
    /// Notes whether a `validate` stands in it.
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
