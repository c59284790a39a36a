use bson::Bson;

use super::convert::convert;
use super::residual::{
    BoundCall, BoundCheck, BoundLeft, BoundList, BoundRight, BoundTemplate, BoundTest, BoundValue, Residual, Standing,
    Unresolved, is_unresolved,
};
use super::{Context, Documents, Errors, Evaluation, Truth};
use crate::path::FieldPath;
use crate::predicate::{Call, Check, Elements, Left, List, Predicate, Reference, Right, Template, Test};
use crate::value::ValueRef;

/// Settles everything in a predicate that depends on the context only. What comes out means the same for every
/// document, Unknown and Error included.
///
/// ```
/// use portcullis::eval::{bind, Context, Truth};
/// use portcullis::predicate::{lower, Scope};
/// use portcullis::user::User;
/// let expr = portcullis::expr::parse_str(r#"{"%%user.custom_data.role": "admin", "owner": "%%user.id"}"#).unwrap();
/// let predicate = lower(&expr, Scope::Role).unwrap();
/// let context = Context::new().with_user(User::new("u1"));
/// assert_eq!(bind(&predicate, &context).constant(), Some(Truth::False));
/// ```
#[must_use]
pub fn bind(predicate: &Predicate, context: &Context) -> Residual {
    bind_each(predicate, context, &mut |_, _| {})
}

/// Binds a predicate and shows each of its tests to `visit`, with its truth if no document is needed to know it. Each test is bound once, however
/// deep `$elemMatch` stands in `$elemMatch`.
fn bind_each(predicate: &Predicate, context: &Context, visit: &mut dyn FnMut(&BoundTest, Option<Truth>)) -> Residual {
    let mut all = |parts: &[Predicate]| parts.iter().map(|part| bind_each(part, context, visit)).collect();
    match predicate {
        Predicate::Constant(value) => Residual::Constant((*value).into()),
        Predicate::All(parts) => Residual::all(all(parts)),
        Predicate::Any(parts) => Residual::any(all(parts)),
        Predicate::Not(inner) => bind_each(inner, context, visit).negate(),
        Predicate::Test(test) => {
            let bound = bind_operands(test, context);
            let truth = (!bound.calls() && is_settled(&bound)).then(|| {
                let errors = Errors::default();
                Evaluation::new(Documents::default(), context, &errors).test(&bound, None)
            });
            visit(&bound, truth);
            truth.map_or_else(|| Residual::Test(Box::new(bound)), Residual::Constant)
        }
    }
}

pub(super) fn bind_operands(test: &Test, context: &Context) -> BoundTest {
    BoundTest { left: bind_left(&test.left, context), check: bind_check(&test.check, context) }
}

/// Whether no document can change the outcome.
fn is_settled(test: &BoundTest) -> bool {
    if test.has_unknown_operand() && !matches!(test.check, BoundCheck::In(_) | BoundCheck::All(_)) {
        return true;
    }
    let known = |right: &BoundRight| matches!(right, BoundRight::Unknown | BoundRight::Value(_));
    let left = match &test.left {
        BoundLeft::Unknown => return true,
        BoundLeft::Value(..) => true,
        BoundLeft::Document(..) | BoundLeft::Element(_) => false,
    };
    match &test.check {
        BoundCheck::In(BoundList::Unknown) => true,
        BoundCheck::In(BoundList::Elements { known, later, .. }) => later.is_empty() && (left || known.is_empty()),
        BoundCheck::In(BoundList::Document(..)) => false,
        BoundCheck::All(list) => list.is_empty() || (left && list.iter().all(known)),
        BoundCheck::Equals(right) | BoundCheck::Order(_, right) => left && known(right),
        BoundCheck::ElemMatch { inner, operands, .. } => {
            operands.is_empty()
                && (matches!(inner, Residual::Constant(Truth::Unknown)) || (left && !inner.asks_documents()))
        }
        _ => left,
    }
}

