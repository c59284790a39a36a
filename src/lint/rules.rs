use super::catalogue::ROLES_EMPTY;
use super::expression_walk::each_part;
use super::report::Report;
use super::times::{self, Time};
use super::witness::Search;
use super::{
    comparisons, declared, elements, expansions, exposure, filters, grants, literals, negations, roles, schema_keys,
    take_over,
};
use crate::json::Node;
use crate::path::FieldPath;
use crate::policy::{FieldRule, Policy, Presence, Role, Rule, RulesFile, RulesInPart};
use crate::predicate::Predicate;
use crate::schema::Schema;
use crate::text::{Finding, Span};

/// Reports what is probably not intended in a rules file, in source order. `node` is the file's JSON.
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
    // A list whose roles all have errors does not count as empty.
    if let (Some([]), Some(member)) = (rules.roles.as_deref(), node.member("roles"))
        && member.value.as_array().is_some_and(<[Node]>::is_empty)
    {
        let message = "without roles the collection is closed to everyone";
        let help = "omit `roles` if the default roles should apply";
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
    exposure::lint(&search, &mut report);
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
            elements::lint(&rule.predicate, rules.schema.as_ref(), &mut report);
        }
        field_names(role, &mut report);
    }
    filters::lint(&rules.filters, &mut report);
    for filter in &rules.filters {
        // Filters that apply to users who lack a property restrict them, which is safe.
        expression(&filter.apply_when, Time::Choosing, None, &mut report);
        if let Some(query) = &filter.query {
            expression(query, Time::Reading, rules.schema.as_ref(), &mut report);
            negations::lint(&query.predicate, &mut report);
            elements::lint(&query.predicate, rules.schema.as_ref(), &mut report);
        }
    }
    if let (Some(schema), Some(_)) = (&rules.schema, node.member("schema")) {
        of_schema(schema, &mut report);
    }
    report.finish()
}

/// Reports a rules file without `roles`, to which no default roles apply either.
pub(crate) fn lint_unruled(node: &Node) -> Vec<Finding> {
    let mut report = Report::default();
    let start = node.span.start;
    let message = "without `roles`, and without default roles, the collection is closed to everyone";
    let help = "add `roles`, or give the data source a default_rule.json";
    report.add(ROLES_EMPTY, Span::new(start, start.saturating_add(1)), message, help);
    report.finish()
}

/// Like [`lint_rules`], for a file with errors. Parts without errors are examined as if the others did not exist; of
/// parts with errors, the valid expressions are.
#[must_use]
pub fn lint_rules_in_part(part: &RulesInPart, node: &Node) -> Vec<Finding> {
    let mut report = Report::default();
    let mut sound = part.rules.clone();
    let roles = sound.roles.iter().flatten().filter(|role| part.has_fault(role.span));
    let filters = sound.filters.iter().filter(|filter| part.has_fault(filter.span));
    let rules = roles.flat_map(Role::rules).map(|(_, rule)| rule);
    let rules = rules.chain(filters.flat_map(|filter| std::iter::once(&filter.apply_when).chain(&filter.query)));
    for rule in rules.filter(|rule| !part.has_fault(rule.expr.span)) {
        // When this rule is evaluated is unclear because of the errors.
        expression(rule, Time::Writing, None, &mut report);
        negations::lint(&rule.predicate, &mut report);
        elements::lint(&rule.predicate, None, &mut report);
    }
    if let Some(roles) = &mut sound.roles {
        roles.retain(|role| !part.has_fault(role.span));
    }
    // A list that is empty because of errors, such as a misspelt `roles`, is not reported as empty.
    sound.roles = sound.roles.filter(|roles| !roles.is_empty() || part.errors.is_empty());
    sound.filters.retain(|filter| !part.has_fault(filter.span));
    let mut findings = report.finish();
    findings.extend(lint_rules(&sound, node));
    findings.sort_by_key(|finding| (finding.span, finding.code));
    findings
}

fn field_names(role: &Role, report: &mut Report) {
    let mut fields: Vec<&FieldRule> = role.fields.iter().collect();
    while let Some(field) = fields.pop() {
        if let Ok(path) = FieldPath::parse(&field.name) {
            expansions::blank(&path, &field.name, field.span, report);
        }
        fields.extend(field.fields.iter().flatten());
    }
}

/// Reports what is probably not intended in a `schema.json`, without its rules.
#[must_use]
pub fn lint_schema(schema: &Schema) -> Vec<Finding> {
    let mut report = Report::default();
    of_schema(schema, &mut report);
    report.finish()
}

fn of_schema(schema: &Schema, report: &mut Report) {
    schema_keys::lint(schema, report);
    for predicate in schema.validates() {
        tests(predicate, Time::Writing, Some(schema), report);
        negations::lint(predicate, report);
        elements::lint(predicate, Some(schema), report);
    }
}

/// Reports what is probably not intended in a single rule, such as the `can_evaluate` of a function.
#[must_use]
pub fn lint_rule(rule: &Rule) -> Vec<Finding> {
    let mut report = Report::default();
    expression(rule, Time::Writing, None, &mut report);
    negations::lint(&rule.predicate, &mut report);
    elements::lint(&rule.predicate, None, &mut report);
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
