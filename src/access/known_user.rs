use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bound_policy::{BoundPolicy, Entrance};
use super::guard::Guard;
use crate::eval::Context;
use crate::policy::Policy;
use crate::user::User;

/// How many policies stay bound to a user: those that were bound last.
const MAX_BOUND: usize = 4;

/// A user object shared by several requests, with the policies that are bound to it: see [`Guard::of_known_user`].
///
/// A policy bound to one object is never used for another, even an equal one. A user who has changed is a new object,
/// to which no policy is bound yet.
pub struct KnownUser {
    user: Arc<User>,
    bound: Mutex<Vec<(Arc<Policy>, Arc<BoundPolicy>)>>,
}

impl KnownUser {
    /// A user to whom no policy is bound yet.
    #[must_use]
    pub fn new(user: User) -> Self {
        Self { user: Arc::new(user), bound: Mutex::default() }
    }

    /// The user, to be shared with the contexts of requests.
    #[must_use]
    pub const fn shared(&self) -> &Arc<User> {
        &self.user
    }

    /// The policy as bound to the user earlier; `None` if it is not cached.
    pub(super) fn bound(&self, policy: &Arc<Policy>) -> Option<Arc<BoundPolicy>> {
        let all = self.all();
        all.iter().find(|(known, _)| Arc::ptr_eq(known, policy)).map(|(_, bound)| Arc::clone(bound))
    }

    /// Caches a bound policy, which must depend on nothing but the user.
    pub(super) fn keep(&self, policy: &Arc<Policy>, bound: &Arc<BoundPolicy>) {
        let mut all = self.all();
        all.retain(|(known, _)| !Arc::ptr_eq(known, policy));
        if all.len() >= MAX_BOUND {
            all.remove(0);
        }
        // As long as the policy is held, no other one can be allocated at its address.
        all.push((Arc::clone(policy), Arc::clone(bound)));
    }

    fn all(&self) -> MutexGuard<'_, Vec<(Arc<Policy>, Arc<BoundPolicy>)>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    /// Like [`new`](Self::new), for a context with a shared user object: rules that depend on nothing else are bound to
    /// the object only once.
    #[must_use]
    pub fn of_known_user(policy: Arc<Policy>, context: Context, user: &KnownUser) -> Self {
        if !context.is_of(user.shared()) {
            return Self::new(Some(policy), context);
        }
        if let Some(bound) = user.bound(&policy) {
            return Self { context, policy, bound, unreadable: Mutex::default() };
        }
        let guard = Self::new(Some(policy), context);
        // Other entrances may depend on the namespace, and binding them costs nothing.
        if matches!(guard.bound.entrance, Entrance::Rules(_)) && guard.policy.asks_only_the_user() {
            user.keep(&guard.policy, &guard.bound);
        }
        guard
    }
}

impl From<User> for KnownUser {
    fn from(user: User) -> Self {
        Self::new(user)
    }
}

impl Deref for KnownUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

impl fmt::Debug for KnownUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KnownUser").field(&self.user).finish()
    }
}

#[cfg(test)]
mod tests {
    use bson::{Bson, DateTime, doc};

    use super::*;
    use crate::eval::{Closures, Environment, Request};

