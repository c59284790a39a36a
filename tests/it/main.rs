//! The integration tests of the library: a single binary, with a module per topic.

// Tests fail by panicking, including in their helper functions, which clippy does not recognise as test code.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod advice;
mod agreement;
mod allocations;
mod app;
mod architecture;
mod auth_laws;
mod budget;
mod doc_links;
mod endpoints;
mod fixtures;
mod functions;
mod import_circles;
mod laws;
mod limits;
mod linear_growth;
mod lints;
mod now;
mod plans;
mod raw_validation;
mod regressions;
mod templates;
mod tokens;
mod triggers;
mod update_description;
mod updates;
