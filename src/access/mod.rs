//! Access decisions: which role a user has for a document, and what the role permits.

mod bound;
mod bound_policy;
mod buffer;
mod client_query;
mod decision;
mod explain;
mod explain_plan;
mod failing;
mod guard;
mod guard_visibility;
mod known_user;
mod leave_out;
mod masked;
mod named_paths;
mod narrow;
mod plan;
mod read;
mod unreadable;
mod visibility;
mod write;

pub use buffer::Buffer;
pub(crate) use client_query::Answered;
pub use client_query::{Query, QueryError};
pub use decision::{Decision, Half, Outcome, Reason, Visible};
pub use explain::{Explanation, Operation, RoleTrace, RuleTrace};
pub use explain_plan::{FilterPlan, PlanExplanation, RolePlan};
pub use guard::Guard;
pub use known_user::KnownUser;
pub(crate) use named_paths::{Named, NamedPath};
pub use unreadable::Unreadable;
pub(crate) use visibility::{Shown, Visibility};
