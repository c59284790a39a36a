//! Iteration over the parts of an expression.

use bson::Bson;

use crate::expr::{Argument, Check, Clause, Condition, ElemMatch, Expansion, Expr, List, Name, Operand};
use crate::text::{Span, Spanned};

/// A part of an expression.
#[derive(Clone, Copy)]
pub(super) enum Part<'e> {
    /// The left side of a clause.
    Name(&'e Spanned<Name>),
    /// An equality, `"name": value`.
    Equals(&'e Spanned<Name>, &'e Spanned<Operand>),
    /// An operator, with the left side to which it applies.
    Check(&'e Spanned<Name>, &'e Spanned<Check>),
}

/// Calls `visit` with every part, in source order.
pub(super) fn each_part<'e>(expr: &'e Expr, visit: &mut dyn FnMut(Part<'e>)) {
    let Expr::All(clauses) = expr else { return };
    for clause in clauses {
        match clause {
            Clause::Logic(_, list) => list.iter().for_each(|expr| each_part(expr, visit)),
            Clause::Not(expr) => each_part(expr, visit),
            Clause::Test(name, condition) => {
                visit(Part::Name(name));
                match condition {
                    Condition::Equals(value) => visit(Part::Equals(name, value)),
                    Condition::Checks(checks) => each_check(name, checks, visit),
                    Condition::Expression(expr) => each_part(expr, visit),
                }
            }
        }
    }
}

fn each_check<'e>(name: &'e Spanned<Name>, checks: &'e [Spanned<Check>], visit: &mut dyn FnMut(Part<'e>)) {
    for check in checks {
        visit(Part::Check(name, check));
        match &check.value {
            Check::Not(inner) | Check::ElemMatch(ElemMatch::Element(inner)) => each_check(name, inner, visit),
            Check::Logic(_, lists) => lists.iter().for_each(|list| each_check(name, list, visit)),
            Check::ElemMatch(ElemMatch::Fields(expr)) => each_part(expr, visit),
            _ => {}
        }
    }
}

/// The operands of a part.
pub(super) fn operands(part: Part<'_>) -> &[Spanned<Argument>] {
    match part {
        Part::Name(_) => &[],
        Part::Equals(_, value) => std::slice::from_ref(value),
        Part::Check(_, check) => match &check.value {
            Check::Compare(_, value) | Check::Convert(_, value) => std::slice::from_ref(value),
            Check::In(List::Elements(values)) | Check::Nin(List::Elements(values)) | Check::All(values) => values,
            Check::Function(call) => &call.arguments,
            _ => &[],
        },
    }
}

/// The innermost parts of an operand that lints examine.
pub(super) enum Leaf<'e> {
    Expansion(&'e Expansion),
    Text(&'e str),
}

/// Calls `visit` with every expansion and every string in an operand.
pub(super) fn each_leaf<'e>(operand: &'e Spanned<Operand>, visit: &mut dyn FnMut(Leaf<'e>, Span)) {
    match &operand.value {
        Operand::Literal(value) => each_text(value, &mut |text| visit(Leaf::Text(text), operand.span)),
        Operand::Expansion(expansion) => visit(Leaf::Expansion(expansion), operand.span),
        Operand::Document(fields) => fields.iter().for_each(|(_, value)| each_leaf(value, visit)),
        Operand::Array(elements) => elements.iter().for_each(|element| each_leaf(element, visit)),
    }
}

fn each_text<'e>(value: &'e Bson, visit: &mut dyn FnMut(&'e str)) {
    match value {
        Bson::String(text) => visit(text),
        Bson::Array(elements) => elements.iter().for_each(|element| each_text(element, visit)),
        Bson::Document(document) => document.values().for_each(|value| each_text(value, visit)),
        _ => {}
    }
}

/// Calls `visit` with every expansion in a part, on either side.
pub(super) fn each_expansion<'e>(part: Part<'e>, visit: &mut dyn FnMut(&'e Expansion, Span)) {
    if let Part::Name(name) = part
        && let Name::Expansion(expansion) = &name.value
    {
        visit(expansion, name.span);
    }
    if let Part::Check(_, check) = part
        && let Check::In(List::Expansion(list)) | Check::Nin(List::Expansion(list)) = &check.value
    {
        visit(&list.value, list.span);
    }
    for operand in operands(part) {
        each_leaf(operand, &mut |leaf, span| {
            if let Leaf::Expansion(expansion) = leaf {
                visit(expansion, span);
            }
        });
    }
}
