//! Rules of collections: roles, field rules and filters, compiled from `rules.json`. All errors in a file are reported
//! at once.

mod compile;
mod error;
mod format;
mod keys;
mod parse;
mod rules;

pub use compile::compile;
pub(crate) use compile::{compile_in_part_within, compile_within};
pub use error::{PolicyError, PolicyErrorKind};
pub use parse::RulesError;
pub use rules::{Policy, RulesFile};

#[cfg(not(feature = "unstable"))]
pub(crate) use {
    compile::{RulesInPart, compile_in_part},
    format::canonical,
    rules::{DocumentFilters, FieldRule, Filter, Presence, Role, Rule},
};
#[cfg(feature = "unstable")]
pub use {
    compile::{RulesInPart, compile_in_part},
    format::canonical,
    rules::{DocumentFilters, FieldRule, Filter, Presence, Role, Rule},
};
