//! Rule tests as data: JSON files with cases, which `portcullis test` runs and on which this project's own tests are
//! based.

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
