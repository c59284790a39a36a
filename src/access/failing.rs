//! Checks whether reads can be decided with the parts of the context that were supplied.

use super::bound::{BoundField, BoundFields, BoundRole};
use super::bound_policy::{BoundRules, Entrance};
use super::client_query::QueryError;
use super::guard::Guard;
use crate::eval::{Errors, Residual, Truth};

impl Guard {
    /// Checks that every part of the context that the rules for reading refer to was supplied. Otherwise, some
    /// documents might end in an Error, and only queries that reach one of them would fail. That must not be
    /// observable, because nobody may read those documents, so all queries fail.
    ///
    /// # Errors
    /// [`QueryError::Failed`], with the missing parts.
    pub(crate) fn supplied(&self) -> Result<(), QueryError> {
        let Entrance::Rules(rules) = &self.bound.entrance else { return Ok(()) };
        if !rules.filters.errors.is_empty() {
            return Err(QueryError::Failed(rules.filters.errors.clone()));
        }
        if !rules.asks_unsupplied {
            return Ok(());
        }
        let errors = Errors::default();
        of_rules(rules, &errors);
        let errors = errors.into_vec();
        if errors.is_empty() { Ok(()) } else { Err(QueryError::Failed(errors)) }
    }
}

fn of_rules(BoundRules { filters, roles, .. }: &BoundRules, errors: &Errors) {
    filters.queries.iter().for_each(|(_, query)| query.add_failures(errors));
    for role in roles {
        role.apply_when.add_failures(errors);
        let applies = role.apply_when.constant();
        if applies != Some(Truth::Error) {
            of_role(role, errors);
        }
        // Later roles are not reached.
        if matches!(applies, Some(Truth::True | Truth::Error)) {
            return;
        }
    }
}

fn of_role(role: &BoundRole, errors: &Errors) {
    // Without `read`, the document filters admit every document, whatever `write` is.
    if let Some((Some(read), write)) = &role.document_filters {
        of_either(Some(read), write.as_ref(), errors);
    }
    let shows_all = of_either(role.read.as_ref(), role.write.as_ref(), errors);
    if shows_all || role.read.is_some() {
        return;
    }
    of_fields(&role.fields, errors);
    role.additional_fields.iter().for_each(|rule| of_field(rule, errors));
}

fn of_fields(fields: &BoundFields, errors: &Errors) {
    fields.values().for_each(|rule| of_field(rule, errors));
}

fn of_field(rule: &BoundField, errors: &Errors) {
    if rule.read.is_some() || rule.write.is_some() {
        of_either(rule.read.as_ref(), rule.write.as_ref(), errors);
    } else {
        rule.fields.iter().for_each(|fields| of_fields(fields, errors));
    }
}

/// Adds the errors of two rules of which one suffices. Returns whether one of them holds for every document.
fn of_either(read: Option<&Residual>, write: Option<&Residual>, errors: &Errors) -> bool {
    let rules = || [read, write].into_iter().flatten();
    let holds = rules().any(|rule| rule.constant() == Some(Truth::True));
    if !holds {
        rules().for_each(|rule| rule.add_failures(errors));
    }
    holds
}
