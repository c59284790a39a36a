use std::sync::Arc;

use bson::Bson;

use super::bound_operand::{BoundLeft, BoundList, BoundRight, BoundValue, Origin, Place, Unresolved};
use super::fast_test::FastTest;
use super::repeatable::{is_repeatable, is_same};
use super::residual::{BoundCheck, BoundTest, Residual};
use super::test_number::TestNumber;
use super::{Context, Documents, Errors, EvalError, Evaluation, Truth};
use crate::path::FieldPath;
use crate::predicate::{DocumentRoot, Elements, Left, Literal, Predicate, Reference, Test, TestKind};
use crate::value::{RequestedFields, Slot, ValueRef};

/// Evaluates everything in a predicate that depends only on the context. The residual is equivalent to the predicate
/// for every document, Unknown and Error included.
///
/// ```
/// use portcullis::eval::{bind, Context, Truth};
/// use portcullis::predicate::{lower, Scope};
/// use portcullis::User;
/// let expr = portcullis::expr::parse_str(r#"{"%%user.custom_data.role": "admin", "owner": "%%user.id"}"#).unwrap();
/// let predicate = lower(&expr, Scope::Role).unwrap();
/// let context = Context::new().with_user(User::new("u1").without_custom_data());
/// assert_eq!(bind(&predicate, &context).constant(), Some(Truth::False));
/// ```
#[must_use]
pub fn bind(predicate: &Predicate, context: &Context) -> Residual {
    Binder::new(context).bind(predicate)
}

/// Binds the predicates of one policy to one context.
pub(crate) struct Binder<'p> {
    pub(super) context: &'p Context,
    asked: Option<Requested<'p>>,
    /// Context references resolved so far, with their values.
    pub(super) values: Vec<(&'p Reference, BoundRight)>,
    /// Whether any reference was to a part of the context that was not supplied.
    pub(super) asked_unsupplied: bool,
}

/// The fields and tests that several predicates need from the same documents, numbered in the order of their first use.
#[derive(Default)]
struct Requested<'p> {
    fields: RequestedFields,
    tests: Vec<&'p Test>,
}

impl<'p> Binder<'p> {
    /// Creates a binder for predicates that are evaluated independently of each other.
    pub(super) const fn new(context: &'p Context) -> Self {
        Self { context, asked: None, values: Vec::new(), asked_unsupplied: false }
    }

    /// Creates a binder for predicates that are evaluated on the same documents. Their fields and tests are numbered,
    /// so that a field is located once and the outcome of a test can be cached.
    pub(crate) fn numbering(context: &'p Context) -> Self {
        Self { context, asked: Some(Requested::default()), values: Vec::new(), asked_unsupplied: false }
    }

    /// The numbered fields.
    pub(crate) fn into_fields(self) -> RequestedFields {
        self.asked.unwrap_or_default().fields
    }

    /// Whether a predicate bound so far refers to a part of the context that was not supplied.
    pub(crate) const fn asked_unsupplied(&self) -> bool {
        self.asked_unsupplied
    }

    /// Like the function [`bind`].
    pub(crate) fn bind(&mut self, predicate: &'p Predicate) -> Residual {
        self.bind_each(predicate, TestTarget::Documents, &mut |_, _| {})
    }

    /// Binds a predicate. Each of its tests is passed to `visit`, along with its outcome if no document can change it.
    /// Each test is bound once, however deeply `$elemMatch` is nested.
    fn bind_each(
        &mut self,
        predicate: &'p Predicate,
        asked: TestTarget,
        visit: &mut dyn FnMut(&BoundTest, Option<&Residual>),
    ) -> Residual {
        match predicate {
            Predicate::Constant(value) => Residual::Constant((*value).into()),
            Predicate::All(parts) => {
                Residual::all(parts.iter().map(|part| self.bind_each(part, asked, visit)).collect())
            }
            Predicate::Any(parts) => {
                Residual::any(parts.iter().map(|part| self.bind_each(part, asked, visit)).collect())
            }
            Predicate::Not(inner) => self.bind_each(inner, asked, visit).negate(),
            Predicate::Test(test) => {
                let check = self.check(test, asked);
                if asked == TestTarget::Documents
                    && let Some(settled) = self.of_context(&test.left, &check)
                {
                    return settled;
                }
                let mut bound = BoundTest {
                    quick: None,
                    quick_inside: None,
                    left: self.left(&test.left, asked),
                    check,
                    number: TestNumber::NONE,
                };
                let standing = bound.left.standing();
                let settled = (!bound.calls() && is_settled(standing, &bound.check)).then(|| {
                    let errors = Errors::default();
                    let truth = Evaluation::new(Documents::default(), self.context, &errors).test(&bound, None);
                    Residual::of(truth, errors)
                });
                visit(&bound, settled.as_ref());
                if let Some(settled) = settled {
                    return settled;
                }
                if asked == TestTarget::Documents {
                    bound.number = self.number(test);
                    (bound.quick, bound.quick_inside) = FastTest::of(&bound.left, &bound.check);
                }
                Residual::Test(Box::new(bound))
            }
        }
    }

