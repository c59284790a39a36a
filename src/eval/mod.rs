//! Evaluation of predicates: what depends only on the context is evaluated once, the residual on each document.

mod bind;
mod context;
mod context_part;
mod convert;
mod document_pair;
mod error;
mod evaluation;
mod fast_form;
mod fast_test;
mod functions;
mod known_operand;
mod mask;
mod matching;
mod operand;
mod repeatable;
mod residual;
mod subject;
mod test_number;
mod trace;
mod truth;
mod unknown_reason;

pub(crate) use bind::Binder;
pub use bind::bind;
pub use context::{Context, Environment, Request, RequestError};
pub use context_part::ContextPart;
pub(crate) use convert::{convert, convert_each};
pub(crate) use document_pair::DocumentPair;
pub(crate) use error::Failures;
pub use error::{Errors, EvalError};
pub use evaluation::{Documents, Evaluation};
pub use functions::{Closures, FunctionError, Functions, MAX_CALLS, PendingCall};
pub(crate) use known_operand::KnownOperand;
pub(crate) use mask::Mask;
pub use residual::Residual;
pub(crate) use residual::{
    BoundCheck, BoundLeft, BoundList, BoundRight, BoundTemplate, BoundTest, BoundValue, Place, Standing, Unresolved,
};
pub use trace::{Trace, TraceNode, trace};
pub use truth::Truth;
