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

/// What is left of a predicate once the context is settled: questions about documents only.
#[derive(Clone, Debug)]
pub enum Residual {
    /// The context decides: never an Error, which says what failed.
    Constant(Truth),
    /// An Error whatever the document, for these reasons.
    Failed(Arc<[EvalError]>),
    /// All of them hold.
    All(Box<[Residual]>),
    /// At least one of them holds.
    Any(Box<[Residual]>),
    /// It does not hold.
    Not(Box<Residual>),
    /// One question.
    Test(Box<BoundTest>),
}

/// One question about a document's value, or about a value of the context that is compared with a document's.
#[derive(Clone, Debug)]
pub struct BoundTest {
    /// The same in few instructions, if it is of such a form.
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
    /// The number of the path's first name, where the fields of the document are looked up by numbers.
    pub(crate) slot: Slot,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundLeft {
    /// A property that no such object of the context has.
    Unknown,
    /// In a part of the context that was not supplied.
    Failed(Box<EvalError>),
    /// From the context: where to walk from, and the path.
    Value(Option<Box<Bson>>, FieldPath),
    /// From a document.
    Document(Place),
    /// From the element that `$elemMatch` looks at.
    Element(FieldPath, Origin),
}

/// Where the array is in which `$elemMatch` looks: an element is compared as what the array itself would be.
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
        /// Which elements are asked.
        elements: Elements,
        /// What an element must satisfy.
        inner: Residual,
        /// The tests in it whose operands are only known with the document: one that is Unknown makes the whole
        /// Unknown, whether or not an element asks for it.
        operands: Vec<BoundTest>,
    },
    Client(ClientTest),
}

/// A right operand with everything from the context in place.
#[derive(Clone, Debug)]
pub(crate) enum BoundRight {
    Unknown,
    /// It asks for a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Value(BoundValue),
    Document(Place, Standing),
    Template(Box<BoundTemplate>),
    Convert(Conversion, Place),
    Function(BoundCall),
}

/// Where a right operand stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Behind the operator.
    Alone,
    /// In a list, where an expansion that is an array is Unknown.
    Listed,
}

/// A known right operand.
#[derive(Clone, Debug)]
pub(crate) struct BoundValue {
    pub(crate) value: Arc<Bson>,
    /// The elements of an array that came from the context: being equal to one of them is enough.
    pub(crate) members: Option<Arc<Members>>,
}

/// The elements of an array from the context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) values: List,
    /// Whether there is an element that nothing can be compared with.
    pub(crate) unknown: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum BoundTemplate {
    Unknown,
    /// It asks for a part of the context that was not supplied.
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
    /// It asks for a part of the context that was not supplied.
    Failed(Box<EvalError>),
    Elements {
        known: Arc<List>,
        /// Whether `null` was written as an element, which Missing equals.
        null: bool,
        /// Whether an element cannot be resolved.
        unknown: Unresolved,
        /// Elements that only the document decides.
        later: Vec<BoundRight>,
    },
    Document(Place),
}

/// Whether a list has an element that cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    No,
    /// An array of the context has an element that nothing can be compared with. The array itself is there.
    Inside,
    /// An operand written in the list is not there.
    Operand,
    /// An operand written in the list asks for a part of the context that was not supplied.
    Failed(Box<EvalError>),
}

/// Whether a value that came from the context is one that nothing may be compared with, because in a query it would
/// mean something else or everything.
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

    /// A value that came from the context; `None` if nothing may be compared with it.
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
    /// Whether evaluating it can call a function.
    pub(crate) fn calls(&self) -> bool {
        match self {
            Self::Equals(right) | Self::Order(_, right) => matches!(right, BoundRight::Function(_)),
            Self::ElemMatch { inner, operands, .. } => inner.calls() || operands.iter().any(BoundTest::calls),
            _ => false,
        }
    }

    /// What a right operand of it fails with already.
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

    /// Whether a right operand of it is Unknown already.
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
    /// What it fails with already.
    fn failure(&self) -> Option<&EvalError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl BoundTest {
    /// Whether evaluating it can call a function.
    pub(crate) fn calls(&self) -> bool {
        self.check.calls()
    }

    /// Whether a right operand is only known with the document, or never.
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

    /// What an operand of it fails with already.
    pub(crate) fn failure(&self) -> Option<&EvalError> {
        match &self.left {
            BoundLeft::Failed(error) => Some(error),
            _ => self.check.failure(),
        }
    }

    /// Whether an operand of it is Unknown already.
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

    /// What a part of it fails with already.
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
    /// Whether a document stands on the left of a test, as it can inside `$elemMatch` over an array of the context.
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

    /// How many tests there are in it, those within `$elemMatch` included.
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

    /// Whether evaluating it can call a function.
    pub(crate) fn calls(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Failed(_) => false,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::calls),
            Self::Not(inner) => inner.calls(),
            Self::Test(test) => test.calls(),
        }
    }

    /// Whether evaluating it can end in an Error, apart from bytes that are no BSON.
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

    /// Adds what it ends in an Error with, for some document at least, because of the context alone.
    pub(crate) fn add_failures(&self, errors: &Errors) {
        match self {
            Self::Constant(_) => {}
            Self::Failed(failures) => failures.iter().for_each(|error| errors.add(error.clone())),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.add_failures(errors)),
            Self::Not(inner) => inner.add_failures(errors),
            Self::Test(test) => test.failure().into_iter().for_each(|error| errors.add(error.clone())),
        }
    }

    /// A truth that no document can change, with what failed on the way to it.
    pub(crate) fn of(truth: Truth, errors: Errors) -> Self {
        match truth {
            Truth::Error => Self::Failed(errors.into_vec().into()),
            truth => Self::Constant(truth),
        }
    }

    /// The truth, if no document is needed to know it.
    #[must_use]
    pub const fn constant(&self) -> Option<Truth> {
        match self {
            Self::Constant(truth) => Some(*truth),
            Self::Failed(_) => Some(Truth::Error),
            _ => None,
        }
    }

    /// All of them hold, simplified.
    pub(crate) fn all(parts: Vec<Self>) -> Self {
        Self::join(parts, Truth::False, Truth::True, Self::All)
    }

    /// At least one of them holds, simplified.
    pub(crate) fn any(parts: Vec<Self>) -> Self {
        Self::join(parts, Truth::True, Truth::False, Self::Any)
    }

    /// `winner` decides alone, `neutral` decides nothing. Unknown stays beside what documents may decide otherwise, unless
    /// an Error outweighs it; what can fail goes last, so that it is asked only if need be.
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

    /// What it ends in an Error with, whatever the document.
    fn failures(&self) -> Option<&[EvalError]> {
        match self {
            Self::Failed(failures) => Some(failures),
            _ => None,
        }
    }

    /// It does not hold, simplified.
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(!truth),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The same condition for a place where only True grants, with every Unknown of the context settled: to False, or,
    /// where it stands under a negation, to True. Settling it to False there would make the negation grant.
    ///
    /// What can fail stays as it is: whether it does may depend on what stands beside it.
    #[must_use]
    pub fn settle(self) -> Self {
        if !self.has_unknown() || self.can_fail() { self } else { self.settle_to(Truth::False) }
    }

    /// Whether the context leaves a part of it Unknown.
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
