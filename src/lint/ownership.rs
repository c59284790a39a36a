//! Finds the conditions that determine who owns a document.

use super::shape::{Polarity, View, references, rights, view};
use super::witness::{At, Moment};
use crate::path::FieldPath;
use crate::policy::{FieldRule, Role, Rule};
use crate::predicate::{ContextRoot, DocumentRoot, Left, List, Predicate, Right, Test, TestKind};

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
    let mut found: Vec<Ownership<'_>> = Vec::new();
    let halves = role.document_filters.as_ref();
    let own = [
        halves.and_then(|halves| halves.write.as_ref()),
        role.write.as_ref(),
        role.delete.as_ref(),
        halves.and_then(|halves| halves.read.as_ref()),
        role.read.as_ref(),
    ];
    collect(&role.apply_when, None, true, &mut found);
    own.into_iter().flatten().for_each(|rule| collect(rule, None, false, &mut found));
    for field in &role.fields {
        of_field(field, "", &mut found);
    }
    found
}

fn of_field<'r>(field: &'r FieldRule, within: &str, found: &mut Vec<Ownership<'r>>) {
    let name = if within.is_empty() { field.name.to_string() } else { format!("{within}.{}", field.name) };
    if let Ok(path) = FieldPath::parse(&name) {
        for rule in [&field.write, &field.read].into_iter().flatten() {
            collect(rule, Some(&path), false, found);
        }
    }
    field.fields.iter().flatten().for_each(|inner| of_field(inner, &name, found));
}

fn collect<'r>(rule: &'r Rule, field: Option<&FieldPath>, chooses: bool, found: &mut Vec<Ownership<'r>>) {
    asserted(&rule.predicate, Polarity::Asserted, &mut |predicate, test| {
        let Some((root, path)) = owner_place(test) else { return };
        let inside = matches!(root, DocumentRoot::This | DocumentRoot::Prev);
        let path = match (inside, field) {
            (true, Some(field)) => {
                let segments: Vec<_> = field.segments().iter().chain(path.segments()).cloned().collect();
                FieldPath::from_segments(&segments)
            }
            _ => path.clone(),
        };
        if path.is_root() || found.iter().any(|known| known.path == path) {
            return;
        }
        let condition = of_new_document(&test.text, field);
        found.push(Ownership { path, predicate, field: field.cloned(), condition, chooses });
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
fn asserted<'p>(predicate: &'p Predicate, polarity: Polarity, visit: &mut dyn FnMut(&'p Predicate, &'p Test)) {
    match predicate {
        Predicate::Not(inner) => asserted(inner, polarity.flipped(), visit),
        Predicate::Test(test) if polarity == Polarity::Asserted => visit(predicate, test),
        _ => match view(predicate, polarity) {
            View::All(parts, polarity) | View::Any(parts, polarity) => {
                parts.iter().for_each(|part| asserted(part, polarity, visit));
            }
            View::Constant | View::Test(..) => {}
        },
    }
}

/// The place in a document that a test compares with the user.
fn owner_place(test: &Test) -> Option<(DocumentRoot, &FieldPath)> {
    let of_user = |right: &&Right| references(right).iter().any(|found| found.root == ContextRoot::User);
    match (&test.left, &test.check) {
        (Left::Document(root, path), TestKind::Equals(_) | TestKind::In(_) | TestKind::All(_)) => {
            rights(test).iter().any(of_user).then_some((*root, path))
        }
        (Left::Document(root, path), TestKind::ElemMatch(_, inner)) => {
            let mut found = false;
            inner.each_test(&mut |test| found |= rights(test).iter().any(of_user));
            found.then_some((*root, path))
        }
        (Left::Context(left), TestKind::Equals(right) | TestKind::In(List::Place(right)))
            if left.root == ContextRoot::User =>
        {
            match right {
                Right::Document(root, path) => Some((*root, path)),
                Right::Convert(_, inner) => match &**inner {
                    Right::Document(root, path) => Some((*root, path)),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}
