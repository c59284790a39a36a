//! From predicates to answers: what the context settles is settled once, the rest is asked of each document.

mod bind;
mod context;
mod convert;
mod error;
mod functions;
mod known;
mod mask;
mod matching;
mod operand;
mod part;
mod quick;
mod residual;
mod same_test;
mod seen;
mod subject;
mod trace;
mod truth;
mod why;

pub(crate) use bind::Binder;
pub use bind::bind;
pub use context::{Context, Environment, Request, RequestError};
pub(crate) use convert::{convert, convert_each};
pub(crate) use error::Failures;
pub use error::{Errors, EvalError};
pub use functions::{Closures, FunctionError, Functions, MAX_CALLS, PendingCall};
pub(crate) use known::Known;
pub(crate) use mask::Mask;
pub use matching::{Documents, Evaluation};
pub use part::ContextPart;
pub use residual::Residual;
pub(crate) use residual::{
    BoundCheck, BoundLeft, BoundList, BoundRight, BoundTemplate, BoundTest, BoundValue, Place, Standing, Unresolved,
};
pub(crate) use seen::Seen;
pub use trace::{Part, Trace, trace};
pub use truth::Truth;
