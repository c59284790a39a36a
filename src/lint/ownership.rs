//! Finds the conditions that determine who owns a document.

use std::collections::HashSet;

use super::shape::{Polarity, View, references, rights, view};
use super::witness::{At, Moment};
use crate::path::FieldPath;
use crate::policy::{FieldRule, Role, Rule};
use crate::predicate::{ContextRoot, DocumentRoot, Left, Predicate, Right, Test, TestKind};

/// A test that compares a field with the user.
pub(super) struct Ownership<'r> {
    /// The path of the field.
    pub(super) path: FieldPath,
    /// The predicate that consists of the test.
    pub(super) predicate: &'r Predicate,
    /// The field whose rule contains the test, if it is a field rule.
    field: Option<FieldPath>,
    /// The source of the test, rewritten so that it refers to the new document.
    pub(super) condition: String,
    /// Whether the test is in `apply_when`.
    pub(super) chooses: bool,
    /// Whether only those for whom the test holds may write the document in this role.
    pub(super) is_required: bool,
}

/// The tests found so far, and their paths.
#[derive(Default)]
struct Found<'r> {
    list: Vec<Ownership<'r>>,
    paths: HashSet<FieldPath>,
}

/// The permission that a rule is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    ApplyWhen,
    Write,
    Other,
}

impl Ownership<'_> {
    pub(super) const fn at(&self, moment: Moment) -> At<'_> {
        At { moment, field: self.field.as_ref() }
    }

    pub(super) const fn field(&self) -> Option<&FieldPath> {
        self.field.as_ref()
    }
}

/// All such tests in a role, without repetitions. Those in its `apply_when` come first.
pub(super) fn ownerships(role: &Role) -> Vec<Ownership<'_>> {
    let mut found = Found::default();
    let halves = role.document_filters.as_ref();
    let own = [
        (halves.and_then(|halves| halves.write.as_ref()), Place::Write),
        (role.write.as_ref(), Place::Write),
        (role.delete.as_ref(), Place::Other),
        (halves.and_then(|halves| halves.read.as_ref()), Place::Other),
        (role.read.as_ref(), Place::Other),
    ];
    collect(&role.apply_when, None, Place::ApplyWhen, &mut found);
    for (rule, place) in own {
        rule.into_iter().for_each(|rule| collect(rule, None, place, &mut found));
    }
    for field in &role.fields {
        of_field(field, "", &mut found);
    }
    found.list
}

fn of_field<'r>(field: &'r FieldRule, within: &str, found: &mut Found<'r>) {
    let name = if within.is_empty() { field.name.to_string() } else { format!("{within}.{}", field.name) };
    if let Ok(path) = FieldPath::parse(&name) {
        for rule in [&field.write, &field.read].into_iter().flatten() {
            collect(rule, Some(&path), Place::Other, found);
        }
    }
    field.fields.iter().flatten().for_each(|inner| of_field(inner, &name, found));
}

fn collect<'r>(rule: &'r Rule, field: Option<&FieldPath>, place: Place, found: &mut Found<'r>) {
    asserted(&rule.predicate, Polarity::Asserted, true, &mut |predicate, test, has_to_hold| {
        for (root, path) in owner_places(test) {
            let inside = matches!(root, DocumentRoot::This | DocumentRoot::Prev);
            let path = match (inside, field) {
                (true, Some(field)) => {
                    let segments: Vec<_> = field.segments().iter().chain(path.segments()).cloned().collect();
                    FieldPath::from_segments(&segments)
                }
                _ => path.clone(),
            };
            if !path.is_root() && found.paths.insert(path.clone()) {
                let condition = of_new_document(&test.text, field);
                found.list.push(Ownership {
                    path,
                    predicate,
                    field: field.cloned(),
                    condition,
                    chooses: place == Place::ApplyWhen,
                    is_required: has_to_hold && place != Place::Other,
                });
            }
        }
    });
}

/// The source of a test, rewritten so that it refers to the new document. For a field rule, the field's own value
/// becomes its path.
fn of_new_document(text: &str, field: Option<&FieldPath>) -> String {
    let text = text.replace("%%prevRoot.", "%%root.");
    match field {
        Some(field) => {
            let root = format!("%%root.{field}");
            text.replace("%%this", &root).replace("%%prev", &root)
        }
        None => text,
    }
}

/// Visits the tests that have to hold, and those of which one has to hold.
fn asserted<'p>(
    predicate: &'p Predicate,
    polarity: Polarity,
    has_to_hold: bool,
    visit: &mut dyn FnMut(&'p Predicate, &'p Test, bool),
) {
    match predicate {
        Predicate::Not(inner) => asserted(inner, polarity.flipped(), has_to_hold, visit),
        Predicate::Test(test) if polarity == Polarity::Asserted => visit(predicate, test, has_to_hold),
        _ => match view(predicate, polarity) {
            View::All(parts, polarity) => parts.iter().for_each(|part| asserted(part, polarity, has_to_hold, visit)),
            View::Any(parts, polarity) => {
                let has_to_hold = has_to_hold && parts.len() == 1;
                parts.iter().for_each(|part| asserted(part, polarity, has_to_hold, visit));
            }
            View::Constant | View::Test(..) => {}
        },
    }
}

/// The places in a document that a test compares with the user.
fn owner_places(test: &Test) -> Vec<(DocumentRoot, &FieldPath)> {
    let of_user = |right: &&Right| references(right).iter().any(|found| found.root == ContextRoot::User);
    match (&test.left, &test.check) {
        (Left::Document(root, path), TestKind::Equals(_) | TestKind::In(_) | TestKind::All(_)) => {
            rights(test).iter().any(of_user).then_some((*root, path)).into_iter().collect()
        }
        (Left::Document(root, path), TestKind::ElemMatch(_, inner)) => {
            let mut found = false;
            inner.each_test(&mut |test| found |= rights(test).iter().any(of_user));
            found.then_some((*root, path)).into_iter().collect()
        }
        (Left::Context(left), TestKind::Equals(_) | TestKind::In(_)) if left.root == ContextRoot::User => {
            rights(test).into_iter().filter_map(document_place).collect()
        }
        _ => Vec::new(),
    }
}

fn document_place(right: &Right) -> Option<(DocumentRoot, &FieldPath)> {
    match right {
        Right::Document(root, path) => Some((*root, path)),
        Right::Convert(_, inner) => document_place(inner),
        _ => None,
    }
}