    fn policy(role: &str) -> Arc<Policy> {
        let role = format!(r#"{{"name": "a", "apply_when": {{}}, "read": true, {role}}}"#);
        Policy::parse(&format!(r#"{{"roles": [{role}]}}"#)).unwrap()
    }

    fn known(team: &str) -> KnownUser {
        User::new("ada").with_custom_data(doc! { "team": team }).into()
    }

    fn context(user: &KnownUser) -> Context {
        Context::new().with_shared_user(Arc::clone(user.shared()))
    }

    fn guard(policy: &Arc<Policy>, user: &KnownUser) -> Guard {
        Guard::of_known_user(Arc::clone(policy), context(user), user)
    }

    fn shares(one: &Guard, other: &Guard) -> bool {
        Arc::ptr_eq(&one.bound, &other.bound)
    }

    const OF_USER: &str = r#""apply_when": {"team": "%%user.custom_data.team"}"#;

    fn of_user() -> Arc<Policy> {
        Policy::parse(&format!(r#"{{"roles": [{{"name": "a", {OF_USER}, "read": true}}]}}"#)).unwrap()
    }

    #[test]
    fn rules_that_depend_only_on_the_user_are_bound_once_per_user_object() {
        let (policy, red, blue) = (of_user(), known("red"), known("blue"));
        let may_read = |user: &KnownUser, team: &str| guard(&policy, user).read(&doc! { "team": team }).is_allowed();
        for _ in 0..2 {
            assert!(may_read(&red, "red") && may_read(&blue, "blue"));
            assert!(!may_read(&red, "blue") && !may_read(&blue, "red"));
        }
        assert!(shares(&guard(&policy, &red), &guard(&policy, &red)));
        assert!(!shares(&guard(&policy, &red), &guard(&policy, &blue)));
        assert!(
            !shares(&guard(&policy, &red), &guard(&of_user(), &red)),
            "equal rules may be those of another application"
        );
        assert!(!shares(&guard(&policy, &red), &guard(&policy, &known("red"))));
        // If the context has another user than the shared object, the context decides.
        let of_blue = Guard::of_known_user(Arc::clone(&policy), context(&blue), &red);
        assert!(
            of_blue.read(&doc! { "team": "blue" }).is_allowed() && !of_blue.read(&doc! { "team": "red" }).is_allowed()
        );
        assert!(shares(&guard(&policy, &red), &guard(&policy, &red)));
    }

    #[test]
    fn other_rules_are_bound_for_each_request() {
        let contexts = |user: &KnownUser, answer: i32| {
            let environment = Environment { tag: answer.to_string(), values: doc! { "a": answer } };
            let request = doc! { "httpMethod": answer.to_string(), "requestHeaders": { "A": [answer.to_string()] } };
            let functions = Closures::new().with("f", move |_| Ok(Bson::from(answer)));
            context(user)
                .with_values(doc! { "a": answer })
                .with_environment(environment)
                .with_request(Request::from_document(request).unwrap())
                .with_args(doc! { "a": answer })
                .with_now(DateTime::from_millis(answer.into()))
                .with_functions(Arc::new(functions))
        };
        let more = [
            r#""write": {"%%values.a": 1}"#,
            r#""write": {"%%environment.tag": "1"}"#,
            r#""insert": {"%%environment.values.a": 1}"#,
            r#""delete": {"%%request.httpMethod": "1"}"#,
            r#""search": {"a": {"$in": ["%%request.requestHeaders.A"]}}"#,
            r#""document_filters": {"read": {"at": {"$lt": "%%now"}}}"#,
            r#""fields": {"a": {"read": {"b": {"$elemMatch": {"c": "%%values.a"}}}}}"#,
            r#""additional_fields": {"write": {"%%true": {"%function": {"name": "f", "arguments": []}}}}"#,
            r#""fields": {"a": {"fields": {"b": {"read": {"b": {"%function": {"name": "f"}}}}}}}"#,
        ];
        let user = known("red");
        for more in more {
            let policy = policy(more);
            assert!(!policy.asks_only_the_user(), "{more}");
            let guards = [0, 1].map(|answer| Guard::of_known_user(Arc::clone(&policy), contexts(&user, answer), &user));
            assert!(!shares(&guards[0], &guards[1]), "{more}");
        }
        let rules = r#"{"roles": [], "filters": [{"name": "a", "apply_when": {}, "query": {"at": "%%now"}}]}"#;
        assert!(!Policy::parse(rules).unwrap().asks_only_the_user());
        let schema = r#"{"properties": {"a": {"validate": {"%%this": "%%values.a"}}}}"#;
        assert!(!Policy::parse_with_schema(r#"{"roles": []}"#, schema).unwrap().asks_only_the_user());
    }

    #[test]
    fn the_number_of_bound_policies_is_limited() {
        let user = known("red");
        let policies: Vec<_> = (0..=MAX_BOUND).map(|_| of_user()).collect();
        let first: Vec<_> = policies.iter().map(|policy| guard(policy, &user)).collect();
        let stays = |index: usize| shares(&guard(&policies[index], &user), &first[index]);
        assert!((1..=MAX_BOUND).all(stays));
        assert!(!stays(0));
    }
}