fn bind_left(left: &Left, context: &Context) -> BoundLeft {
    match left {
        Left::Boolean(value) => BoundLeft::Value(Some(Bson::Boolean(*value)), FieldPath::root()),
        Left::Document(root, path) => BoundLeft::Document(*root, path.clone()),
        Left::Element(path) => BoundLeft::Element(path.clone()),
        Left::Context(reference) => bind_reference(reference, context),
    }
}

fn bind_reference(reference: &Reference, context: &Context) -> BoundLeft {
    let Some((mut value, mut path)) = context.left(reference) else { return BoundLeft::Unknown };
    // Going down through documents here keeps what is copied small.
    while let (Some(ValueRef::Document(document)), Some((segment, rest))) = (value, path.split_first()) {
        match document.get(segment.name()) {
            Ok(next) => value = next,
            Err(_) => return BoundLeft::Unknown,
        }
        path = rest;
    }
    match value.map(ValueRef::to_bson).transpose() {
        Ok(value) => BoundLeft::Value(value, FieldPath::from_segments(path)),
        Err(_) => BoundLeft::Unknown,
    }
}

fn bind_check(check: &Check, context: &Context) -> BoundCheck {
    match check {
        Check::Equals(right) => BoundCheck::Equals(bind_right(right, context)),
        Check::Order(comparison, right) => BoundCheck::Order(*comparison, bind_right(right, context)),
        Check::In(list) => BoundCheck::In(bind_list(list, context)),
        Check::All(list) => BoundCheck::All(list.iter().map(|right| bind_listed(right, context)).collect()),
        Check::Exists => BoundCheck::Exists,
        Check::Size(size) => BoundCheck::Size(*size),
        Check::Type(set) => BoundCheck::Type(*set),
        Check::Mod { divisor, remainder } => BoundCheck::Mod { divisor: *divisor, remainder: *remainder },
        Check::Regex(pattern) => BoundCheck::Regex(pattern.clone()),
        Check::ElemMatch(elements, inner) => bind_elem_match(*elements, inner, context),
    }
}

fn bind_elem_match(elements: Elements, inner: &Predicate, context: &Context) -> BoundCheck {
    let (mut operands, mut unresolved) = (Vec::new(), false);
    let inner = bind_each(inner, context, &mut |bound, truth| {
        // What the context alone leaves Unknown stays so, whether or not there is an element to ask.
        unresolved |= bound.has_unknown_operand() || truth == Some(Truth::Unknown);
        match &bound.check {
            // Those inside have been collected there.
            BoundCheck::ElemMatch { operands: inside, inner, .. } => {
                unresolved |= matches!(inner, Residual::Constant(Truth::Unknown));
                operands.extend(inside.iter().cloned());
            }
            _ if bound.waits() => operands.push(bound.clone()),
            _ => {}
        }
    });
    if !unresolved {
        return BoundCheck::ElemMatch { elements, inner, operands };
    }
    // Only a call that may fail still has a say.
    operands.retain(BoundTest::calls);
    BoundCheck::ElemMatch { elements, inner: Residual::Constant(Truth::Unknown), operands }
}

/// The value of a reference on the right; none if Unknown, Missing, or nothing that may be compared with.
fn known(reference: &Reference, context: &Context) -> Option<Bson> {
    context.right(reference).ok().flatten().filter(|value| !is_unresolved(value))
}

fn bind_right(right: &Right, context: &Context) -> BoundRight {
    match right {
        Right::Literal(value) => BoundRight::Value(BoundValue::literal(value.clone())),
        Right::Context(reference) => {
            known(reference, context).and_then(BoundValue::from_context).map_or(BoundRight::Unknown, BoundRight::Value)
        }
        Right::Document(root, path) => BoundRight::Document(*root, path.clone(), Standing::Alone),
        Right::Template(template) => bind_template_right(template, context),
        Right::Convert(conversion, inner) => match &**inner {
            Right::Document(root, path) => BoundRight::Convert(*conversion, *root, path.clone()),
            Right::Literal(value) => converted(*conversion, Some(value)),
            Right::Context(reference) => converted(*conversion, known(reference, context).as_ref()),
            Right::Template(_) | Right::Convert(..) | Right::Function(_) => BoundRight::Unknown,
        },
        Right::Function(call) => BoundRight::Function(bind_call(call, context)),
    }
}

