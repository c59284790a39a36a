//! Functions that run on the embedded store, under the rules of an application.

// Tests and their helpers fail by panicking; clippy does not recognize the helpers as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod advice;
mod backend;
mod cases;
mod engines;
mod escapes;
mod http;
mod keys;
mod library;
mod limits;
mod mutants;
mod rights;
mod styles;
mod values;
mod world;
