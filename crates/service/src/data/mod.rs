//! Actions on data sources: under the rules that apply to a user, or without rules as the application itself.

mod access;
mod action;
mod awaiting;
mod bindings;
mod bulk;
mod client_error;
#[cfg(feature = "mongodb")]
mod commands;
mod condition;
mod found;
#[cfg(test)]
mod function_places;
mod guarded;
mod joined;
mod joins;
mod misspelt;
mod nodes;
mod reserved;
mod rule_functions;
mod store;
mod system;
mod transactions;

pub(crate) use access::{Asker, Data, Target, log_unreadable};
pub(crate) use action::Action;
pub(crate) use client_error::client_error;
pub use found::Outcome;
pub(crate) use guarded::{missing, mistyped};
pub(crate) use misspelt::misspelt_filter;
pub(crate) use nodes::of_bson;
pub(crate) use reserved::Reserved;
pub(crate) use rule_functions::RuleFunctions;
pub use store::DataStore;
