use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bound_policy::Entrance;
use super::guard::Guard;
use super::write::{Write, alone};
use crate::eval::{Documents, Errors, Trace, Truth, trace};
use crate::policy::{FieldRule, Role, Rule};
use crate::value::{DocumentRef, ValueRef, identical};

/// The operation to explain.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'d> {
    /// Reads a stored document.
    Read(DocumentRef<'d>),
    /// Finds a stored document in a search.
    Search(DocumentRef<'d>),
    /// Inserts a document.
    Insert(DocumentRef<'d>),
    /// Replaces a stored document by another.
    Update(DocumentRef<'d>, DocumentRef<'d>),
    /// Deletes a stored document.
    Delete(DocumentRef<'d>),
}

/// Every condition that a decision depends on, evaluated part by part.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Whether the rules do not apply because the user is the system user.
    pub bypass: bool,
    /// The filters of the rules, in order.
    pub filters: Vec<RuleTrace>,
    /// The roles that were tried, in order.
    pub roles: Vec<RoleTrace>,
    /// The conditions of the role that applied.
    pub rules: Vec<RuleTrace>,
}

/// How the `apply_when` of a role was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleTrace {
    /// The name of the role.
    pub name: Arc<str>,
    /// Its `apply_when`.
    pub apply_when: Trace,
}

/// How a rule was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTrace {
    /// The path of the rule within its role, such as `write` or `fields.salary.read`.
    pub place: String,
    /// The evaluation; `None` if the rule is absent, which denies.
    pub trace: Option<Trace>,
}

/// The maximum number of fields to explain individually.
const SHOWN_FIELDS: usize = 1000;

/// The maximum number of array elements whose field rules are explained individually.
const SHOWN_ELEMENTS: usize = 10;

impl Guard {
    /// Explains the decision on an operation: every condition that it depends on, with its operands. Each condition is
    /// evaluated separately, so this takes longer than the decision itself.
    #[must_use]
    pub fn explain(&self, operation: Operation<'_>) -> Explanation {
        let mut explanation = Explanation {
            bypass: matches!(self.bound.entrance, Entrance::Bypass),
            filters: Vec::new(),
            roles: Vec::new(),
            rules: Vec::new(),
        };
        if !matches!(self.bound.entrance, Entrance::Rules(_)) {
            return explanation;
        }
        let (stored, chosen, seen) = match operation {
            Operation::Read(stored) | Operation::Search(stored) => (Some(stored), stored, alone(stored, Some(stored))),
            Operation::Insert(new) => (None, new, Write::Insert(new).documents()),
            Operation::Update(stored, new) => (Some(stored), stored, Write::Update(stored, new).documents()),
            Operation::Delete(stored) => (Some(stored), stored, Write::Delete(stored).documents()),
        };
        if let Some(stored) = stored {
            explanation.filters = self.explain_filters(stored);
        }
        for role in &self.policy.roles {
            let apply_when = self.trace(&role.apply_when, alone(chosen, stored));
            let truth = apply_when.truth;
            explanation.roles.push(RoleTrace { name: role.name.clone(), apply_when });
            match truth {
                Truth::True => {
                    explanation.rules = self.explain_role(role, operation, seen);
                    break;
                }
                Truth::Error => break,
                Truth::False | Truth::Unknown => {}
            }
        }
        explanation
    }

    fn trace(&self, rule: &Rule, documents: Documents<'_>) -> Trace {
        trace(&rule.predicate, documents, &self.context, &Errors::default())
    }

    fn explain_filters(&self, stored: DocumentRef<'_>) -> Vec<RuleTrace> {
        let mut traces = Vec::new();
        for filter in &self.policy.filters {
            let apply_when = self.trace(&filter.apply_when, Documents::default());
            let applies = apply_when.truth != Truth::False;
            let place = format!("filter {}: apply_when", filter.name);
            traces.push(RuleTrace { place, trace: Some(apply_when) });
            if let (true, Some(query)) = (applies, &filter.query) {
                let trace = self.trace(query, alone(stored, Some(stored)));
                traces.push(RuleTrace { place: format!("filter {}: query", filter.name), trace: Some(trace) });
            }
        }
        traces
    }

