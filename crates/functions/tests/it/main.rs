//! Functions, run.
