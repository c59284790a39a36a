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
pub(crate) use rules::lint_unruled;
pub use rules::{lint_rule, lint_rules, lint_rules_in_part, lint_schema};

use crate::policy::Role;

/// Orders roles for the search: those that permit some write unconditionally come first, since they do the most harm
/// and take the fewest steps.
fn plain_first<'r>(roles: impl Iterator<Item = &'r Role>) -> Vec<&'r Role> {
    let (mut roles, others): (Vec<_>, Vec<_>) = roles.partition(|role| extent::writes_plainly(role));
    roles.extend(others);
    roles
}

/// Reports that the search for examples ended early, before these roles.
fn cut_short(left: &[&Role], report: &mut report::Report) {
    let Some(first) = left.iter().min_by_key(|role| role.span) else { return };
    let whom = match left.len() {
        1 => format!("role `{}`", first.name),
        2 => format!("role `{}` and 1 more", first.name),
        all => format!("role `{}` and {} more", first.name, all.saturating_sub(1)),
    };
    let message = format!("take-overs and promotions by {whom} were not searched for: too many roles");
    report.add(
        catalogue::SEARCH_CUT_SHORT,
        first.name_span,
        message,
        "give the collection fewer roles, with conditions on values",
    );
}
