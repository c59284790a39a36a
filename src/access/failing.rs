//! Whether a query can be answered at all with what the host supplied.

use super::bound::{BoundField, BoundFields, BoundRole};
use super::client_query::QueryError;
use super::guard::{BoundRules, Entrance, Guard};
use crate::eval::{Errors, Residual, Truth};

impl Guard {
    /// Whether what the rules of reading ask the context for was supplied. Where it was not, some documents would end in an
    /// Error, and so would a query that meets one of them. Whether it does must not be told, since nobody may read these
    /// documents: every query fails.
    ///
    /// # Errors
    /// [`QueryError::Failed`], with the parts that are missing.
    pub(crate) fn supplied(&self) -> Result<(), QueryError> {
        let Entrance::Rules(rules) = &self.entrance else { return Ok(()) };
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
        // No later role is tried.
        if matches!(applies, Some(Truth::True | Truth::Error)) {
            return;
        }
    }
}

fn of_role(role: &BoundRole, errors: &Errors) {
    // Without `read`, every document passes, whatever `write` says.
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

/// What fails of two rules of which one is enough; says whether one of them holds whatever the document.
fn of_either(read: Option<&Residual>, write: Option<&Residual>, errors: &Errors) -> bool {
    let rules = || [read, write].into_iter().flatten();
    let holds = rules().any(|rule| rule.constant() == Some(Truth::True));
    if !holds {
        rules().for_each(|rule| rule.add_failures(errors));
    }
    holds
}
