use std::collections::BTreeSet;
use std::sync::Arc;

use bson::Document;

use super::bound::{BoundField, BoundFields, BoundRole};
use super::bound_policy::Entrance;
use super::client_query::QueryError;
use super::guard::Guard;
use super::plan::{holds, permitted};
use crate::eval::{Residual, Trace, Truth};
use crate::projection::Projection;
use crate::query_plan::{Field, Plan, Remaining, remaining, settled};

/// What each part of the rules contributes to the result of [`Guard::plan`].
#[derive(Clone, Debug, PartialEq)]
pub struct PlanExplanation {
    /// The plan for the documents that may be read.
    pub plan: Plan,
    /// Whether the rules do not apply because the user is the system user.
    pub bypass: bool,
    /// The filters that apply, in order.
    pub filters: Vec<FilterPlan>,
    /// All roles, in order.
    pub roles: Vec<RolePlan>,
    /// The conditions that have to be checked on each document found.
    pub remaining: Vec<Remaining>,
    /// The visible fields as a MongoDB projection, if they are the same in all documents; an empty projection includes
    /// all fields.
    pub projection: Option<Document>,
}

/// The documents that a filter of the rules admits.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterPlan {
    /// The name of the filter.
    pub name: Arc<str>,
    /// The documents that it admits.
    pub plan: Plan,
}

/// What a role contributes to the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct RolePlan {
    /// The name of the role.
    pub name: Arc<str>,
    /// The documents to which the role applies, provided that no earlier role does; [`Plan::Never`] if the context
    /// rules it out.
    pub applies: Plan,
    /// Those of them that the role permits reading, possibly in part.
    pub permits: Plan,
    /// If the role applies to no document, the conditions of its `apply_when` that the context decides, with outcomes
    /// and operands.
    pub settled: Vec<Trace>,
}

impl Guard {
    /// Explains [`Guard::plan`]: what filters and roles contribute, what remains to be checked, and which fields are
    /// visible.
    ///
    /// # Errors
    /// Same as [`Guard::plan`].
    pub fn explain_plan(&self) -> Result<PlanExplanation, QueryError> {
        let mut explanation = PlanExplanation {
            plan: self.plan()?,
            bypass: matches!(self.bound.entrance, Entrance::Bypass),
            filters: Vec::new(),
            roles: Vec::new(),
            remaining: Vec::new(),
            projection: None,
        };
        let Entrance::Rules(rules) = &self.bound.entrance else {
            explanation.projection = explanation.bypass.then(Document::new);
            return Ok(explanation);
        };
        for (name, query) in &rules.filters.queries {
            explanation.filters.push(FilterPlan { name: name.clone(), plan: holds(query).into() });
        }
        let mut bound = rules.roles.iter().peekable();
        for role in &self.policy.roles {
            let name = role.name.clone();
            explanation.roles.push(match bound.next_if(|bound| bound.name == name) {
                Some(role) => RolePlan {
                    name,
                    applies: holds(&role.apply_when).into(),
                    permits: permitted(role, &rules.filters).into(),
                    settled: Vec::new(),
                },
                None => {
                    let settled = settled(&role.apply_when.predicate, &self.context);
                    RolePlan { name, applies: Plan::Never, permits: Plan::Never, settled }
                }
            });
        }
        if explanation.plan.needs_check() {
            let mut found = BTreeSet::new();
            for (_, query) in &rules.filters.queries {
                remaining(query, Field::Somewhere, &mut found);
            }
            rules.roles.iter().for_each(|role| role.remaining(&mut found));
            let is_open = matches!(&explanation.plan, Plan::Bounds { upper, .. } if upper.is_empty());
            if found.is_empty() {
                found.insert(if is_open { Remaining::Size } else { Remaining::Fields });
            }
            explanation.remaining = found.into_iter().collect();
        }
        if explanation.plan != Plan::Never {
            explanation.projection = projection(&rules.roles, &rules.filters.projections);
        }
        Ok(explanation)
    }
}

