use super::catalogue::ROLES_EMPTY;
use super::parts::each_part;
use super::report::Report;
use super::times::{self, Time};
use super::witness::Search;
use super::{comparisons, declared, expansions, filters, grants, literals, negations, roles, take_over, undone};
use crate::json::Node;
use crate::policy::{Policy, Presence, Rule, RulesFile};
use crate::predicate::Predicate;
use crate::schema::Schema;
use crate::text::Finding;

/// What is probably not meant in one rules file, whose text is `node`; in the order of the text.
///
/// ```
/// let node = portcullis::json::parse(
///     r#"{"roles": [{"name": "Owner", "apply_when": {"%%user._id": "%%root.owner"}, "read": true}]}"#,
/// ).unwrap();
/// let rules = portcullis::policy::compile(&node).unwrap();
/// let findings = portcullis::lint::lint_rules(&rules, &node);
/// assert_eq!(findings[0].message, "`%%user` has no property `_id`");
/// assert_eq!(findings[0].help.as_deref(), Some("did you mean `%%user.id`?"));
/// ```
#[must_use]
pub fn lint_rules(rules: &RulesFile, node: &Node) -> Vec<Finding> {
    let mut report = Report::default();
    if let (Some([]), Some(member)) = (rules.roles.as_deref(), node.member("roles")) {
        let message = "without roles the collection is closed to everyone";
        let help = "leave `roles` out if the default roles shall serve it";
        report.add(ROLES_EMPTY, member.value.span, message, help);
    }
    let own = rules.roles.as_deref().unwrap_or_default();
    roles::lint(own, &mut report);
    let policy = Policy {
        roles: own.to_vec(),
        filters: rules.filters.clone(),
        schema: rules.schema.clone(),
        presence: Presence::Ruled,
    };
    let search = Search::new(policy);
    take_over::lint(&search, &mut report);
    undone::lint(&search, &mut report);
    declared::lint(rules, &mut report);
    for role in own {
        grants::lint(role, &mut report);
        for (pointer, rule) in role.rules() {
            let time = match pointer.rsplit('/').next() {
                Some("apply_when") => Time::Choosing,
                Some("read" | "search") => Time::Reading,
                _ => Time::Writing,
            };
            expression(rule, time, rules.schema.as_ref(), &mut report);
            negations::lint(&rule.predicate, &mut report);
        }
    }
    filters::lint(&rules.filters, &mut report);
    for filter in &rules.filters {
        // A filter that applies to users without a property restricts them: the safe side.
        expression(&filter.apply_when, Time::Choosing, None, &mut report);
        if let Some(query) = &filter.query {
            expression(query, Time::Reading, rules.schema.as_ref(), &mut report);
            negations::lint(&query.predicate, &mut report);
        }
    }
    if let (Some(schema), Some(_)) = (&rules.schema, node.member("schema")) {
        validates(schema, &mut report);
    }
    report.finish()
}

/// What is probably not meant in a `schema.json` by itself.
#[must_use]
pub fn lint_schema(schema: &Schema) -> Vec<Finding> {
    let mut report = Report::default();
    validates(schema, &mut report);
    report.finish()
}

fn validates(schema: &Schema, report: &mut Report) {
    for predicate in schema.validates() {
        tests(predicate, Time::Writing, Some(schema), report);
        negations::lint(predicate, report);
    }
}

/// What is probably not meant in one expression by itself, such as the `can_evaluate` of a function.
#[must_use]
pub fn lint_rule(rule: &Rule) -> Vec<Finding> {
    let mut report = Report::default();
    expression(rule, Time::Writing, None, &mut report);
    negations::lint(&rule.predicate, &mut report);
    report.finish()
}

fn expression(rule: &Rule, time: Time, schema: Option<&Schema>, report: &mut Report) {
    each_part(&rule.expr.value, &mut |part| {
        expansions::lint(part, report);
        literals::lint(part, report);
    });
    tests(&rule.predicate, time, schema, report);
}

fn tests(predicate: &Predicate, time: Time, schema: Option<&Schema>, report: &mut Report) {
    predicate.each_test(&mut |test| {
        comparisons::lint(test, schema, report);
        times::lint(test, time, report);
    });
}