    fn explain_role(&self, role: &Role, operation: Operation<'_>, seen: Documents<'_>) -> Vec<RuleTrace> {
        let mut traces = Vec::new();
        let mut add = |place: &str, rule: Option<&Rule>, documents: Documents<'_>| {
            let trace = self.trace(rule?, documents);
            let truth = trace.truth;
            traces.push(RuleTrace { place: place.to_owned(), trace: Some(trace) });
            Some(truth)
        };
        let halves = role.document_filters.as_ref();
        let reads = halves.and_then(|halves| halves.read.as_ref());
        let writes = halves.and_then(|halves| halves.write.as_ref());
        let reading = matches!(operation, Operation::Read(_) | Operation::Search(_));
        match operation {
            Operation::Read(_) | Operation::Search(_) => {
                if matches!(operation, Operation::Search(_)) {
                    add("search", role.search.as_ref(), seen);
                }
                add("document_filters.read", reads, seen);
                add("document_filters.write", writes, seen);
            }
            Operation::Insert(new) => {
                add("document_filters.write", writes, alone(new, None));
            }
            Operation::Update(stored, new) => {
                add("document_filters.write, as stored", writes, alone(stored, Some(stored)));
                add("document_filters.write, as written", writes, alone(new, Some(stored)));
            }
            Operation::Delete(stored) => {
                add("document_filters.write", writes, alone(stored, Some(stored)));
            }
        }
        // As in the decision, field rules count only if the role's own rules do not decide.
        let write = add("write", role.write.as_ref(), seen);
        let fields = if reading {
            let read = add("read", role.read.as_ref(), seen);
            read.is_none() && write != Some(Truth::True)
        } else {
            write.is_none() && add("read", role.read.as_ref(), seen).is_none_or(Truth::is_true)
        };
        match operation {
            Operation::Insert(_) => add("insert", role.insert.as_ref(), seen),
            Operation::Delete(_) => add("delete", role.delete.as_ref(), seen),
            _ => None,
        };
        if fields {
            self.explain_fields(role, operation, seen, &mut traces);
        }
        traces
    }

    fn explain_fields(&self, role: &Role, operation: Operation<'_>, seen: Documents<'_>, traces: &mut Vec<RuleTrace>) {
        let (before, after, asked) = match operation {
            Operation::Read(stored) | Operation::Search(stored) => (Some(stored), Some(stored), FieldAccess::Reading),
            Operation::Insert(new) => (None, Some(new), FieldAccess::Writing),
            Operation::Update(stored, new) => (Some(stored), Some(new), FieldAccess::Writing),
            Operation::Delete(stored) => (Some(stored), None, FieldAccess::Writing),
        };
        let rules: HashMap<&str, &FieldRule> = role.fields.iter().map(|rule| (&*rule.name, rule)).collect();
        let mut names = HashSet::new();
        let both = before.into_iter().chain(after).flat_map(DocumentRef::iter).flatten();
        for name in both.map(|(name, _)| name).filter(|name| names.insert(*name)).take(SHOWN_FIELDS) {
            let value = |document: Option<DocumentRef<'_>>| {
                document.and_then(|document| document.get(name).ok().flatten().map(ValueRef::to_bson))
            };
            let (Ok(prev), Ok(this)) = (value(before).transpose(), value(after).transpose()) else { continue };
            let change = Change { prev: prev.as_ref().map(ValueRef::from), this: this.as_ref().map(ValueRef::from) };
            if asked == FieldAccess::Writing && change.is_none() {
                continue;
            }
            match (rules.get(name), &role.additional_fields) {
                (Some(rule), _) => self.explain_field(&format!("fields.{name}"), rule, asked, change, seen, traces),
                (None, Some(rule)) => {
                    self.explain_field(&format!("additional_fields ({name})"), rule, asked, change, seen, traces);
                }
                (None, None) => traces.push(RuleTrace { place: format!("fields.{name}"), trace: None }),
            }
        }
    }

    fn explain_field(
        &self,
        place: &str,
        rule: &FieldRule,
        asked: FieldAccess,
        change: Change<'_>,
        seen: Documents<'_>,
        traces: &mut Vec<RuleTrace>,
    ) {
        let documents = Documents { this: change.this, prev: change.prev, ..seen };
        let asks: &[(&str, &Option<Rule>)] = match asked {
            FieldAccess::Reading => &[("read", &rule.read), ("write", &rule.write)],
            FieldAccess::Writing => &[("write", &rule.write)],
        };
        let before = traces.len();
        for (key, part) in asks {
            if let Some(part) = part {
                let trace = self.trace(part, documents);
                let settled = trace.truth.is_true();
                traces.push(RuleTrace { place: format!("{place}.{key}"), trace: Some(trace) });
                if settled {
                    break;
                }
            }
        }
        // This rule decides for everything nested in the field.
        if traces.len() > before {
            return;
        }
        for field in rule.fields.iter().flatten() {
            for (suffix, inner) in change.inside(&field.name) {
                self.explain_field(&format!("{place}{suffix}.{}", field.name), field, asked, inner, seen, traces);
            }
        }
        if traces.len() == before {
            traces.push(RuleTrace { place: place.to_owned(), trace: None });
        }
    }
}

/// The permission to explain for a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldAccess {
    Reading,
    Writing,
}

/// The old and the new value of a field.
#[derive(Clone, Copy)]
struct Change<'d> {
    prev: Option<ValueRef<'d>>,
    this: Option<ValueRef<'d>>,
}

impl<'d> Change<'d> {
    /// Whether old and new value are equal.
    fn is_none(self) -> bool {
        match (self.prev, self.this) {
            (Some(prev), Some(this)) => identical(prev, this).unwrap_or(false),
            (prev, this) => prev.is_none() && this.is_none(),
        }
    }

    /// The nested fields with this name: that of the embedded document, or those of each document in the array.
    fn inside(self, name: &str) -> Vec<(String, Self)> {
        let of = |value: Option<ValueRef<'d>>, index: Option<usize>| -> Option<ValueRef<'d>> {
            let value = match (value?, index) {
                (ValueRef::Array(array), Some(index)) => array.get(index).ok()??,
                (value, _) => value,
            };
            match value {
                ValueRef::Document(document) => document.get(name).ok()?,
                _ => None,
            }
        };
        let length = |value: Option<ValueRef<'d>>| match value {
            Some(ValueRef::Array(array)) => array.len().ok(),
            _ => None,
        };
        let places: Vec<Option<usize>> = match length(self.prev).max(length(self.this)) {
            Some(length) => (0..length.min(SHOWN_ELEMENTS)).map(Some).collect(),
            None => vec![None],
        };
        places
            .into_iter()
            .map(|index| {
                let inner = Self { prev: of(self.prev, index), this: of(self.this, index) };
                (index.map_or_else(String::new, |index| format!("[{index}]")), inner)
            })
            .filter(|(_, inner)| inner.prev.is_some() || inner.this.is_some())
            .collect()
    }
}