    /// Resolves all context references of a test without evaluating it.
    pub(super) fn test(&mut self, test: &'p Test) -> BoundTest {
        let (left, check) = (self.left(&test.left, TestTarget::Documents), self.check(test, TestTarget::Documents));
        BoundTest { quick: None, quick_inside: None, left, check, number: TestNumber::NONE }
    }

    /// The outcome of a test that needs no document, whose left operand comes from the context. Evaluating it here
    /// avoids copying the context value.
    fn of_context(&self, left: &Left, check: &BoundCheck) -> Option<Residual> {
        let Left::Context(reference) = left else { return None };
        let (value, path) = self.context.left(reference).ok()??;
        if check.calls() || !is_settled(Certainty::Yes, check) {
            return None;
        }
        let errors = Errors::default();
        let truth = Evaluation::new(Documents::default(), self.context, &errors).of_context(value, path, check);
        Some(Residual::of(truth, errors))
    }

    /// The number of a test outside of `$elemMatch`; equal tests share a number.
    fn number(&mut self, test: &'p Test) -> TestNumber {
        let Some(Requested { tests, .. }) = &mut self.asked else { return TestNumber::NONE };
        if !is_repeatable(test) {
            return TestNumber::NONE;
        }
        let number = tests.iter().position(|other| is_same(other, test)).unwrap_or(tests.len());
        let numbered = TestNumber::new(number);
        // Tests without a number are not cached, so there is no need to find them again.
        if number == tests.len() && numbered != TestNumber::NONE {
            tests.push(test);
        }
        numbered
    }

    pub(super) fn place(&mut self, root: DocumentRoot, path: &FieldPath) -> Place {
        let slot = match (&mut self.asked, root, path.first()) {
            (Some(asked), DocumentRoot::Root | DocumentRoot::PrevRoot, Some(name)) => asked.fields.slot(name),
            _ => Slot::NONE,
        };
        Place { root, path: path.clone(), slot }
    }

    fn left(&mut self, left: &Left, asked: TestTarget) -> BoundLeft {
        match left {
            Left::Boolean(value) => BoundLeft::Value(Some(Bson::Boolean(*value).into()), FieldPath::root()),
            Left::Document(root, path) => BoundLeft::Document(self.place(*root, path)),
            Left::Element(path) => BoundLeft::Element(path.clone(), origin(left, asked)),
            Left::Context(reference) => {
                let left = bind_reference(reference, self.context);
                self.asked_unsupplied |= matches!(left, BoundLeft::Failed(_));
                left
            }
        }
    }

    fn check(&mut self, test: &'p Test, asked: TestTarget) -> BoundCheck {
        match (&test.literal, &test.check) {
            (Some(Literal::Value(value)), check) => {
                let right = BoundRight::Value(BoundValue::literal(Arc::clone(value)));
                match check {
                    TestKind::Order(comparison, _) => BoundCheck::Order(*comparison, right),
                    _ => BoundCheck::Equals(right),
                }
            }
            (Some(Literal::List(known, null)), _) => BoundCheck::In(BoundList::Elements {
                known: Arc::clone(known),
                null: *null,
                unknown: Unresolved::No,
                later: Vec::new(),
            }),
            (None, TestKind::ElemMatch(elements, inner)) => {
                self.elem_match(*elements, inner, origin(&test.left, asked))
            }
            (None, check) => self.check_anew(check),
        }
    }

    fn check_anew(&mut self, check: &'p TestKind) -> BoundCheck {
        match check {
            TestKind::Equals(right) => BoundCheck::Equals(self.right(right)),
            TestKind::Order(comparison, right) => BoundCheck::Order(*comparison, self.right(right)),
            TestKind::In(list) => BoundCheck::In(self.list(list)),
            TestKind::All(list) => BoundCheck::All(list.iter().map(|right| self.listed(right)).collect()),
            TestKind::Exists => BoundCheck::Exists,
            TestKind::Size(size) => BoundCheck::Size(*size),
            TestKind::Type(set) => BoundCheck::Type(*set),
            TestKind::Mod { divisor, remainder } => BoundCheck::Mod { divisor: *divisor, remainder: *remainder },
            TestKind::Regex(pattern) => BoundCheck::Regex(pattern.clone()),
            TestKind::ElemMatch(elements, inner) => self.elem_match(*elements, inner, Origin::Document),
            TestKind::Client(test) => BoundCheck::Client(test.clone()),
        }
    }

