//! Recognises conditions that distinguish privileged users from others.

use bson::Bson;

use super::shape::{is_user, rights};
use crate::path::Segment;
use crate::predicate::{ContextRoot, Left, Right, Test, TestKind};

/// Whether a test holds only for users who have something that they cannot give themselves.
pub(super) fn is_privilege(test: &Test) -> bool {
    let configured = |right: &&Right| match right {
        Right::Literal(value) => !matches!(value, Bson::Null | Bson::Boolean(false)),
        Right::Context(reference) => matches!(reference.root, ContextRoot::Values | ContextRoot::Environment),
        // It is unknown what the result of a function depends on.
        Right::Function(_) => true,
        _ => false,
    };
    if matches!(&test.check, TestKind::Equals(Right::Function(_))) {
        return true;
    }
    let Left::Context(left) = &test.left else { return false };
    let names: Vec<&str> = left.path.segments().iter().map(Segment::name).collect();
    let rights = rights(test);
    let all = !rights.is_empty() && rights.iter().all(configured);
    match (left.root, names.as_slice()) {
        (ContextRoot::User, ["custom_data", ..]) => match &test.check {
            TestKind::Equals(_) | TestKind::Order(..) | TestKind::In(_) | TestKind::All(_) => all,
            TestKind::Exists | TestKind::Type(_) | TestKind::Regex(_) | TestKind::ElemMatch(..) => true,
            TestKind::Size(_) | TestKind::Mod { .. } | TestKind::Client(_) => false,
        },
        (ContextRoot::User, ["type"]) => {
            all && !rights.iter().any(|right| matches!(right, Right::Literal(Bson::String(text)) if text == "normal"))
        }
        (ContextRoot::User, ["identities", last]) if *last != "id" => false,
        (ContextRoot::User, ["id" | "data" | "identities", ..]) => match &test.check {
            TestKind::Regex(_) => true,
            _ => all,
        },
        (ContextRoot::Values | ContextRoot::Environment, _) => {
            rights.iter().any(|right| matches!(right, Right::Context(reference) if is_user(reference, "id")))
        }
        _ => false,
    }
}
