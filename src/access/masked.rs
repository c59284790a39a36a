use super::explain_plan::{FilterPlan, PlanExplanation, RolePlan};
use super::guard::Guard;
use crate::eval::Mask;
use crate::query_plan::Plan;

impl Guard {
    /// The explanation in a form fit for display: in its filters, secrets and request headers are replaced by the
    /// expansions that they come from, such as `"<%%values.apiKey>"`. Such filters are for people to read; do not send
    /// them to a database.
    ///
    /// ```
    /// use bson::doc;
    /// use portcullis::{Guard, Context, policy, Plan};
    /// let rules = portcullis::json::parse(r#"{"roles": [{
    ///     "name": "Hook", "apply_when": {"key": "%%values.apiKey"}, "read": true
    /// }]}"#).unwrap();
    /// let rules = policy::compile(&rules).unwrap();
    /// let context = Context::new().with_secrets(doc! { "apiKey": "hunter2" });
    /// let guard = Guard::new(policy::RulesFile::effective(Some(&rules), None), context);
    ///
    /// let shown = guard.masked(&guard.explain_plan().unwrap());
    /// assert_eq!(shown.plan, Plan::Exact(doc! { "key": { "$eq": "<%%values.apiKey>" } }));
    /// ```
    #[must_use]
    pub fn masked(&self, explanation: &PlanExplanation) -> PlanExplanation {
        let mask = Mask::new(&self.context);
        let plan = |plan: &Plan| plan.with_filters(&|filter| mask.filter(filter));
        let filter = |filter: &FilterPlan| FilterPlan { name: filter.name.clone(), plan: plan(&filter.plan) };
        let role = |role: &RolePlan| RolePlan {
            name: role.name.clone(),
            applies: plan(&role.applies),
            permits: plan(&role.permits),
            // Traces do not contain secrets.
            settled: role.settled.clone(),
        };
        PlanExplanation {
            plan: plan(&explanation.plan),
            filters: explanation.filters.iter().map(filter).collect(),
            roles: explanation.roles.iter().map(role).collect(),
            ..explanation.clone()
        }
    }
}