fn converted(conversion: crate::expr::Conversion, value: Option<&Bson>) -> BoundRight {
    value
        .and_then(|value| convert(conversion, value.into()))
        .map_or(BoundRight::Unknown, |value| BoundRight::Value(BoundValue::literal(value)))
}

fn bind_template_right(template: &Template, context: &Context) -> BoundRight {
    match bind_template(template, Use::Operand, context) {
        BoundTemplate::Literal(value) => BoundRight::Value(BoundValue::literal(value)),
        template if template.is_unknown() => BoundRight::Unknown,
        template => BoundRight::Template(template),
    }
}

/// An element of a list: an array that an expansion leads to is neither spread nor compared whole.
fn bind_listed(right: &Right, context: &Context) -> BoundRight {
    match (right, bind_right(right, context)) {
        (Right::Context(_), BoundRight::Value(BoundValue { members: Some(_), .. })) => BoundRight::Unknown,
        (_, BoundRight::Document(root, path, _)) => BoundRight::Document(root, path, Standing::Listed),
        (_, bound) => bound,
    }
}

fn bind_list(list: &List, context: &Context) -> BoundList {
    match list {
        List::Place(Right::Document(root, path)) => BoundList::Document(*root, path.clone()),
        List::Place(Right::Context(reference)) => match context.right(reference) {
            Ok(Some(Bson::Array(elements))) => {
                let (unknown, known): (Vec<_>, Vec<_>) = elements.into_iter().partition(is_unresolved);
                let unknown = if unknown.is_empty() { Unresolved::No } else { Unresolved::Inside };
                BoundList::Elements { known, null: false, unknown, later: Vec::new() }
            }
            _ => BoundList::Unknown,
        },
        List::Place(_) => BoundList::Unknown,
        List::Elements(elements) => {
            let (mut known, mut null, mut unknown, mut later) = (Vec::new(), false, Unresolved::No, Vec::new());
            for element in elements {
                match bind_listed(element, context) {
                    BoundRight::Unknown => unknown = Unresolved::Operand,
                    BoundRight::Value(bound) => {
                        null |= bound.value == Bson::Null;
                        known.push(bound.value);
                    }
                    bound => later.push(bound),
                }
            }
            BoundList::Elements { known, null, unknown, later }
        }
    }
}

fn bind_call(call: &Call, context: &Context) -> BoundCall {
    let arguments = call.arguments.iter().map(|argument| bind_template(argument, Use::Argument, context)).collect();
    BoundCall { name: call.name.clone(), arguments }
}

/// What a value is put together for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// To be compared with.
    Operand,
    /// To be handed to a function, which may be given null and empty values: it compares nothing.
    Argument,
}

fn bind_template(template: &Template, used: Use, context: &Context) -> BoundTemplate {
    match template {
        Template::Literal(value) => BoundTemplate::Literal(value.clone()),
        Template::Context(reference) => match used {
            Use::Operand => known(reference, context),
            Use::Argument => context.right(reference).ok().flatten(),
        }
        .map_or(BoundTemplate::Unknown, BoundTemplate::Literal),
        Template::Document(root, path) => BoundTemplate::Document(*root, path.clone()),
        Template::Fields(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| (key.clone(), bind_template(value, used, context))).collect();
            let literal: Option<bson::Document> =
                fields.iter().map(|(key, value)| Some((key.clone(), value.literal()?.clone()))).collect();
            literal.map_or(BoundTemplate::Fields(fields), |fields| BoundTemplate::Literal(fields.into()))
        }
        Template::Elements(elements) => {
            let elements: Vec<_> = elements.iter().map(|element| bind_template(element, used, context)).collect();
            let literal: Option<Vec<Bson>> = elements.iter().map(|element| element.literal().cloned()).collect();
            literal.map_or(BoundTemplate::Elements(elements), |elements| BoundTemplate::Literal(elements.into()))
        }
    }
}

impl BoundTemplate {
    const fn literal(&self) -> Option<&Bson> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }
}
