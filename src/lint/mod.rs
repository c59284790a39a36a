//! Findings about rules that are valid, but probably do not mean what their author intended.

mod anonymous;
mod application;
mod catalogue;
mod census;
mod changes;
mod comparisons;
mod custom_data;
mod custom_data_effect;
mod declared;
mod element_match;
mod elements;
mod expansions;
mod exposure;
mod expression_walk;
mod extent;
mod filters;
mod grants;
mod literals;
mod negations;
mod nested_changes;
mod ownership;
mod portable;
mod privilege;
mod references;
mod report;
mod roles;
mod rules;
mod schema_keys;
mod shape;
mod suggestion;
mod take_over;
mod times;
mod witness;

pub use anonymous::lint_anonymous;
pub use application::{CollectionRules, lint_application};
pub use catalogue::{CATALOGUE, LintInfo};
pub use census::{Census, CustomDataReads, PathCount, PathFinding};
pub use portable::{lint_portable, lint_portable_templates};
pub use references::{Names, lint_references};
pub use rules::{lint_rule, lint_rules, lint_rules_in_part, lint_schema};

use crate::policy::Role;

/// Reports that the search for examples ended early, because there are too many roles and conditions.
fn cut_short(role: &Role, report: &mut report::Report) {
    let message =
        format!("from role `{}` on, take-overs and promotions were not searched for: too many roles", role.name);
    report.add(
        catalogue::SEARCH_CUT_SHORT,
        role.name_span,
        message,
        "let fewer roles, with conditions on values, serve the collection",
    );
}
