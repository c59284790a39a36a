use std::sync::{Arc, Mutex, OnceLock};

use bson::DateTime;

use super::bound::BoundRole;
use super::decision::{Decision, Outcome, Reason};
use super::known_user::KnownUser;
use super::unreadable::Unreadable;
use super::visibility::Visibility;
use crate::eval::{Binder, Context, Documents, Errors, EvalError, Evaluation, FunctionError, Residual, Truth};
use crate::policy::{Policy, Presence, Role, Rule};
use crate::predicate::ContextRoot;
use crate::projection::Projection;
use crate::query_plan::Range;
use crate::schema::BoundSchema;
use crate::user::UserType;
use crate::value::RequestedFields;

/// A policy bound to the context of one request: the main entry point of the engine. Whatever depends on the context
/// alone is evaluated once, when the guard is created, so that each document costs only what depends on it.
///
/// ```
/// use portcullis::{Context, Policy, User};
/// let policy = Policy::parse(r#"{"roles": [{
///     "name": "Owner", "apply_when": {"owner": "%%user.id"},
///     "fields": {"title": {"read": true, "write": true}, "audit": {"read": true}}
/// }]}"#).unwrap();
/// let guard = policy.guard(Context::new().with_user(User::new("u1")));
///
/// let before = bson::doc! { "_id": 1, "owner": "u1", "title": "a", "audit": "x" };
/// let seen = guard.read(&before).allowed().unwrap().to_document().unwrap();
/// assert_eq!(seen, bson::doc! { "title": "a", "audit": "x" });
///
/// let mut after = before.clone();
/// after.insert("audit", "y");
/// let decision = guard.update(&before, &after);
/// assert_eq!(decision.reason().unwrap().to_string(), "the role may not write `audit`");
/// ```
#[derive(Debug)]
pub struct Guard {
    pub(super) context: Context,
    pub(super) policy: Arc<Policy>,
    pub(super) bound: Arc<Bound>,
    pub(super) unreadable: Mutex<Option<Unreadable>>,
}

/// What a policy comes to in a context.
#[derive(Debug)]
pub(super) struct Bound {
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
    /// Everything is denied, for this reason.
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

impl Policy {
    /// Binds the policy to the context of a request.
    #[must_use]
    pub fn guard(self: &Arc<Self>, context: Context) -> Guard {
        Guard::new(Some(Arc::clone(self)), context)
    }
}

impl Guard {
    /// Binds a policy to the context of a request. `None` means that neither the collection nor the defaults have
    /// rules.
    #[must_use]
    pub fn new(policy: Option<impl Into<Arc<Policy>>>, context: Context) -> Self {
        let policy: Option<Arc<Policy>> = policy.map(Into::into);
        let is_system = context.user().is_some_and(|user| user.kind == UserType::System);
        let schema = policy.as_ref().and_then(|policy| policy.schema.as_ref()).map(|schema| schema.bind(&context));
        let entrance = match policy.as_deref() {
            _ if is_system => Entrance::Bypass,
            None | Some(Policy { presence: Presence::Unruled, .. }) => {
                Entrance::Closed(Reason::NoRule { namespace: "".into() })
            }
            Some(policy) => Entrance::Rules(BoundRules::new(policy, &context)),
        };
        Self::of(context, policy.unwrap_or_default(), entrance, schema)
    }

    /// As [`new`](Self::new), for a context whose user is an object that several requests share: rules that depend on nothing else are
    /// bound to it once.
    #[must_use]
    pub fn of_known_user(policy: Arc<Policy>, context: Context, user: &KnownUser) -> Self {
        if !context.is_of(user.shared()) {
            return Self::new(Some(policy), context);
        }
        if let Some(bound) = user.bound(&policy) {
            return Self { context, policy, bound, unreadable: Mutex::default() };
        }
        let guard = Self::new(Some(policy), context);
        // Other entrances may depend on the namespace, and cost nothing.
        if matches!(guard.bound.entrance, Entrance::Rules(_)) && guard.policy.asks_only_the_user() {
            user.keep(&guard.policy, &guard.bound);
        }
        guard
    }

    /// The same guard, bound anew with the results of functions known so far; `None` unless it was bound without the result of one
    /// that decides whether a filter applies, which is decided once for all documents.
    #[must_use]
    pub fn rebound(&self) -> Option<Self> {
        let Entrance::Rules(rules) = &self.bound.entrance else { return None };
        let waits = |error: &EvalError| matches!(error, EvalError::Function(FunctionError::Pending(_)));
        let rebound = || Self::new(Some(Arc::clone(&self.policy)), self.context.copied());
        rules.filters.errors.iter().any(waits).then(rebound)
    }

