//! Findings about what users can do without identifying themselves.

use super::catalogue::ANYONE_WRITES;
use super::extent::{always, never};
use super::report::Report;
use crate::policy::{Policy, Role};
use crate::text::Finding;

/// Reports if everyone may write everything in a collection. This is for applications in which users can log in
/// anonymously. There is at most one finding.
#[must_use]
pub fn lint_anonymous(policy: &Policy) -> Vec<Finding> {
    let mut report = Report::default();
    // Of several roles that always apply, only the first is ever selected.
    if let Some(role) = policy.roles.iter().find(|role| always(Some(&role.apply_when)))
        && writes_everything(role)
        && let Some(write) = role.write.as_ref().or_else(|| role.additional_fields.as_ref()?.write.as_ref())
    {
        let message = format!(
            "anonymous users can log in, and role `{}` lets everybody write every document of the collection",
            role.name
        );
        let help = "disable the provider `anon-user`, or test the user in `apply_when` or `write`";
        report.add(ANYONE_WRITES, write.expr.span, message, help);
    }
    report.finish()
}

fn writes_everything(role: &Role) -> bool {
    let open = role.document_filters.as_ref().is_none_or(|halves| always(halves.write.as_ref()));
    let by_field = role.write.is_none()
        && !never(role.read.as_ref())
        && role.fields.iter().all(|field| always(field.write.as_ref()))
        && role.additional_fields.as_ref().is_some_and(|others| always(others.write.as_ref()));
    open && (always(role.write.as_ref()) || by_field)
}
