use std::sync::Arc;

use super::bound_operand::{BoundLeft, BoundList, BoundRight, Unresolved};
use super::fast_test::{FastTest, NestedFastTest};
use super::test_number::TestNumber;
use super::{Errors, EvalError, Truth};
use crate::expr::{Comparison, Pattern};
use crate::predicate::Elements;
use crate::question::ClientTest;
use crate::value::TypeSet;

/// What remains of a predicate once the context is bound: a condition on documents.
#[derive(Clone, Debug)]
pub enum Residual {
    /// The same outcome for every document. It is never [`Truth::Error`]; that is [`Self::Failed`], which includes the
    /// reasons.
    Constant(Truth),
    /// An Error for every document, with its reasons.
    Failed(Arc<[EvalError]>),
    /// The conjunction of the parts.
    All(Box<[Residual]>),
    /// The disjunction of the parts.
    Any(Box<[Residual]>),
    /// The negation of the part.
    Not(Box<Residual>),
    /// A test.
    Test(Box<BoundTest>),
}

/// A test on a value in a document, or of a context value against one.
#[derive(Clone, Debug)]
pub struct BoundTest {
    /// The equivalent fast form, if there is one: `quick` for a top-level field, `quick_inside` for a nested one.
    pub(crate) quick: Option<FastTest>,
    pub(crate) quick_inside: Option<Box<NestedFastTest>>,
    pub(crate) left: BoundLeft,
    pub(crate) check: BoundCheck,
    pub(crate) number: TestNumber,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundCheck {
    Equals(BoundRight),
    Order(Comparison, BoundRight),
    In(BoundList),
    All(Vec<BoundRight>),
    Exists,
    Size(i64),
    Type(TypeSet),
    Mod {
        divisor: i64,
        remainder: i64,
    },
    Regex(Pattern),
    ElemMatch {
        /// Which elements are candidates.
        elements: Elements,
        /// The condition that an element must satisfy.
        inner: Residual,
        /// The tests in `inner` whose right operands depend on the document. If one of these is Unknown, so is the
        /// whole check, even if the array has no elements.
        operands: Vec<BoundTest>,
    },
    Client(ClientTest),
}

impl BoundCheck {
    /// Whether evaluating it may call a function.
    pub(crate) fn calls(&self) -> bool {
        match self {
            Self::Equals(right) | Self::Order(_, right) => matches!(right, BoundRight::Function(_)),
            Self::ElemMatch { inner, operands, .. } => inner.calls() || operands.iter().any(BoundTest::calls),
            _ => false,
        }
    }

    /// The Error of a right operand found while binding, if any.
    pub(crate) fn failure(&self) -> Option<&EvalError> {
        match self {
            Self::Equals(right) | Self::Order(_, right) => right.failure(),
            Self::All(list) => list.iter().find_map(BoundRight::failure),
            Self::In(BoundList::Failed(error) | BoundList::Elements { unknown: Unresolved::Failed(error), .. }) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Whether a right operand was Unknown when it was bound.
    pub(crate) fn has_unknown_operand(&self) -> bool {
        let unknown = |right: &BoundRight| match right {
            BoundRight::Unknown => true,
            BoundRight::Template(template) => template.is_unknown(),
            _ => false,
        };
        match self {
            Self::Equals(right) | Self::Order(_, right) => unknown(right),
            Self::All(list) => list.iter().any(unknown),
            Self::In(BoundList::Unknown) => true,
            Self::In(BoundList::Elements { unknown: some, later, .. }) => {
                *some == Unresolved::Operand || later.iter().any(unknown)
            }
            _ => false,
        }
    }
}

impl BoundTest {
    /// Whether evaluating it may call a function.
    pub(crate) fn calls(&self) -> bool {
        self.check.calls()
    }

    /// Whether a right operand depends on the document, is Unknown or is an Error.
    pub(crate) fn waits(&self) -> bool {
        let waits = |right: &BoundRight| !matches!(right, BoundRight::Value(_));
        match &self.check {
            BoundCheck::Equals(right) | BoundCheck::Order(_, right) => waits(right),
            BoundCheck::All(list) => list.iter().any(waits),
            BoundCheck::In(BoundList::Elements { later, .. }) => !later.is_empty(),
            BoundCheck::In(BoundList::Document(..) | BoundList::Unknown | BoundList::Failed(_)) => true,
            _ => false,
        }
    }

    /// The Error of an operand found while binding, if any.
    pub(crate) fn failure(&self) -> Option<&EvalError> {
        match &self.left {
            BoundLeft::Failed(error) => Some(error),
            _ => self.check.failure(),
        }
    }

    /// Whether an operand was Unknown when it was bound.
    pub(crate) fn has_unknown_operand(&self) -> bool {
        matches!(self.left, BoundLeft::Unknown) || self.check.has_unknown_operand()
    }
}

impl Residual {
    /// Whether a left operand comes from a document. This can be the case even inside `$elemMatch` over a context
    /// array.
    pub(crate) fn asks_documents(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Failed(_) => false,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_documents),
            Self::Not(inner) => inner.asks_documents(),
            Self::Test(test) => match (&test.left, &test.check) {
                (BoundLeft::Document(..), _) => true,
                (_, BoundCheck::ElemMatch { inner, .. }) => inner.asks_documents(),
                _ => false,
            },
        }
    }

