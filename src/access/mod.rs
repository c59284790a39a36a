//! Decisions: which role a user has for a document, and what it may do with it.

mod bound;
mod buffer;
mod decision;
mod explain;
mod explain_plan;
mod failing;
mod find;
mod guard;
mod masked;
mod narrow;
mod plan;
mod read;
mod touch;
mod visibility;
mod write;

pub use buffer::Buffer;
pub use decision::{Decision, Half, Outcome, Reason, Visible};
pub use explain::{Explanation, Operation, RoleTrace, RuleTrace};
pub use explain_plan::{FilterPlan, PlanExplanation, RolePlan};
pub(crate) use find::Answered;
pub use find::{Query, QueryError};
pub use guard::Guard;
pub(crate) use touch::{Named, NamedPath};
pub(crate) use visibility::{Shown, Visibility};
