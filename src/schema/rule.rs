use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use bson::Bson;

use super::membership::{has_twins, is_among};
use super::types::Types;
use crate::expr::Pattern;
use crate::value::{DocumentRef, Malformed, Number, ValueRef};

/// A constraint on a value. As in JSON Schema, it is satisfied by values of types that it does not concern.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// `bsonType` or `type`
    Type(Types),
    /// `enum` or `const`: the sorted values, and the requirement as shown in messages.
    OneOf(Vec<Bson>, Box<str>),
    /// `minimum` and `maximum`, or their exclusive forms: the required ordering, the bound, and its source text.
    Order(Order, Number, Box<str>),
    /// `multipleOf`: the divisor, and its source text.
    MultipleOf(Number, Box<str>),
    /// `minLength`, `maxItems` and the like.
    Count(Counted, Limit, usize),
    /// `pattern`
    Pattern(Pattern),
    /// `uniqueItems: true`
    Unique,
    /// `required`
    Required(Vec<Box<str>>),
    /// An entry of `dependencies` that is a list: if the first field exists, the others are required.
    RequiredBeside(Box<str>, Vec<Box<str>>),
}

/// The required ordering of a number relative to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// The characters of a string. A symbol counts as one character.
    Characters,
    /// The elements of an array.
    Items,
    /// The fields of a document.
    Properties,
}

/// Whether a limit is a minimum or a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    AtLeast,
    AtMost,
}

impl Order {
    /// Whether a number satisfies the constraint. NaN has no order relative to the bound, so it does not.
    const fn accepts(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (Self::AtLeast, Some(order)) => order.is_ge(),
            (Self::Above, Some(order)) => order.is_gt(),
            (Self::AtMost, Some(order)) => order.is_le(),
            (Self::Below, Some(order)) => order.is_lt(),
            (_, None) => false,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeast => "at least",
            Self::Above => "greater than",
            Self::AtMost => "at most",
            Self::Below => "less than",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeast => "at least",
            Self::AtMost => "at most",
        })
    }
}

impl Counted {
    fn count(self, value: ValueRef<'_>) -> Result<Option<usize>, Malformed> {
        Ok(match (self, value) {
            (Self::Characters, ValueRef::String(text) | ValueRef::Symbol(text)) => Some(text.chars().count()),
            (Self::Items, ValueRef::Array(array)) => Some(array.len()?),
            (Self::Properties, ValueRef::Document(DocumentRef::Decoded(document))) => Some(document.len()),
            (Self::Properties, ValueRef::Document(document)) => {
                Some(document.iter().map(|field| Ok(field?.0)).collect::<Result<HashSet<_>, Malformed>>()?.len())
            }
            _ => None,
        })
    }

    const fn noun(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Characters, 1) => "character",
            (Self::Characters, _) => "characters",
            (Self::Items, 1) => "item",
            (Self::Items, _) => "items",
            (Self::Properties, 1) => "property",
            (Self::Properties, _) => "properties",
        }
    }
}

impl Rule {
    /// The approximate number of steps for checking a value.
    pub(super) fn steps(&self, value: ValueRef<'_>) -> usize {
        match (self, value) {
            // The list is sorted, so this is a binary search.
            (Self::OneOf(values, _), _) => usize::try_from(values.len().checked_ilog2().unwrap_or(0)).unwrap_or(0) + 1,
            (Self::Pattern(pattern), ValueRef::String(text) | ValueRef::Symbol(text)) => pattern.steps(text.len()),
            (Self::Count(Counted::Characters, ..), ValueRef::String(text) | ValueRef::Symbol(text)) => text.len() / 64,
            (Self::Required(names) | Self::RequiredBeside(_, names), ValueRef::Document(_)) => names.len(),
            _ => 1,
        }
    }

    /// Calls `fail` for every violation of the constraint.
    pub(super) fn check(&self, value: ValueRef<'_>, fail: &mut dyn FnMut(fmt::Arguments<'_>)) -> Result<(), Malformed> {
        match self {
            Self::Type(types) => {
                if !types.contains(value) {
                    fail(format_args!("must be of type {}, not {}", types.names(), value.kind().alias()));
                }
            }
            Self::OneOf(values, text) => {
                if !is_among(value, values)? {
                    fail(format_args!("must be {text}"));
                }
            }
            Self::Order(order, bound, text) => {
                if value.number().is_some_and(|number| !order.accepts(number.order(*bound))) {
                    fail(format_args!("must be {order} {text}"));
                }
            }
            Self::MultipleOf(divisor, text) => {
                if value.number().is_some_and(|number| !number.is_multiple_of(*divisor)) {
                    fail(format_args!("must be a multiple of {text}"));
                }
            }
            Self::Count(counted, limit, bound) => {
                let fits = counted.count(value)?.is_none_or(|count| match limit {
                    Limit::AtLeast => count >= *bound,
                    Limit::AtMost => count <= *bound,
                });
                if !fits {
                    fail(format_args!("must have {limit} {bound} {}", counted.noun(*bound)));
                }
            }
            Self::Pattern(pattern) => {
                if let ValueRef::String(text) | ValueRef::Symbol(text) = value
                    && !pattern.is_match(text)
                {
                    fail(format_args!("must match the pattern {}", pattern.pattern()));
                }
            }
            Self::Unique => {
                if let ValueRef::Array(array) = value
                    && has_twins(array)?
                {
                    fail(format_args!("must not contain duplicate items"));
                }
            }
            Self::Required(names) => {
                if let ValueRef::Document(document) = value {
                    let has = Has::new(document, names.len())?;
                    for name in names {
                        if !has.field(name)? {
                            fail(format_args!("{name} is required"));
                        }
                    }
                }
            }
            Self::RequiredBeside(field, names) => {
                if let ValueRef::Document(document) = value
                    && document.get(field)?.is_some()
                {
                    let has = Has::new(document, names.len())?;
                    for name in names {
                        if !has.field(name)? {
                            fail(format_args!("{name} is required if {field} is present"));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The number of names up to which they are looked up one by one. For more, the fields of the document are hashed,
/// which takes one pass.
pub(super) const MAX_LINEAR_NAMES: usize = 16;

/// Looks up the fields of a document.
struct Has<'d> {
    document: DocumentRef<'d>,
    names: Option<HashSet<&'d str>>,
}

impl<'d> Has<'d> {
    fn new(document: DocumentRef<'d>, asked: usize) -> Result<Self, Malformed> {
        let names = || document.iter().map(|field| field.map(|(name, _)| name)).collect::<Result<_, _>>();
        Ok(Self { document, names: if asked > MAX_LINEAR_NAMES { Some(names()?) } else { None } })
    }

    fn field(&self, name: &str) -> Result<bool, Malformed> {
        match &self.names {
            Some(names) => Ok(names.contains(name)),
            None => Ok(self.document.get(name)?.is_some()),
        }
    }
}