    fn elem_match(&mut self, elements: Elements, inner: &'p Predicate, origin: Origin) -> BoundCheck {
        let (mut operands, mut unresolved, failures) = (Vec::new(), false, Errors::default());
        let inner = self.bind_each(inner, TestTarget::Elements(origin), &mut |bound, settled| {
            // A test that the context alone makes Unknown or an Error has that outcome even if the array has no
            // elements.
            unresolved |= bound.has_unknown_operand() || matches!(settled, Some(Residual::Constant(Truth::Unknown)));
            bound.failure().into_iter().for_each(|error| failures.add(error.clone()));
            settled.into_iter().for_each(|settled| settled.add_failures(&failures));
            match &bound.check {
                // The operands of nested tests have already been collected.
                BoundCheck::ElemMatch { operands: inside, inner, .. } => {
                    unresolved |= matches!(inner, Residual::Constant(Truth::Unknown));
                    operands.extend(inside.iter().cloned());
                }
                _ if bound.waits() => operands.push(bound.clone()),
                _ => {}
            }
        });
        let failures = failures.into_vec();
        if !failures.is_empty() {
            return BoundCheck::ElemMatch { elements, inner: Residual::Failed(failures.into()), operands: Vec::new() };
        }
        if !unresolved {
            return BoundCheck::ElemMatch { elements, inner, operands };
        }
        // Only function calls still matter: an Error of theirs takes precedence over Unknown.
        operands.retain(BoundTest::calls);
        BoundCheck::ElemMatch { elements, inner: Residual::Constant(Truth::Unknown), operands }
    }
}

/// What a test is applied to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TestTarget {
    Documents,
    /// The elements that `$elemMatch` examines.
    Elements(Origin),
}

/// Where a left operand comes from.
const fn origin(left: &Left, asked: TestTarget) -> Origin {
    match (left, asked) {
        (Left::Boolean(_) | Left::Context(_), _) => Origin::Context,
        (Left::Element(_), TestTarget::Elements(origin)) => origin,
        (Left::Element(_), TestTarget::Documents) | (Left::Document(..), _) => Origin::Document,
    }
}

/// What binding knows about a left operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Yes,
    /// Its value is Unknown or an Error, whatever the document.
    Unknown,
    No,
}

impl BoundLeft {
    const fn standing(&self) -> Certainty {
        match self {
            Self::Unknown | Self::Failed(_) => Certainty::Unknown,
            Self::Value(..) => Certainty::Yes,
            Self::Document(..) | Self::Element(..) => Certainty::No,
        }
    }
}

/// Whether the outcome of a test is the same for every document.
fn is_settled(left: Certainty, check: &BoundCheck) -> bool {
    if left == Certainty::Unknown
        || ((check.has_unknown_operand() || check.failure().is_some())
            && !matches!(check, BoundCheck::In(_) | BoundCheck::All(_)))
    {
        return true;
    }
    let known =
        |right: &BoundRight| matches!(right, BoundRight::Unknown | BoundRight::Failed(_) | BoundRight::Value(_));
    let left = left == Certainty::Yes;
    match check {
        BoundCheck::In(BoundList::Unknown | BoundList::Failed(_)) => true,
        BoundCheck::In(BoundList::Elements { known, later, .. }) => later.is_empty() && (left || known.is_empty()),
        BoundCheck::In(BoundList::Document(..)) => false,
        BoundCheck::All(list) => list.is_empty() || (left && list.iter().all(known)),
        BoundCheck::Equals(right) | BoundCheck::Order(_, right) => left && known(right),
        BoundCheck::ElemMatch { inner, operands, .. } => {
            operands.is_empty()
                && (matches!(inner, Residual::Constant(Truth::Unknown) | Residual::Failed(_))
                    || (left && !inner.asks_documents()))
        }
        _ => left,
    }
}

fn bind_reference(reference: &Reference, context: &Context) -> BoundLeft {
    let failed = |error: EvalError| BoundLeft::Failed(error.into());
    let (mut value, mut path) = match context.left(reference) {
        Ok(Some(found)) => found,
        Ok(None) => return BoundLeft::Unknown,
        Err(part) => return failed(part.into()),
    };
    // Only the innermost value is copied, not the documents around it.
    while let (Some(ValueRef::Document(document)), Some((segment, rest))) = (value, path.split_first()) {
        match document.get(segment.name()) {
            Ok(next) => value = next,
            Err(error) => return failed(error.into()),
        }
        path = rest;
    }
    match value.map(ValueRef::to_bson).transpose() {
        Ok(value) => BoundLeft::Value(value.map(Box::new), FieldPath::from_segments(path)),
        Err(error) => failed(error.into()),
    }
}
