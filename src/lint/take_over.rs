//! Writers who can change what their permission rests on.

use super::catalogue::{DOCUMENT_MOVABLE, DOCUMENT_TAKE_OVER, INSERT_CHECK_EVADED};
use super::extent::{Extent, Writing, always, never, possible, reading, writing, writing_of};
use super::report::Report;
use super::shape::{Polarity, View, conjuncts, mentions, references, rights, view};
use crate::path::FieldPath;
use crate::policy::{Role, Rule};
use crate::predicate::{Check, ContextRoot, DocumentRoot, Left, List, Predicate, Right, Test};
use crate::schema::Schema;

/// `schema` is what new documents must satisfy besides.
pub(super) fn lint(roles: &[Role], schema: Option<&Schema>, report: &mut Report) {
    for (index, role) in roles.iter().enumerate() {
        if writing(role) == Extent::Nothing || never(Some(&role.apply_when)) {
            continue;
        }
        let evaded = evaded(role, schema, report);
        let taken = roles.iter().take(index).any(|owner| taken(role, owner, schema, report));
        if !evaded && !taken {
            movable(role, schema, report);
        }
    }
}

/// The tests of an expression that say whose a document is.
fn owner_tests(predicate: &Predicate) -> Vec<(&Test, &FieldPath)> {
    let mut found = Vec::new();
    collect(predicate, Polarity::Asserted, &mut |test| found.extend(owner_path(test).map(|path| (test, path))));
    found
}

fn collect<'p>(predicate: &'p Predicate, polarity: Polarity, visit: &mut dyn FnMut(&'p Test)) {
    match view(predicate, polarity) {
        View::Constant(_) | View::Test(_, Polarity::Denied) => {}
        View::All(parts, polarity) | View::Any(parts, polarity) => {
            parts.iter().for_each(|part| collect(part, polarity, visit));
        }
        View::Test(test, Polarity::Asserted) => visit(test),
    }
}

/// The path of the stored document that a test compares with the user.
fn owner_path(test: &Test) -> Option<&FieldPath> {
    let stored = |root: DocumentRoot| matches!(root, DocumentRoot::Root | DocumentRoot::PrevRoot);
    match (&test.left, &test.check) {
        (Left::Document(root, path), Check::Equals(_) | Check::In(_) | Check::All(_)) => {
            let user = |right: &&Right| references(right).iter().any(|found| found.root == ContextRoot::User);
            (stored(*root) && rights(test).iter().any(user)).then_some(path)
        }
        (Left::Context(left), Check::Equals(right) | Check::In(List::Place(right))) => match right {
            Right::Document(root, path) if stored(*root) && left.root == ContextRoot::User => Some(path),
            _ => None,
        },
        _ => None,
    }
    .filter(|path| !path.is_root())
}

/// The rule that lets a role change a path, if nothing asks about the path's new value.
fn unchecked<'r>(role: &'r Role, schema: Option<&Schema>, path: &FieldPath) -> Option<&'r Rule> {
    let Writing::By(rule) = writing_of(role, path.segments()) else { return None };
    let filter = role.document_filters.as_ref().and_then(|halves| halves.write.as_ref());
    let own = [Some(rule), filter].into_iter().flatten().map(|rule| &rule.predicate);
    let validates = schema.map(|schema| schema.validates_at(path.segments())).unwrap_or_default();
    let checked = own.chain(validates).any(|predicate| asks_about(predicate, path));
    (!checked).then_some(rule)
}

/// Whether an expression looks at the new value of a path, or may: a function sees what it likes, and one that wants
/// no stored document allows no update.
fn asks_about(predicate: &Predicate, path: &FieldPath) -> bool {
    let touches = |root: DocumentRoot, other: &FieldPath| match root {
        DocumentRoot::This => true,
        DocumentRoot::Prev => false,
        DocumentRoot::PrevRoot => other.is_root(),
        DocumentRoot::Root => {
            let (a, b) = (path.segments(), other.segments());
            a.starts_with(b) || b.starts_with(a)
        }
    };
    mentions(predicate, &mut |test| {
        let left = matches!(&test.left, Left::Document(root, other) if touches(*root, other));
        let called = matches!(&test.check, Check::Equals(Right::Function(_)));
        let right = |right: &&Right| matches!(right, Right::Document(root, other) if touches(*root, other));
        left || called || rights(test).iter().any(right)
    })
}

fn movable(role: &Role, schema: Option<&Schema>, report: &mut Report) {
    for (_, path) in owner_tests(&role.apply_when.predicate) {
        if let Some(rule) = unchecked(role, schema, path) {
            let message = format!(
                "role `{}` may change `{path}`, by which it is chosen: its users can give the document away",
                role.name
            );
            let help = "if they must not, repeat the condition in `write` or in `document_filters.write`, which see the \
                        new document";
            return report.add(DOCUMENT_MOVABLE, rule.expr.span, message, help);
        }
    }
}

/// Reports an `insert` whose question an update can undo.
fn evaded(role: &Role, schema: Option<&Schema>, report: &mut Report) -> bool {
    let Some(insert) = role.insert.as_ref().filter(|rule| possible(Some(rule)) && !always(Some(rule))) else {
        return false;
    };
    let mut asked: Vec<&FieldPath> = Vec::new();
    insert.predicate.each_test(&mut |test| {
        if let Left::Document(DocumentRoot::Root, path) = &test.left {
            asked.push(path);
        }
        asked.extend(rights(test).into_iter().filter_map(|right| match right {
            Right::Document(DocumentRoot::Root, path) => Some(path),
            _ => None,
        }));
    });
    let Some(path) = asked.into_iter().find(|path| !path.is_root() && unchecked(role, schema, path).is_some()) else {
        return false;
    };
    let message =
        format!("only `insert` asks about `{path}`: an update of role `{}` can set it to anything", role.name);
    report.add(INSERT_CHECK_EVADED, insert.expr.span, message, "put the condition into `write`, which both must meet");
    true
}

/// Reports a role whose users can make themselves the owners that an earlier role serves better.
fn taken(role: &Role, owner: &Role, schema: Option<&Schema>, report: &mut Report) -> bool {
    let deletes = |role: &Role| writing(role) == Extent::Everything && !never(role.delete.as_ref());
    let better = reading(owner) > reading(role) || writing(owner) > writing(role) || (deletes(owner) && !deletes(role));
    if !better {
        return false;
    }
    let own = conjuncts(&role.apply_when.predicate);
    for (test, path) in owner_tests(&owner.apply_when.predicate) {
        let rest = conjuncts(&owner.apply_when.predicate);
        let alone = rest.iter().all(|text| **text == *test.text || own.contains(text));
        if !alone || own.iter().any(|text| **text == *test.text) {
            continue;
        }
        if let Some(rule) = unchecked(role, schema, path) {
            let message = format!(
                "users of role `{}` can write `{path}` and so become `{}` of any document",
                role.name, owner.name
            );
            let help = format!("let nobody but the owner write `{path}`, or ask about its new value");
            report.add(DOCUMENT_TAKE_OVER, rule.expr.span, message, help);
            return true;
        }
    }
    false
}
