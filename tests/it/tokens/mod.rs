//! Tokens of third parties and our own: what each refusal says, and the laws that hold for all of them.

mod config;
mod laws;
mod own;
mod refusals;
mod times;