impl BoundRole {
    fn remaining(&self, found: &mut BTreeSet<Remaining>) {
        let filters = self.document_filters.iter().flat_map(|(read, write)| [read, write]);
        let whole = [&self.read, &self.write].into_iter().chain(filters).flatten();
        for rule in whole.chain([&self.apply_when]) {
            remaining(rule, Field::Somewhere, found);
        }
        if self.read.is_some() {
            return;
        }
        for (name, rule) in &self.fields {
            rule.remaining(Field::Named(name), found);
        }
        if let Some(rule) = &self.additional_fields {
            rule.remaining(Field::Somewhere, found);
        }
    }
}

impl BoundField {
    fn remaining(&self, this: Field<'_>, found: &mut BTreeSet<Remaining>) {
        for rule in [&self.read, &self.write].into_iter().flatten() {
            remaining(rule, this, found);
        }
        for rule in self.fields.iter().flat_map(BoundFields::values) {
            rule.remaining(Field::Somewhere, found);
        }
    }
}

/// What is visible in every document that may be read.
#[derive(PartialEq)]
enum VisibleFields {
    All,
    Only(BTreeSet<String>),
    AllBut(BTreeSet<String>),
}

/// The visible fields as a projection; `None` if they depend on the document, or if a projection cannot express them.
fn projection(roles: &[BoundRole], filters: &[Projection]) -> Option<Document> {
    let mut roles = roles.iter().map(shown);
    let first = roles.next()??;
    if !roles.all(|other| other.as_ref() == Some(&first)) {
        return None;
    }
    match (first, filters) {
        (VisibleFields::All, []) => Some(Document::new()),
        (VisibleFields::All, [filter]) => Some(filter.to_document()),
        (VisibleFields::Only(paths), []) => {
            let id = if paths.contains("_id") { None } else { Some(("_id".to_owned(), 0.into())) };
            Some(paths.into_iter().map(|path| (path, 1.into())).chain(id).collect())
        }
        (VisibleFields::AllBut(paths), []) => Some(paths.into_iter().map(|path| (path, 0.into())).collect()),
        _ => None,
    }
}

fn shown(role: &BoundRole) -> Option<VisibleFields> {
    let whole = [&role.read, &role.write].into_iter().flatten();
    // Field rules apply only if there is no `read` and `write` does not hold.
    if role.read.is_some() || whole.clone().any(is_true) {
        return Some(VisibleFields::All);
    }
    if whole.clone().any(|rule| rule.constant().is_none()) {
        return None;
    }
    let additional = match &role.additional_fields {
        None => false,
        Some(rule) => rule.shows()?,
    };
    let mut paths = BTreeSet::new();
    if !additional {
        add_shown(&role.fields, "", &mut paths)?;
        return (!paths.is_empty()).then_some(VisibleFields::Only(paths));
    }
    for (name, rule) in &role.fields {
        if rule.fields.is_some() && rule.read.is_none() && rule.write.is_none() {
            return None;
        }
        if !rule.shows()? {
            paths.insert(path("", name)?);
        }
    }
    Some(if paths.is_empty() { VisibleFields::All } else { VisibleFields::AllBut(paths) })
}

fn add_shown(fields: &BoundFields, above: &str, paths: &mut BTreeSet<String>) -> Option<()> {
    for (name, rule) in fields {
        let path = path(above, name)?;
        match &rule.fields {
            Some(inner) if rule.read.is_none() && rule.write.is_none() => add_shown(inner, &path, paths)?,
            _ if rule.shows()? => drop(paths.insert(path)),
            _ => {}
        }
    }
    Some(())
}

/// The dotted path of a field; `None` if a projection does not allow its name.
fn path(above: &str, name: &str) -> Option<String> {
    let is_name = !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0']);
    is_name.then(|| if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") })
}

fn is_true(rule: &Residual) -> bool {
    rule.constant() == Some(Truth::True)
}

impl BoundField {
    /// Whether a field is visible; `None` if that depends on the document.
    fn shows(&self) -> Option<bool> {
        let rules = || [&self.read, &self.write].into_iter().flatten();
        match rules().any(is_true) {
            true => Some(true),
            false => rules().all(|rule| rule.constant().is_some()).then_some(false),
        }
    }
}
