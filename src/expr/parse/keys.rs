use crate::expr::Operator;
use crate::json::{self, Member, Node};

/// What the keys of an object in a condition are.
pub(super) enum Keys<'n> {
    /// Those of an extended JSON literal, such as `{"$oid": …}`.
    Literal,
    /// Operators, at least one.
    Operators,
    /// Field names, or none at all.
    Names,
    /// Both operators and field names.
    Mixed { operator: &'n Member, name: &'n Member },
}

pub(super) fn is_operator_like(key: &str) -> bool {
    key.starts_with(['$', '%'])
}

pub(super) fn is_expansion_like(text: &str) -> bool {
    text.starts_with("%%")
}

pub(super) fn keys(members: &[Member]) -> Keys<'_> {
    if json::is_literal(members) {
        return Keys::Literal;
    }
    let operator = members.iter().find(|m| is_operator_like(&m.key) && !is_expansion_like(&m.key));
    let name = members.iter().find(|m| !is_operator_like(&m.key) || is_expansion_like(&m.key));
    match (operator, name) {
        (Some(operator), Some(name)) => Keys::Mixed { operator, name },
        (Some(_), None) => Keys::Operators,
        (None, _) => Keys::Names,
    }
}

/// Whether an object consists of operators, like `{"$gt": 1}` and unlike `{"a": 1}`.
pub(super) fn is_condition(node: &Node) -> bool {
    let Some(members) = node.as_object() else { return false };
    !members.is_empty()
        && members.iter().all(|member| match Operator::parse(&member.key) {
            Some(Operator::Logic(_)) => member.value.as_array().and_then(<[Node]>::first).is_some_and(is_condition),
            Some(Operator::Not) => is_condition(&member.value),
            Some(_) => true,
            None => false,
        })
}
