use std::sync::{Arc, Mutex, OnceLock};

use bson::DateTime;

use super::bound::BoundRole;
use super::bound_policy::{BoundPolicy, BoundRules, Entrance};
use super::decision::{Decision, Outcome, Reason};
use super::unreadable::Unreadable;
use crate::eval::{Context, Errors, EvalError, Evaluation, FunctionError, Residual, Truth};
use crate::policy::{Policy, Presence, Role, Rule};
use crate::predicate::ContextRoot;
use crate::schema::BoundSchema;
use crate::user::UserType;

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
    pub(super) bound: Arc<BoundPolicy>,
    pub(super) unreadable: Mutex<Option<Unreadable>>,
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

    /// The same guard, bound again with the function results known so far. `None` unless a function call in some
    /// filter's `apply_when` was pending: whether a filter applies is decided once for all documents.
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
        if let Some(BoundPolicy { entrance: Entrance::Closed(Reason::NoRule { namespace: named }), .. }) =
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
        let bound = BoundPolicy { entrance, schema, range: OnceLock::new(), visibility: OnceLock::new() };
        Self { context, policy, bound: Arc::new(bound), unreadable: Mutex::default() }
    }

    /// The context that the policy is bound to.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
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