    /// The number of tests, including those in `$elemMatch`.
    pub(crate) fn tests(&self) -> usize {
        match self {
            Self::Constant(_) | Self::Failed(_) => 0,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::tests).sum(),
            Self::Not(inner) => inner.tests(),
            Self::Test(test) => match &test.check {
                BoundCheck::ElemMatch { inner, .. } => inner.tests() + 1,
                _ => 1,
            },
        }
    }

    /// Whether evaluating it may call a function.
    pub(crate) fn calls(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Failed(_) => false,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::calls),
            Self::Not(inner) => inner.calls(),
            Self::Test(test) => test.calls(),
        }
    }

    /// Whether evaluation can end in an Error, apart from malformed BSON.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Failed(_) => true,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::can_fail),
            Self::Not(inner) => inner.can_fail(),
            Self::Test(test) => test.calls() || test.failure().is_some(),
        }
    }

    /// Adds the errors that stem from the context alone and occur for at least some documents.
    pub(crate) fn add_failures(&self, errors: &Errors) {
        match self {
            Self::Constant(_) => {}
            Self::Failed(failures) => failures.iter().for_each(|error| errors.add(error.clone())),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.add_failures(errors)),
            Self::Not(inner) => inner.add_failures(errors),
            Self::Test(test) => test.failure().into_iter().for_each(|error| errors.add(error.clone())),
        }
    }

    /// The residual that has this outcome for every document; `errors` are the reasons for [`Truth::Error`].
    pub(crate) fn of(truth: Truth, errors: Errors) -> Self {
        match truth {
            Truth::Error => Self::Failed(errors.into_vec().into()),
            truth => Self::Constant(truth),
        }
    }

    /// The outcome, if it is the same for every document.
    #[must_use]
    pub const fn constant(&self) -> Option<Truth> {
        match self {
            Self::Constant(truth) => Some(*truth),
            Self::Failed(_) => Some(Truth::Error),
            _ => None,
        }
    }

    /// The conjunction, simplified.
    pub(crate) fn all(parts: Vec<Self>) -> Self {
        Self::join(parts, Truth::False, Truth::True, Self::All)
    }

    /// The disjunction, simplified.
    pub(crate) fn any(parts: Vec<Self>) -> Self {
        Self::join(parts, Truth::True, Truth::False, Self::Any)
    }

    /// Joins parts: a `winner` decides alone, and a `neutral` part is dropped. Unknown parts are merged into a single
    /// constant, since a winner may still decide, unless an Error takes precedence. Parts that can fail come last, so
    /// that they are evaluated only if necessary.
    fn join(mut parts: Vec<Self>, winner: Truth, neutral: Truth, wrap: fn(Box<[Self]>) -> Self) -> Self {
        if parts.iter().any(|part| part.constant() == Some(winner)) {
            return Self::Constant(winner);
        }
        let mut unknown = false;
        parts.retain(|part| match part.constant() {
            Some(Truth::Unknown) => {
                unknown = true;
                false
            }
            truth => truth != Some(neutral),
        });
        let failures: Vec<EvalError> = parts.iter().filter_map(Self::failures).flatten().cloned().collect();
        if !failures.is_empty() {
            parts.retain(|part| part.failures().is_none());
            parts.push(Self::Failed(failures.into()));
        } else if unknown {
            parts.push(Self::Constant(Truth::Unknown));
        }
        if parts.len() > 1 {
            parts.sort_by_key(Self::can_fail);
            return wrap(parts.into());
        }
        parts.pop().unwrap_or(Self::Constant(neutral))
    }

    /// The errors, if the outcome is an Error for every document.
    fn failures(&self) -> Option<&[EvalError]> {
        match self {
            Self::Failed(failures) => Some(failures),
            _ => None,
        }
    }

    /// The negation, simplified.
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(!truth),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// An equivalent condition for uses in which only True grants: each Unknown that stems from the context becomes
    /// False or, under an odd number of negations, True. With False there, the negation would grant.
    ///
    /// A condition that can fail is returned unchanged, because whether it fails may depend on the parts next to an
    /// Unknown one.
    #[must_use]
    pub fn settle(self) -> Self {
        if !self.has_unknown() || self.can_fail() { self } else { self.settle_to(Truth::False) }
    }

    /// Whether a part is Unknown for every document.
    fn has_unknown(&self) -> bool {
        match self {
            Self::Constant(truth) => *truth == Truth::Unknown,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_unknown),
            Self::Not(inner) => inner.has_unknown(),
            Self::Failed(_) | Self::Test(_) => false,
        }
    }

    fn settle_to(self, unknown: Truth) -> Self {
        match self {
            Self::Constant(Truth::Unknown) => Self::Constant(unknown),
            Self::All(parts) => Self::all(parts.into_iter().map(|part| part.settle_to(unknown)).collect()),
            Self::Any(parts) => Self::any(parts.into_iter().map(|part| part.settle_to(unknown)).collect()),
            Self::Not(inner) => inner.settle_to(!unknown).negate(),
            other => other,
        }
    }
}
