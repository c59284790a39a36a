use std::sync::Arc;

use super::bound_operand::{BoundLeft, BoundList, BoundRight, Unresolved};
use super::fast_test::{FastTest, NestedFastTest};
use super::test_number::TestNumber;
use super::{Errors, EvalError, Truth};
use crate::expr::{Comparison, Pattern};
use crate::predicate::Elements;
use crate::question::ClientTest;
use crate::value::TypeSet;

/// What remains of a predicate after the context is bound: tests on documents.
#[derive(Clone, Debug)]
pub enum Residual {
    /// A constant outcome; never [`Truth::Error`], for which [`Self::Failed`] also holds the reasons.
    Constant(Truth),
    /// An Error for every document, with the reasons.
    Failed(Arc<[EvalError]>),
    /// All of them hold.
    All(Box<[Residual]>),
    /// At least one of them holds.
    Any(Box<[Residual]>),
    /// It does not hold.
    Not(Box<Residual>),
    /// A test.
    Test(Box<BoundTest>),
}

/// A test on a document value, or on a context value that is compared with a document value.
#[derive(Clone, Debug)]
pub struct BoundTest {
    /// The equivalent fast form, if the test has one.
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
        /// Which elements are examined.
        elements: Elements,
        /// The condition on an element.
        inner: Residual,
        /// The tests inside it whose right operands depend on the document. If one of them is Unknown, so is the whole
        /// check, even if no element needs it.
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

    /// The Error of a right operand, if binding found one.
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

    /// Whether binding found a right operand to be Unknown.
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

    /// Whether a right operand depends on the document or cannot be resolved.
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

    /// The Error of an operand, if binding found one.
    pub(crate) fn failure(&self) -> Option<&EvalError> {
        match &self.left {
            BoundLeft::Failed(error) => Some(error),
            _ => self.check.failure(),
        }
    }

    /// Whether binding found an operand to be Unknown.
    pub(crate) fn has_unknown_operand(&self) -> bool {
        matches!(self.left, BoundLeft::Unknown) || self.check.has_unknown_operand()
    }
}

impl Residual {
    /// Whether the left operand of a test comes from a document, which is possible even inside `$elemMatch` over a
    /// context array.
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

    /// The number of tests, including those inside `$elemMatch`.
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

    /// Whether evaluating it may end in an Error, other than for bytes that are not BSON.
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

    /// Adds the errors that the context alone causes, for at least some documents.
    pub(crate) fn add_failures(&self, errors: &Errors) {
        match self {
            Self::Constant(_) => {}
            Self::Failed(failures) => failures.iter().for_each(|error| errors.add(error.clone())),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.add_failures(errors)),
            Self::Not(inner) => inner.add_failures(errors),
            Self::Test(test) => test.failure().into_iter().for_each(|error| errors.add(error.clone())),
        }
    }

    /// A truth that holds for every document, with the errors behind it.
    pub(crate) fn of(truth: Truth, errors: Errors) -> Self {
        match truth {
            Truth::Error => Self::Failed(errors.into_vec().into()),
            truth => Self::Constant(truth),
        }
    }

    /// The truth, if it is the same for every document.
    #[must_use]
    pub const fn constant(&self) -> Option<Truth> {
        match self {
            Self::Constant(truth) => Some(*truth),
            Self::Failed(_) => Some(Truth::Error),
            _ => None,
        }
    }

    /// The simplified conjunction.
    pub(crate) fn all(parts: Vec<Self>) -> Self {
        Self::join(parts, Truth::False, Truth::True, Self::All)
    }

    /// The simplified disjunction.
    pub(crate) fn any(parts: Vec<Self>) -> Self {
        Self::join(parts, Truth::True, Truth::False, Self::Any)
    }

    /// Joins parts: `winner` decides alone, `neutral` has no effect. Unknown is kept as one constant because other
    /// parts may still win, unless an Error takes precedence. Parts that can fail are sorted last, so that they are
    /// evaluated only if necessary.
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

    /// The errors, if it fails for every document.
    fn failures(&self) -> Option<&[EvalError]> {
        match self {
            Self::Failed(failures) => Some(failures),
            _ => None,
        }
    }

    /// The simplified negation.
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(!truth),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// An equivalent condition for use where only True grants: every Unknown from the context becomes False or, under a
    /// negation, True. Replacing it by False there would make the negation grant.
    ///
    /// A condition that can fail is left unchanged, because its outcome may depend on the parts next to the Unknown
    /// one.
    #[must_use]
    pub fn settle(self) -> Self {
        if !self.has_unknown() || self.can_fail() { self } else { self.settle_to(Truth::False) }
    }

    /// Whether the context makes a part of it Unknown.
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
