//! Findings that depend on the rules of all collections.

use super::catalogue::CUSTOM_DATA_ABSENT;
use super::custom_data::Store;
use super::custom_data_effect::Beliefs;
use super::report::Report;
use super::shape::{custom_data_field, references, rights};
use super::witness::Search;
use crate::path::FieldPath;
use crate::policy::{Policy, Rule};
use crate::predicate::{Left, Predicate, Reference, Test};
use crate::text::Finding;

/// The rules that apply to a collection.
#[derive(Clone, Copy, Debug)]
pub struct CollectionRules<'r> {
    /// The namespace, such as `hr.users`.
    pub namespace: &'r str,
    /// Its own rules or, if they apply to it, the default rules. Positions of findings refer to the file that contains
    /// the roles.
    pub policy: &'r Policy,
}

/// Reports what is probably not intended in the rules of all collections taken together. Each finding comes with the
/// index of its collection.
///
/// `custom_data` is the collection of `%%user.custom_data` and the field that contains the user's id; `None` if custom
/// data is not used. That collection must be among `collections`, even if only default rules apply to it. `elsewhere`
/// contains rules outside of collections, such as each `can_evaluate`, because these may read custom data, too.
#[must_use]
pub fn lint_application(
    collections: &[CollectionRules<'_>],
    elsewhere: &[&Rule],
    custom_data: Option<(&str, &str)>,
) -> Vec<(usize, Finding)> {
    let mut findings = Vec::new();
    let Some((namespace, id_field)) = custom_data else {
        for (index, collection) in collections.iter().enumerate() {
            let mut report = Report::default();
            absent(collection.policy, &mut report);
            findings.extend(report.finish().into_iter().map(|finding| (index, finding)));
        }
        return findings;
    };
    let mut beliefs = Beliefs::default();
    collections.iter().for_each(|collection| beliefs.of_policy(collection.policy));
    elsewhere.iter().for_each(|rule| beliefs.of_rule(rule));
    let id_field = FieldPath::parse(id_field).unwrap_or_default();
    let store = Store::new(id_field, &beliefs.found);
    for (index, collection) in collections.iter().enumerate().filter(|(_, found)| found.namespace == namespace) {
        let mut report = Report::default();
        store.lint(Search::new(collection.policy.clone()), &mut report);
        findings.extend(report.finish().into_iter().map(|finding| (index, finding)));
    }
    findings
}

fn of_roles(policy: &Policy) -> impl Iterator<Item = &Predicate> {
    policy.roles.iter().flat_map(|role| role.rules().into_iter().map(|(_, rule)| &rule.predicate))
}

fn each_reference<'p>(predicate: &'p Predicate, visit: &mut dyn FnMut(&'p Reference, &'p Test)) {
    predicate.each_test(&mut |test| {
        if let Left::Context(reference) = &test.left {
            visit(reference, test);
        }
        rights(test).into_iter().flat_map(references).for_each(|reference| visit(reference, test));
    });
}

/// Reports the first place where a role reads custom data although it is not used. Filters are not considered, because
/// they may be in a different file.
fn absent(policy: &Policy, report: &mut Report) {
    let mut first: Option<(&Reference, &Test)> = None;
    for predicate in of_roles(policy) {
        each_reference(predicate, &mut |reference, test| {
            if custom_data_field(reference).is_some() && first.is_none_or(|(_, found)| test.span < found.span) {
                first = Some((reference, test));
            }
        });
    }
    if let Some((reference, test)) = first {
        let message = format!("`{reference}` is Missing for every user: custom data is not enabled");
        report.add(CUSTOM_DATA_ABSENT, test.span, message, "configure it in `auth/custom_user_data.json`");
    }
}
