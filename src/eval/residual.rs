use std::sync::Arc;

use bson::Bson;

use super::fast_test::{FastTest, NestedFastTest};
use super::test_number::TestNumber;
use super::{Errors, EvalError, Truth};
use crate::expr::{Comparison, Conversion, Pattern};
use crate::path::FieldPath;
use crate::predicate::{DocumentRoot, Elements};
use crate::question::ClientTest;
use crate::value::{List, Slot, Type, TypeSet, ValueRef};

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

/// A place in a document.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) root: DocumentRoot,
    pub(crate) path: FieldPath,
    /// The number of the path's first segment in documents whose fields are numbered.
    pub(crate) slot: Slot,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundLeft {
    /// A property that the context object does not have.
    Unknown,
    /// A reference to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    /// A context value: where the path starts, and the path.
    Value(Option<Box<Bson>>, FieldPath),
    /// A place in a document.
    Document(Place),
    /// A path into the element that `$elemMatch` examines.
    Element(FieldPath, Origin),
}

/// The origin of the array that `$elemMatch` examines. An element is compared by the rules for that origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Document,
    Context,
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

/// A right operand with all context references resolved.
#[derive(Clone, Debug)]
pub(crate) enum BoundRight {
    Unknown,
    /// It refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Value(BoundValue),
    Document(Place, Standing),
    Template(Box<BoundTemplate>),
    Convert(Conversion, Place),
    Function(BoundCall),
}

/// Where a right operand is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Directly as the operand of the operator.
    Alone,
    /// As an element of a list, where an expansion that resolves to an array is Unknown.
    Listed,
}

/// A known right operand.
#[derive(Clone, Debug)]
pub(crate) struct BoundValue {
    pub(crate) value: Arc<Bson>,
    /// The elements, if the value is an array from the context: being equal to one of them is enough.
    pub(crate) members: Option<Arc<Members>>,
}

/// The elements of an array from the context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) values: List,
    /// Whether it has an element that nothing can be compared with.
    pub(crate) unknown: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundTemplate {
    Unknown,
    /// It refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Literal(Bson),
    Document(Place),
    Fields(Vec<(String, BoundTemplate)>),
    Elements(Vec<BoundTemplate>),
}

#[derive(Clone, Debug)]
pub(crate) struct BoundCall {
    pub(crate) name: String,
    pub(crate) arguments: Vec<BoundTemplate>,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundList {
    Unknown,
    /// It refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Elements {
        known: Arc<List>,
        /// Whether `null` is written in the list, which then matches Missing as well.
        null: bool,
        /// Whether an element cannot be resolved.
        unknown: Unresolved,
        /// The elements that depend on the document.
        later: Vec<BoundRight>,
    },
    Document(Place),
}

/// Whether an element of a list cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    No,
    /// A context array has an element that nothing can be compared with. The array itself is known.
    Inside,
    /// An operand written in the list is Unknown.
    Operand,
    /// An operand written in the list refers to a part of the context that was not supplied.
    Failed(Box<EvalError>),
}

/// Whether nothing may be compared with this context value, because in a query it would have another meaning or match
/// everything.
pub(crate) fn is_unresolved(value: &Bson) -> bool {
    match value {
        Bson::Array(elements) => elements.is_empty(),
        Bson::Document(fields) => fields.is_empty(),
        _ => matches!(
            ValueRef::from(value).kind(),
            Type::Null
                | Type::MinKey
                | Type::MaxKey
                | Type::Undefined
                | Type::Regex
                | Type::JavaScript
                | Type::JavaScriptWithScope
        ),
    }
}

impl BoundValue {
    pub(crate) fn literal(value: impl Into<Arc<Bson>>) -> Self {
        Self { value: value.into(), members: None }
    }

    /// A value from the context; `None` if nothing may be compared with it.
    pub(crate) fn from_context(value: Bson) -> Option<Self> {
        if is_unresolved(&value) {
            return None;
        }
        let members = match &value {
            Bson::Array(elements) => {
                let (unknown, values): (Vec<_>, Vec<_>) = elements.iter().cloned().partition(is_unresolved);
                Some(Arc::new(Members { values: List::new(values), unknown: !unknown.is_empty() }))
            }
            _ => None,
        };
        Some(Self { value: value.into(), members })
    }
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

impl BoundRight {
    /// The Error that binding found, if any.
    fn failure(&self) -> Option<&EvalError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
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

impl BoundTemplate {
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Failed(_) | Self::Literal(_) | Self::Document(..) => false,
            Self::Fields(fields) => fields.iter().any(|(_, value)| value.is_unknown()),
            Self::Elements(elements) => elements.iter().any(Self::is_unknown),
        }
    }

    /// The Error of a part, if binding found one.
    pub(crate) fn failure(&self) -> Option<&EvalError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Unknown | Self::Literal(_) | Self::Document(..) => None,
            Self::Fields(fields) => fields.iter().find_map(|(_, value)| value.failure()),
            Self::Elements(elements) => elements.iter().find_map(Self::failure),
        }
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
