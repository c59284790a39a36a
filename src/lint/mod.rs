//! Findings about rules that load and are probably not what their author means.

mod application;
mod catalogue;
mod comparisons;
mod custom_data;
mod elements;
mod expansions;
mod extent;
mod filters;
mod grants;
mod literals;
mod negations;
mod parts;
mod references;
mod report;
mod roles;
mod rules;
mod schema_keys;
mod shape;
mod take_over;
mod times;

pub use application::{CollectionRules, lint_application};
pub use catalogue::{CATALOGUE, LintInfo};
pub use references::{Names, lint_references};
pub use rules::{lint_rule, lint_rules, lint_rules_in_part, lint_schema};
