//! Rule tests as data: cases in JSON files that `portcullis test` runs and that this project's own tests read.

mod call;
mod case;
mod compare;
mod file;
mod format;
mod given;
mod report;
mod resolve;
mod run;
mod setting;
mod stubs;
mod user;

pub use case::{Case, GivenDocuments, Kind};
pub use file::{FileError, TestFile};
pub use given::Given;
pub use report::{CaseResult, Report};
pub use run::{RunError, run};

#[cfg(not(feature = "unstable"))]
pub(crate) use {
    crate::predicate::Scope,
    run::{answers, run_with},
    setting::{Called, Caller, FunctionCall, FunctionHost, HttpStub, OpenFunctions, Setting},
    stubs::{Stub, functions},
    user::user,
};
#[cfg(feature = "unstable")]
pub use {
    crate::predicate::Scope,
    run::{answers, run_with},
    setting::{Called, Caller, FunctionCall, FunctionHost, HttpStub, OpenFunctions, Setting},
    stubs::{Stub, functions},
    user::user,
};
