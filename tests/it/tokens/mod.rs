//! Tokens of third parties and our own: what each refusal says, and the laws that hold for all of them.

mod config;
pub(crate) mod keys;
mod laws;
mod own;
mod refusals;
mod times;
