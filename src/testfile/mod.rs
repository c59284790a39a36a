//! Rule tests as data: cases in JSON files that `portcullis test` runs and that this project's own tests read.

mod case;
mod compare;
mod file;
mod report;
mod resolve;
mod run;
mod stubs;

pub use case::{Case, GivenDocuments, Kind};
pub use file::{FileError, Given, TestFile, user};
pub use report::{CaseResult, Report};
pub use run::{RunError, answers, run};
pub use stubs::{Stub, functions};
