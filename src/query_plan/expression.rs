//! Plans for single expressions.

use std::collections::BTreeSet;

use bson::Document;

use super::field::Field;
use super::plan::Plan;
use super::remaining::{Remaining, remaining};
use super::residual::bounds;
use crate::eval::{Binder, Context, Documents, Errors, EvalError, Mask, Residual, Trace, Truth, bind, trace};
use crate::predicate::Predicate;

/// A MongoDB query for the documents for which an expression holds.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpressionPlan {
    /// The plan.
    pub plan: Plan,
    /// The parts of the expression that have to be checked on each document found.
    pub remaining: Vec<Remaining>,
}

/// Plans a MongoDB query for the documents for which an expression holds, given the user and the rest of the context.
/// Values of the context become operands of explicit operators, whatever they are. (If a template inserted them into a
/// filter, MongoDB might take them for operators.)
///
/// Both `%%root` and `%%prevRoot` refer to the stored document.
///
/// ```
/// use bson::doc;
/// use portcullis::{Context, expr, predicate::{self, Scope}, query_plan::{self, Plan}, User};
/// let expression = expr::parse_str(r#"{"team": "%%user.custom_data.team"}"#).unwrap();
/// let expression = predicate::lower(&expression, Scope::Role).unwrap();
/// let user = User::new("u1").with_custom_data(doc! { "team": { "$gt": "" } });
///
/// let found = query_plan::plan_expression(&expression, &Context::new().with_user(user)).unwrap();
/// assert_eq!(found.plan, Plan::Exact(doc! { "team": { "$eq": { "$gt": "" } } }));
/// ```
///
/// # Errors
/// If the expression refers to a part of the context that was not supplied, or fails for every document.
pub fn plan_expression(expression: &Predicate, context: &Context) -> Result<ExpressionPlan, Vec<EvalError>> {
    let mut binder = Binder::numbering(context);
    let residual = binder.bind(expression).settle();
    if binder.asked_unsupplied() || residual.constant() == Some(Truth::Error) {
        let errors = Errors::default();
        residual.add_failures(&errors);
        let errors = errors.into_vec();
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    let plan = Plan::from(bounds(&residual, Field::Somewhere).holds);
    let mut found = BTreeSet::new();
    if plan.needs_check() {
        remaining(&residual, Field::Somewhere, &mut found);
        if found.is_empty() {
            found.insert(Remaining::Size);
        }
    }
    Ok(ExpressionPlan { plan, remaining: found.into_iter().collect() })
}

/// The tests in an expression that hold for no document, with their operands.
#[must_use]
pub fn settled(expression: &Predicate, context: &Context) -> Vec<Trace> {
    let mut found = Vec::new();
    expression.each_test(&mut |test| {
        let test = Predicate::Test(Box::new(test.clone()));
        if let Residual::Constant(outcome) = bind(&test, context)
            && outcome != Truth::True
        {
            found.push(trace(&test, Documents::default(), context, &Errors::default()));
        }
    });
    found
}

impl ExpressionPlan {
    /// The plan in a form fit for display: in its filters, secrets and request headers are replaced by the expansions
    /// that they come from.
    #[must_use]
    pub fn masked(&self, context: &Context) -> Self {
        let mask = Mask::new(context);
        Self { plan: self.plan.with_filters(&|filter| mask.filter(filter)), remaining: self.remaining.clone() }
    }
}

impl Plan {
    /// A copy in which `map` has been applied to every filter.
    pub(crate) fn with_filters(&self, map: &dyn Fn(&Document) -> Document) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Always => Self::Always,
            Self::Exact(filter) => Self::Exact(map(filter)),
            Self::Bounds { lower, upper } => Self::Bounds { lower: lower.as_ref().map(map), upper: map(upper) },
        }
    }
}
