//! Findings about conditions on several fields of the documents in an array, which need not be satisfied by the same
//! document.

use super::catalogue::ELEMENTS_APART;
use super::report::Report;
use super::shape::{Polarity, View, is_plural, root_name, view};
use crate::path::{FieldPath, Segment};
use crate::predicate::{ContextRoot, DocumentRoot, Left, Predicate, Test, TestKind};
use crate::schema::Schema;

/// Names in the plural that usually denote a single document.
const DOCUMENTS: [&str; 18] = [
    "address",
    "attributes",
    "coordinates",
    "credentials",
    "dates",
    "details",
    "dimensions",
    "flags",
    "metrics",
    "options",
    "permissions",
    "preferences",
    "prefs",
    "props",
    "rights",
    "settings",
    "stats",
    "statistics",
];

/// The object from which a test's left operand starts.
#[derive(Clone, PartialEq)]
enum Start {
    Document(DocumentRoot),
    Element,
    Context(ContextRoot),
}

pub(super) fn lint(predicate: &Predicate, schema: Option<&Schema>, report: &mut Report) {
    let mut together = Vec::new();
    conjunction(predicate, Polarity::Asserted, schema, &mut together, report);
    compare(&together, schema, report);
}

/// Collects the tests that have to hold together for the same document. Parts that are independent of one another are
/// examined separately.
fn conjunction<'p>(
    predicate: &'p Predicate,
    polarity: Polarity,
    schema: Option<&Schema>,
    together: &mut Vec<&'p Test>,
    report: &mut Report,
) {
    match view(predicate, polarity) {
        View::Constant | View::Test(_, Polarity::Denied) => {}
        View::All(parts, polarity) => {
            parts.iter().for_each(|part| conjunction(part, polarity, schema, together, report));
        }
        View::Any(parts, polarity) => {
            for part in parts {
                let mut apart = Vec::new();
                conjunction(part, polarity, schema, &mut apart, report);
                compare(&apart, schema, report);
            }
        }
        View::Test(test, Polarity::Asserted) => {
            if let TestKind::ElemMatch(_, inner) = &test.check {
                lint(inner, None, report);
            }
            together.push(test);
        }
    }
}

fn compare(tests: &[&Test], schema: Option<&Schema>, report: &mut Report) {
    let mut seen: Vec<(Start, &[Segment], &[Segment])> = Vec::new();
    for test in tests {
        let Some((start, path)) = place(&test.left) else { continue };
        let Some((array, rest)) = arrays(&start, path, schema) else { continue };
        let other = seen.iter().find(|(before, prefix, other)| *before == start && *prefix == array && *other != rest);
        if let Some((_, _, other)) = other {
            let array = written(&start, array);
            let (one, two) = (names(other), names(rest));
            let message = format!("`{array}.{one}` and `{array}.{two}` can hold for different elements of `{array}`");
            let help = format!(
                "to test one element, write {{\"{array}\": {{\"$elemMatch\": {{\"{one}\": …, \"{two}\": …}}}}}}"
            );
            report.add(ELEMENTS_APART, test.span, message, help);
        }
        seen.push((start, array, rest));
    }
}

fn place(left: &Left) -> Option<(Start, &FieldPath)> {
    match left {
        Left::Document(root, path) => Some((Start::Document(*root), path)),
        Left::Element(path) => Some((Start::Element, path)),
        Left::Context(reference) => Some((Start::Context(reference.root), &reference.path)),
        Left::Boolean(_) => None,
    }
}

/// Splits a path after the first segment that is probably an array.
fn arrays<'p>(start: &Start, path: &'p FieldPath, schema: Option<&Schema>) -> Option<(&'p [Segment], &'p [Segment])> {
    let segments = path.segments();
    (1..segments.len()).find_map(|length| {
        let (array, rest) = segments.split_at_checked(length)?;
        // A numeric segment selects a single element.
        if rest.first().is_some_and(|next| next.index().is_some()) {
            return None;
        }
        let said = match start {
            Start::Document(DocumentRoot::Root | DocumentRoot::PrevRoot) => {
                schema.and_then(|schema| schema.takes_array(array))
            }
            _ => None,
        };
        let name = array.last()?.name();
        let guessed = is_plural(name) && !DOCUMENTS.contains(&name.to_lowercase().as_str());
        said.unwrap_or(guessed).then_some((array, rest))
    })
}

fn names(segments: &[Segment]) -> String {
    segments.iter().map(Segment::name).collect::<Vec<_>>().join(".")
}

fn written(start: &Start, path: &[Segment]) -> String {
    let path = names(path);
    match start {
        Start::Document(DocumentRoot::Root) | Start::Element => path,
        Start::Document(root) => format!("{}.{path}", root_name(*root)),
        Start::Context(ContextRoot::User) => format!("%%user.{path}"),
        Start::Context(ContextRoot::Values) => format!("%%values.{path}"),
        Start::Context(ContextRoot::Environment) => format!("%%environment.{path}"),
        Start::Context(ContextRoot::Request) => format!("%%request.{path}"),
        Start::Context(ContextRoot::Args) => format!("%%args.{path}"),
        Start::Context(ContextRoot::Partition) => format!("%%partition.{path}"),
        Start::Context(ContextRoot::Now) => "%%now".to_owned(),
    }
}
