//! Findings about functions and values that the application does not define.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{ENVIRONMENT_VALUE_PARTIAL, ENVIRONMENT_VALUE_UNKNOWN, FUNCTION_UNKNOWN, VALUE_UNKNOWN};
use super::report::Report;
use super::shape::{references, rights};
use crate::path::Segment;
use crate::predicate::{ContextRoot, Left, Predicate, Reference, Right, Test};
use crate::text::{Finding, closest};

/// The names that an application defines. `None` if a file that may define others does not load.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The functions that `%function` can call.
    pub functions: Option<BTreeSet<String>>,
    /// `%%values`, including secrets.
    pub values: Option<BTreeSet<String>>,
    /// The names of the `%%environment.values` of each environment, by tag.
    pub environments: Option<BTreeMap<String, BTreeSet<String>>>,
}

/// Reports references to functions and values that the application does not define, in source order.
///
/// ```
/// use portcullis::lint::{Names, lint_references};
/// use portcullis::predicate::{Scope, lower};
/// let expr = portcullis::expr::parse_str(r#"{"team": "%%values.tems"}"#).unwrap();
/// let names = Names { values: Some(["teams".to_owned()].into()), ..Names::default() };
/// let findings = lint_references([&lower(&expr, Scope::Role).unwrap()], &names);
/// assert_eq!(findings[0].message, "there is no value `tems`");
/// assert_eq!(findings[0].help.as_deref(), Some("did you mean `%%values.teams`?"));
/// ```
#[must_use]
pub fn lint_references<'p>(predicates: impl IntoIterator<Item = &'p Predicate>, names: &Names) -> Vec<Finding> {
    let mut report = Report::default();
    for predicate in predicates {
        predicate.each_test(&mut |test| {
            if let Left::Context(left) = &test.left {
                reference(left, test, names, &mut report);
            }
            for right in rights(test) {
                if let Right::Function(call) = right {
                    function(&call.name, test, names, &mut report);
                }
                references(right).into_iter().for_each(|found| reference(found, test, names, &mut report));
            }
        });
    }
    report.finish()
}

fn function(name: &str, test: &Test, names: &Names, report: &mut Report) {
    let Some(known) = names.functions.as_ref().filter(|known| !known.contains(name)) else { return };
    let help = closest(name, known.iter().map(String::as_str));
    let help = help.map_or_else(
        || "define it in `functions/`; until then the condition ends in an error".to_owned(),
        |known| format!("did you mean `{known}`?"),
    );
    report.add(FUNCTION_UNKNOWN, test.span, format!("there is no function `{name}`"), help);
}

fn reference(reference: &Reference, test: &Test, names: &Names, report: &mut Report) {
    let segments: Vec<&str> = reference.path.segments().iter().map(Segment::name).collect();
    match (reference.root, segments.as_slice()) {
        (ContextRoot::Values, [name, ..]) => value(name, test, names, report),
        (ContextRoot::Environment, ["values", name, ..]) => environment_value(name, test, names, report),
        _ => {}
    }
}

fn value(name: &str, test: &Test, names: &Names, report: &mut Report) {
    let Some(known) = names.values.as_ref().filter(|known| !known.contains(name)) else { return };
    let help = closest(name, known.iter().map(String::as_str));
    let help = help.map_or_else(
        || "define it in a file of `values/`; until then it is Missing".to_owned(),
        |known| format!("did you mean `%%values.{known}`?"),
    );
    report.add(VALUE_UNKNOWN, test.span, format!("there is no value `{name}`"), help);
}

fn environment_value(name: &str, test: &Test, names: &Names, report: &mut Report) {
    let Some(environments) = &names.environments else { return };
    let lacking: Vec<&str> =
        environments.iter().filter(|(_, known)| !known.contains(name)).map(|(tag, _)| tag.as_str()).collect();
    if lacking.len() == environments.len() {
        let help = closest(name, environments.values().flatten().map(String::as_str));
        let help = help.map_or_else(
            || "define it in the files of `environments/`; until then it is Missing".to_owned(),
            |known| format!("did you mean `%%environment.values.{known}`?"),
        );
        report.add(ENVIRONMENT_VALUE_UNKNOWN, test.span, format!("no environment has a value `{name}`"), help);
    } else if !lacking.is_empty() {
        // Exports contain a file for every tag; those without values are not in use.
        let shown: Vec<String> = lacking.iter().map(|tag| format!("`{tag}`")).collect();
        let message = format!("the value `{name}` is missing in the environment {}", shown.join(", "));
        let help = "define it there too; until then it is Missing there";
        report.add(ENVIRONMENT_VALUE_PARTIAL, test.span, message, help);
    }
}
