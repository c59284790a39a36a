//! A policy bound to the context of a request.

use std::sync::{Arc, OnceLock};

use super::bound::BoundRole;
use super::decision::Reason;
use super::visibility::Visibility;
use crate::eval::{Binder, Context, Documents, Errors, EvalError, Evaluation, Residual, Truth};
use crate::policy::Policy;
use crate::projection::Projection;
use crate::query_plan::Range;
use crate::schema::BoundSchema;
use crate::value::RequestedFields;

/// A policy with everything evaluated that depends only on the context.
#[derive(Debug)]
pub(super) struct BoundPolicy {
    pub(super) entrance: Entrance,
    pub(super) schema: Option<BoundSchema>,
    /// Computed on first use.
    pub(super) range: OnceLock<Range>,
    /// Computed on first use.
    pub(super) visibility: OnceLock<Visibility>,
}

/// How access is decided.
#[derive(Debug)]
pub(super) enum Entrance {
    /// The user is the system user, to whom rules do not apply.
    Bypass,
    /// Denies everything, for this reason.
    Closed(Reason),
    /// The rules decide.
    Rules(BoundRules),
}

/// The rules of a collection, bound to a context.
#[derive(Debug)]
pub(super) struct BoundRules {
    pub(super) filters: BoundFilters,
    /// The roles that may apply, in order.
    pub(super) roles: Vec<BoundRole>,
    /// The top-level fields that the rules refer to.
    pub(super) fields: RequestedFields,
    /// Whether a rule refers to a part of the context that was not supplied.
    pub(super) asks_unsupplied: bool,
}

/// The filters that apply to the request, or the errors that occurred when selecting them.
#[derive(Debug)]
pub(super) struct BoundFilters {
    pub(super) queries: Vec<(Arc<str>, Residual)>,
    pub(super) projections: Vec<Projection>,
    pub(super) errors: Vec<EvalError>,
}

impl BoundRules {
    pub(super) fn new(policy: &Policy, context: &Context) -> Self {
        let mut binder = Binder::numbering(context);
        let filters = BoundFilters::new(policy, context, &mut binder);
        let roles = policy.roles.iter().filter_map(|role| BoundRole::new(role, &mut binder)).collect();
        let asks_unsupplied = binder.asked_unsupplied();
        Self { filters, roles, fields: binder.into_fields(), asks_unsupplied }
    }
}

impl BoundFilters {
    fn new<'p>(policy: &'p Policy, context: &Context, binder: &mut Binder<'p>) -> Self {
        let errors = Errors::default();
        let evaluation = Evaluation::new(Documents::default(), context, &errors);
        let mut filters = Self { queries: Vec::new(), projections: Vec::new(), errors: Vec::new() };
        let mut failed = false;
        for filter in &policy.filters {
            match evaluation.truth(&binder.bind(&filter.apply_when.predicate)) {
                Truth::False => continue,
                Truth::Error => failed = true,
                // A filter whose `apply_when` is Unknown applies.
                Truth::True | Truth::Unknown => {}
            }
            if let Some(query) = &filter.query {
                filters.queries.push((filter.name.clone(), binder.bind(&query.predicate).settle()));
            }
            filters.projections.extend(filter.projection.clone());
        }
        let included = filters.projections.iter().find_map(Projection::inclusion);
        let excluded = filters.projections.iter().find_map(Projection::exclusion);
        if let (Some(included), Some(excluded)) = (included, excluded) {
            let (included, excluded) = (included.to_string(), excluded.to_string());
            errors.add(EvalError::ProjectionMixed { included, excluded });
            failed = true;
        }
        if failed {
            filters.errors = errors.into_vec();
        }
        filters
    }

    /// Checks whether the filters of the rules admit the stored document.
    #[inline(always)]
    pub(super) fn admit(&self, evaluation: &Evaluation<'_>, errors: &Errors) -> Result<(), Reason> {
        if self.errors.is_empty() && self.queries.is_empty() {
            return Ok(());
        }
        self.admit_by_queries(evaluation, errors)
    }

    fn admit_by_queries(&self, evaluation: &Evaluation<'_>, errors: &Errors) -> Result<(), Reason> {
        if !self.errors.is_empty() {
            self.errors.iter().cloned().for_each(|error| errors.add(error));
            return Err(Reason::Failed);
        }
        let mut hidden_by = None;
        for (filter, query) in &self.queries {
            // A filter that fails is reported even if another one hides the document, so filters that can fail are
            // still evaluated.
            if hidden_by.is_some() && !query.can_fail() {
                continue;
            }
            match evaluation.truth(query) {
                Truth::True => {}
                Truth::Error => return Err(Reason::Failed),
                Truth::False | Truth::Unknown => hidden_by = hidden_by.or(Some(filter)),
            }
        }
        match hidden_by {
            Some(filter) => Err(Reason::Filtered { filter: filter.clone() }),
            None => Ok(()),
        }
    }
}
