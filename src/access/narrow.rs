use std::cell::Cell;

use bson::Document;

use super::client_query::{Answered, Query, QueryError};
use super::guard::Guard;
use super::visibility::{Shown, Visibility};
use crate::eval::{BoundCheck, BoundLeft, BoundTest, Documents, Errors, Evaluation, Residual};
use crate::predicate::DocumentRoot;
use crate::query_plan::{Bounds, Plan, Range, bounds_knowing};
use crate::value::ValueRef;

impl Guard {
    /// Plans a query of the user for MongoDB. Of the client's filter, only conditions on fields that are visible in
    /// every readable document are sent to the database. For all other conditions, hidden fields are Missing, so they
    /// [must be checked](Plan::needs_check) on the visible part of each document.
    ///
    /// ```
    /// use bson::doc;
    /// use portcullis::{access::Query, Guard, Context, json, policy, Plan};
    /// let rules = json::parse(r#"{"roles": [{
    ///     "name": "Reader", "apply_when": {}, "fields": {"title": {"read": true}, "notes": {"read": {"shared": true}}}
    /// }]}"#).unwrap();
    /// let rules = policy::compile(&rules).unwrap();
    /// let guard = Guard::new(policy::RulesFile::effective(Some(&rules), None), Context::new());
    /// let narrowed = |filter: &str| {
    ///     guard.narrow(&Query::compile(Some(&json::parse(filter).unwrap()), None, None).unwrap()).unwrap()
    /// };
    ///
    /// // A condition on a field that is always visible is sent to the database; a field that is never visible is Missing.
    /// assert!(narrowed(r#"{"title": "a"}"#).filter().unwrap().to_string().contains(r#""title": { "$eq": "a" }"#));
    /// assert_eq!(narrowed(r#"{"salary": {"$gt": 5}}"#), Plan::Never);
    /// // A condition on a field that is visible only in some documents is checked where it is visible.
    /// let narrowed = narrowed(r#"{"notes": "x"}"#);
    /// assert!(narrowed.needs_check() && !narrowed.filter().unwrap().to_string().contains("\"x\""));
    /// ```
    ///
    /// # Errors
    /// Same as [`Guard::plan`].
    pub fn narrow(&self, query: &Query) -> Result<Plan, QueryError> {
        self.supplied()?;
        Ok(self.narrowed_range(&self.answering(query), self.visibility()).into())
    }

    pub(crate) fn narrowed(&self, filter: &Answered, visibility: &Visibility) -> Plan {
        Plan::of_search(self.narrowed_range(filter, visibility))
    }

    fn narrowed_range(&self, filter: &Answered, visibility: &Visibility) -> Range {
        Range::all([self.range().clone(), asked(filter.residual(), visibility)])
    }

    /// The guard's plan, narrowed by those conditions of a client's filter that the database can evaluate. It is at
    /// least as narrow as the guard's plan, and exact if that is.
    pub(crate) fn narrowed_loosely(&self, filter: &Answered, visibility: &Visibility) -> Plan {
        let asked = Range::exact(asked(filter.residual(), visibility).upper);
        Plan::of_search(Range::all([self.range().clone(), asked]))
    }
}

/// The maximum number of tests of a client's filter that are sent to the database. The remaining ones are evaluated
/// here, on the visible part of each document and within the step budget. The maximum also bounds the database's work
/// per document. A store that counts steps therefore need not add up those for the rules and those for the client's
/// filter, which would let the client infer what the rules examine.
const MAX_PUSHED: usize = 64;

/// The documents whose visible part matches a client's filter.
fn asked(filter: &Residual, visibility: &Visibility) -> Range {
    let left = Cell::new(MAX_PUSHED);
    let pushed = |test: &BoundTest| match left.get().checked_sub(tests(test)) {
        Some(rest) => {
            left.set(rest);
            known(test, visibility)
        }
        None => Some(Bounds::OPEN),
    };
    bounds_knowing(filter, &pushed).holds
}

/// The number of tests that a test becomes in a MongoDB filter.
fn tests(test: &BoundTest) -> usize {
    match &test.check {
        BoundCheck::All(list) => list.len(),
        BoundCheck::ElemMatch { inner, .. } => inner.tests(),
        BoundCheck::Client(test) => test.tests(),
        _ => 1,
    }
}

/// Bounds for a test that may not be sent to the database; `None` if it may.
fn known(test: &BoundTest, visibility: &Visibility) -> Option<Bounds> {
    if let BoundCheck::Client(client) = &test.check
        && let BoundLeft::Document(place) = &test.left
        && place.path.is_root()
    {
        let is_visible = |name: &&str| visibility.of(name) == Shown::Always;
        let asks = client.pushed().is_some_and(|(fields, _)| fields.iter().all(is_visible));
        return if asks { None } else { Some(Bounds::OPEN) };
    }
    let field = match &test.left {
        BoundLeft::Document(place) if place.root == DocumentRoot::Root && !test.waits() => place.path.first(),
        _ => None,
    };
    match field.map(|name| visibility.of(name)) {
        Some(Shown::Always) => None,
        Some(Shown::Never) => Some(Bounds::constant(of_nothing(test))),
        Some(Shown::Varies) | None => Some(Bounds::OPEN),
    }
}

/// The outcome of a test on a document without the field.
fn of_nothing(test: &BoundTest) -> crate::eval::Truth {
    let (errors, context, nothing) = (Errors::default(), crate::eval::Context::new(), Document::new());
    let documents = Documents { root: Some(ValueRef::from(&nothing)), ..Documents::default() };
    Evaluation::new(documents, &context, &errors).truth(&Residual::Test(Box::new(test.clone())))
}
