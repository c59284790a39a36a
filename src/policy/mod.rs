//! A collection's rules: roles, field rules and filters, compiled from `rules.json` with every error of the file at once.

mod compile;
mod error;
mod format;
mod keys;
mod parse;
mod rules;

pub use compile::{RulesInPart, compile, compile_in_part};
pub(crate) use compile::{compile_in_part_within, compile_within};
pub use error::{PolicyError, PolicyErrorKind};
pub use format::canonical;
pub use parse::RulesError;
pub use rules::{DocumentFilters, FieldRule, Filter, Policy, Presence, Role, Rule, RulesFile};
