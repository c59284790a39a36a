//! Findings about roles in relation to one another, such as roles that are never selected.

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
    let candidates = Candidates::new(roles, &conditions);
    for (index, (role, condition)) in roles.iter().zip(&conditions).enumerate() {
        let name = &role.name;
        if names.insert(name, index).is_some() {
            let message = format!("two roles are named `{name}`");
            report.add(ROLE_NAME_TWICE, role.name_span, message, "give each role a unique name");
        }
        if never(Some(&role.apply_when)) {
            let message = format!("role `{name}` never applies");
            report.add(
                ROLE_NEVER_APPLIES,
                role.apply_when.expr.span,
                message,
                "remove it, unless it is kept for later",
            );
            continue;
        }
        let earlier = candidates.of(condition).filter(|(place, wider)| *place < index && is_within(wider, condition));
        if let Some((before, wider)) = earlier.min_by_key(|(place, _)| *place)
            && let Some(before) = roles.get(before)
        {
            let why = if wider.is_empty() { "applies always" } else { "applies wherever this one does" };
            let message = format!("role `{name}` is never chosen: `{}` precedes it and {why}", before.name);
            report.add(ROLE_UNREACHABLE, role.name_span, message, "move the more specific role up");
        }
    }
    let grants: Vec<_> = roles.iter().map(|role| (reading(role), writing(role))).collect();
    for (index, ((role, condition), (reads, writes))) in roles.iter().zip(&conditions).zip(&grants).enumerate() {
        let Some((test, lacking)) = unresolvable(&role.apply_when.predicate, Polarity::Asserted) else { continue };
        let later = candidates.of(condition).filter(|(place, wider)| {
            let more = grants.get(*place).is_some_and(|(reading, writing)| reading > reads || writing > writes);
            *place > index && more && is_within(wider, condition)
        });
        if let Some((after, _)) = later.min_by_key(|(place, _)| *place)
            && let Some(after) = roles.get(after)
        {
            skippable(role, after, (test, lacking), report);
        }
    }
}

/// Finds roles whose condition may imply that of another role. They are indexed by their rarest part, so that not all
/// pairs have to be compared.
struct Candidates<'c> {
    conditions: &'c [Vec<String>],
    by_part: HashMap<&'c str, Vec<usize>>,
    /// The indexes of the roles that always apply.
    always: Vec<usize>,
}

impl<'c> Candidates<'c> {
    fn new(roles: &[Role], conditions: &'c [Vec<String>]) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for part in conditions.iter().flatten() {
            *counts.entry(part).or_default() += 1;
        }
        let mut candidates = Self { conditions, by_part: HashMap::new(), always: Vec::new() };
        for (place, (role, condition)) in roles.iter().zip(conditions).enumerate() {
            if never(Some(&role.apply_when)) {
                continue;
            }
            match condition.iter().min_by_key(|part| counts.get(part.as_str())) {
                Some(part) => candidates.by_part.entry(part).or_default().push(place),
                None => candidates.always.push(place),
            }
        }
        candidates
    }

    /// The indexes of the roles that may apply wherever a role with this condition does, each with its own condition.
    fn of<'a>(&'a self, condition: &'a [String]) -> impl Iterator<Item = (usize, &'a [String])> {
        let of_parts = condition.iter().filter_map(|part| self.by_part.get(part.as_str())).flatten();
        let places = self.always.iter().chain(of_parts);
        places.filter_map(|place| Some((*place, self.conditions.get(*place)?.as_slice())))
    }
}

/// Whether all parts of `wider` occur in `condition`. Both are sorted.
fn is_within(wider: &[String], condition: &[String]) -> bool {
    wider.len() <= condition.len() && wider.iter().all(|text| condition.binary_search(text).is_ok())
}

fn skippable(role: &Role, after: &Role, (test, lacking): (&Test, &Reference), report: &mut Report) {
    let message = format!(
        "role `{}` does not apply to users without `{lacking}` (the test is Unknown), and the later role `{}` grants more",
        role.name, after.name
    );
    let help = format!("add {{\"{lacking}\": {{\"$exists\": false}}}} to it with `%or`");
    report.add(ROLE_SKIPPABLE, test.span, message, help);
}

/// A negated test whose right operand may be absent for some users.
fn unresolvable(predicate: &Predicate, polarity: Polarity) -> Option<(&Test, &Reference)> {
    match view(predicate, polarity) {
        View::Constant | View::Test(_, Polarity::Asserted) => None,
        View::All(parts, polarity) | View::Any(parts, polarity) => {
            parts.iter().find_map(|part| unresolvable(part, polarity))
        }
        View::Test(test, Polarity::Denied) => {
            let lacking = rights(test).into_iter().flat_map(references).find(|reference| match reference.root {
                ContextRoot::User => matches!(reference.path.first(), Some("custom_data" | "data")),
                // Any other property that is missing leads to an Error.
                ContextRoot::Request => reference.path.first() == Some("requestHeaders"),
                _ => false,
            });
            lacking.map(|reference| (test, reference))
        }
    }
}
