//! Runs the JavaScript functions of an application: each call in an engine context of its own, under the rules of the
//! user that the function runs as.
//!
//! A [`Library`] reads and checks the functions, a [`Runtime`] runs them, and a [`Backend`] gives them access to the
//! host's stores.

mod advice;
mod backend;
mod call;
mod crypto;
mod engine;
mod error;
mod http;
mod integers;
mod library;
mod options;
mod pool;
mod run_as_answer;
mod runtime;
mod shared;
mod shares;

pub use advice::Advice;
pub use backend::{ActionName, Backend, BackendError, DataAction, MAX_DOCUMENTS, Rights};
pub use call::{Call, ConsoleLevel, ConsoleLine, Entry, HttpRequest, HttpResponse, Returned};
pub use error::{CallError, Failure, Position};
pub use http::{HttpAnswer, HttpAnswers};
pub use library::{Library, Problem};
pub use options::Options;
pub use run_as_answer::RunAsAnswer;
pub use runtime::Runtime;