    /// Whether some filter's `apply_when` calls a function.
    pub(crate) fn selects_filters_by_functions(&self) -> bool {
        matches!(self.bound.entrance, Entrance::Rules(_))
            && self.policy.filters.iter().any(|filter| filter.apply_when.predicate.calls())
    }

    /// Whether read access depends on `%%now`.
    pub(crate) fn asks_now(&self) -> bool {
        let asks = |rule: &Rule| rule.predicate.asks(ContextRoot::Now);
        let Entrance::Rules(_) = &self.bound.entrance else { return false };
        self.policy.roles.iter().flat_map(Role::rules).any(|(_, rule)| asks(rule))
            || self
                .policy
                .filters
                .iter()
                .any(|filter| asks(&filter.apply_when) || filter.query.as_ref().is_some_and(asks))
    }

    /// The same policy and context, bound with another `%%now`. A [closed](Self::closed) guard stays closed.
    #[must_use]
    pub(crate) fn at(&self, now: DateTime) -> Self {
        let context = self.context.at(now);
        let policy = Arc::clone(&self.policy);
        match &self.bound.entrance {
            Entrance::Closed(reason) => Self::of(context, policy, Entrance::Closed(reason.clone()), None),
            Entrance::Bypass | Entrance::Rules(_) => Self::new(Some(policy), context),
        }
    }

    /// Creates a guard for a namespace without rules. It denies everything except to the system user.
    #[must_use]
    pub fn without_rules(namespace: &str, context: Context) -> Self {
        Self::new(None::<Arc<Policy>>, context).in_namespace(namespace)
    }

    /// Sets the namespace to name when access is denied for lack of rules.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        if let Some(Bound { entrance: Entrance::Closed(Reason::NoRule { namespace: named }), .. }) =
            Arc::get_mut(&mut self.bound)
        {
            *named = namespace.into();
        }
        self
    }

    /// Creates a guard for a collection whose rules do not load. It denies everything to everyone.
    #[must_use]
    pub fn closed(context: Context) -> Self {
        Self::of(context, Arc::default(), Entrance::Closed(Reason::RulesInvalid), None)
    }

    fn of(context: Context, policy: Arc<Policy>, entrance: Entrance, schema: Option<BoundSchema>) -> Self {
        let bound = Bound { entrance, schema, range: OnceLock::new(), visibility: OnceLock::new() };
        Self { context, policy, bound: Arc::new(bound), unreadable: Mutex::default() }
    }

    /// The context that the policy is bound to.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }
}

impl BoundRules {
    fn new(policy: &Policy, context: &Context) -> Self {
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

/// The role for a document: the first whose `apply_when` holds.
#[inline]
pub(super) fn assign<'r>(roles: &'r [BoundRole], evaluation: &Evaluation<'_>) -> Result<&'r BoundRole, Refusal<'r>> {
    for role in roles {
        match evaluation.truth(&role.apply_when) {
            Truth::True => return Ok(role),
            Truth::Error => return Err(Refusal { role: Some(role), reason: Reason::Failed }),
            Truth::False | Truth::Unknown => {}
        }
    }
    Err(Refusal { role: None, reason: Reason::NoRole })
}

/// A denial, with the role that caused it.
pub(super) struct Refusal<'r> {
    pub(super) role: Option<&'r BoundRole>,
    pub(super) reason: Reason,
}

impl<'r> Refusal<'r> {
    pub(super) const fn by(role: &'r BoundRole, reason: Reason) -> Self {
        Self { role: Some(role), reason }
    }
}

impl From<Reason> for Refusal<'_> {
    fn from(reason: Reason) -> Self {
        Self { role: None, reason }
    }
}

/// Assembles a decision.
#[inline(always)]
pub(super) fn decide<'g, T>(
    result: Result<(T, Option<&'g BoundRole>), Refusal<'g>>,
    errors: Errors,
) -> Decision<'g, T> {
    let (outcome, role) = match result {
        Ok((value, role)) => (Outcome::Allow(value), role),
        Err(refusal) => (Outcome::Deny(refusal.reason), refusal.role),
    };
    Decision { outcome, role: role.map(|role| &*role.name), failures: errors.into_failures() }
}

/// Evaluates a rule; `absent` if there is none.
#[inline(always)]
pub(super) fn truth(rule: Option<&Residual>, absent: Truth, evaluation: &Evaluation<'_>) -> Truth {
    rule.map_or(absent, |rule| evaluation.truth(rule))
}

/// Denies with `otherwise` unless `truth` is True.
pub(super) fn require(truth: Truth, otherwise: Reason) -> Result<(), Reason> {
    match truth {
        Truth::True => Ok(()),
        Truth::Error => Err(Reason::Failed),
        Truth::False | Truth::Unknown => Err(otherwise),
    }
}
