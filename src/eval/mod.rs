//! Evaluation of predicates: whatever depends on the context alone is evaluated once, the residual for each document.

mod bind;
mod bind_operand;
mod bound_operand;
mod check;
mod context;
mod context_lookup;
mod context_part;
mod convert;
mod document_pair;
mod error;
mod evaluation;
mod fast_form;
mod fast_test;
mod found;
mod functions;
mod known_operand;
mod mask;
mod matching;
mod operand;
mod probe;
mod repeatable;
mod request;
mod residual;
mod scalar_test;
mod subject;
mod test_number;
mod trace;
mod truth;
mod unknown_reason;
mod user_path;
mod user_values;

pub(crate) use bind::Binder;
pub use bind::bind;
pub(crate) use bound_operand::{
    BoundLeft, BoundList, BoundRight, BoundTemplate, BoundValue, Place, Standing, Unresolved,
};
pub use context::{Context, Environment};
pub use context_part::ContextPart;
pub(crate) use convert::{convert, convert_each};
pub(crate) use document_pair::DocumentPair;
pub(crate) use error::Failures;
pub use error::{Errors, EvalError};
pub use evaluation::{Documents, Evaluation};
pub(crate) use found::{Found, NotFound};
pub use functions::{Closures, FunctionError, Functions, PendingCall};
pub(crate) use known_operand::KnownOperand;
pub(crate) use mask::Mask;
pub use request::{Request, RequestError};
pub use residual::Residual;
pub(crate) use residual::{BoundCheck, BoundTest};
pub use trace::{Trace, TraceNode, trace};
pub use truth::Truth;
pub(crate) use user_path::UserPath;
pub(crate) use user_values::{UserPaths, UserSlot, UserValues};
