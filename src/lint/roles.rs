//! Roles beside one another: which of them is ever chosen.

use std::collections::HashMap;

use super::catalogue::{ROLE_NAME_TWICE, ROLE_NEVER_APPLIES, ROLE_SKIPPABLE, ROLE_UNREACHABLE};
use super::extent::{never, reading, writing};
use super::report::Report;
use super::shape::{Polarity, View, conjuncts, references, rights, view};
use crate::policy::Role;
use crate::predicate::{ContextRoot, Predicate, Reference, Test};

pub(super) fn lint(roles: &[Role], report: &mut Report) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let conditions: Vec<_> = roles.iter().map(|role| conjuncts(&role.apply_when.predicate)).collect();
    for (index, (role, condition)) in roles.iter().zip(&conditions).enumerate() {
        let name = &role.name;
        if names.insert(name, index).is_some() {
            let message = format!("two roles are named `{name}`");
            report.add(ROLE_NAME_TWICE, role.name_span, message, "give each its own name");
        }
        if never(Some(&role.apply_when)) {
            let message = format!("role `{name}` never applies");
            report.add(
                ROLE_NEVER_APPLIES,
                role.apply_when.expr.span,
                message,
                "remove it, if it is not kept for later",
            );
            continue;
        }
        let earlier = || roles.iter().zip(&conditions).take(index);
        if let Some((before, wider)) = earlier().find(|(before, wider)| covers(before, wider, condition)) {
            let why = if wider.is_empty() { "applies always" } else { "applies wherever this one does" };
            let message = format!("role `{name}` is never chosen: `{}` stands before it and {why}", before.name);
            report.add(ROLE_UNREACHABLE, role.name_span, message, "put the narrower role first");
        }
    }
    for (index, (role, condition)) in roles.iter().zip(&conditions).enumerate() {
        let later = roles.iter().zip(&conditions).skip(index + 1);
        skippable(role, condition, later, report);
    }
}

/// Whether a role applies wherever one with this condition does.
pub(super) fn covers(role: &Role, wider: &[String], condition: &[String]) -> bool {
    !never(Some(&role.apply_when)) && wider.iter().all(|text| condition.contains(text))
}

fn skippable<'r>(
    role: &Role,
    condition: &[String],
    mut later: impl Iterator<Item = (&'r Role, &'r Vec<String>)>,
    report: &mut Report,
) {
    let Some((test, lacking)) = unresolvable(&role.apply_when.predicate, Polarity::Asserted) else { return };
    let more = later.find(|(after, wider)| {
        covers(after, wider, condition) && (reading(after) > reading(role) || writing(after) > writing(role))
    });
    if let Some((after, _)) = more {
        let message = format!(
            "a user without `{lacking}` is not held by role `{}`: the test is Unknown, and `{}` grants more",
            role.name, after.name
        );
        let help = format!("add {{\"{lacking}\": {{\"$exists\": false}}}} to it with `%or`");
        report.add(ROLE_SKIPPABLE, test.span, message, help);
    }
}

/// A negated test with something on the right that a user may lack.
fn unresolvable(predicate: &Predicate, polarity: Polarity) -> Option<(&Test, &Reference)> {
    match view(predicate, polarity) {
        View::Constant | View::Test(_, Polarity::Asserted) => None,
        View::All(parts, polarity) | View::Any(parts, polarity) => {
            parts.iter().find_map(|part| unresolvable(part, polarity))
        }
        View::Test(test, Polarity::Denied) => {
            let lacking = rights(test).into_iter().flat_map(references).find(|reference| match reference.root {
                ContextRoot::User => matches!(reference.path.first(), Some("custom_data" | "data")),
                ContextRoot::Request => true,
                _ => false,
            });
            lacking.map(|reference| (test, reference))
        }
    }
}
