//! Findings about extensions that App Services does not support.

use super::catalogue::NOT_PORTABLE;
use super::report::Report;
use crate::json::{Kind, Node};
use crate::predicate::{ContextRoot, Predicate};
use crate::text::Finding;

/// Reports parts of expressions that App Services does not support.
#[must_use]
pub fn lint_portable<'p>(predicates: impl IntoIterator<Item = &'p Predicate>) -> Vec<Finding> {
    let mut report = Report::default();
    for predicate in predicates {
        predicate.each_test(&mut |test| {
            if test.references().iter().any(|reference| reference.root == ContextRoot::Now) {
                let message = "`%%now` is an extension: App Services refuses the expression";
                let help = "if App Services must understand it too, let a `%function` compare with the time";
                report.add(NOT_PORTABLE, test.span, message, help);
            }
        });
    }
    report.finish()
}

/// Reports the `%()` templates in a configuration file that App Services does not support: it replaces only values that
/// consist of a single `%(%%environment.values.name)`.
#[must_use]
pub fn lint_portable_templates(file: &Node) -> Vec<Finding> {
    let mut report = Report::default();
    templates(file, &mut report);
    report.finish()
}

fn templates(node: &Node, report: &mut Report) {
    let help = "write a value that is wholly `%(%%environment.values.name)`";
    match &node.kind {
        Kind::String(text) if text.contains("%(") && !is_portable(text) => {
            let message = format!("`{text}` is an extension: App Services does not replace it");
            report.add(NOT_PORTABLE, node.span, message, help);
        }
        Kind::Array(elements) => elements.iter().for_each(|element| templates(element, report)),
        Kind::Object(members) => {
            for member in members {
                if member.key.contains("%(") {
                    let message = format!("`{}` is an extension: App Services replaces nothing in keys", member.key);
                    report.add(NOT_PORTABLE, member.key_span, message, help);
                }
                templates(&member.value, report);
            }
        }
        Kind::String(_) | Kind::Null | Kind::Boolean(_) | Kind::Number(_) => {}
    }
}

fn is_portable(text: &str) -> bool {
    let name = text.strip_prefix("%(%%environment.values.").and_then(|rest| rest.strip_suffix(')'));
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')))
}
