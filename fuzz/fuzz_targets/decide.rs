//! Rules, a user, a document before and one after, a line each: every decision is made and explained without a panic,
//! and keeps what every decision has to keep.
#![no_main]

use bson::{Bson, Document};
use libfuzzer_sys::fuzz_target;
use portcullis::eval::Truth;
use portcullis::{Guard, Operation, Reason, Visible};
use portcullis_fuzz::{document, guard, is_part, node, outline, policy};

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some(policy) = node(lines.next()).and_then(|node| policy(&node)) else { return };
    let guard = guard(policy, document(lines.next()));
    let before = document(lines.next()).unwrap_or_default();
    let after = document(lines.next()).unwrap_or_else(|| before.clone());
    reads(&guard, &before);
    writes(&guard, &before, &after);
    no_op(&guard, &before);
});

fn reads(guard: &Guard, stored: &Document) {
    for (decision, operation) in
        [(guard.read(stored), Operation::Read(stored.into())), (guard.search(stored), Operation::Search(stored.into()))]
    {
        explained(guard, operation, decision.role(), decision.reason());
        let bypass = decision.role().is_none();
        if let Some(visible) = decision.allowed() {
            let visible = visible.to_document().expect("a decoded document");
            assert!(bypass || !visible.is_empty(), "allowed to see nothing");
            let (visible, stored) = (Bson::Document(visible), Bson::Document(stored.clone()));
            assert!(is_part(&visible, &stored), "a read invents: {visible} of {stored}");
        }
    }
}

fn writes(guard: &Guard, before: &Document, after: &Document) {
    let insert = guard.insert(after);
    let update = guard.update(before, after);
    let delete = guard.delete(before);
    explained(guard, Operation::Insert(after.into()), insert.role(), insert.reason());
    explained(guard, Operation::Update(before.into(), after.into()), update.role(), update.reason());
    explained(guard, Operation::Delete(before.into()), delete.role(), delete.reason());
    assert_eq!(outline(&update), outline(&guard.update(before, after)), "one question has one answer");
    if let Some(Reason::Fields(fields)) = update.reason() {
        assert!(fields.is_sorted(), "{fields:?}");
        for field in fields {
            let known = |key: &String| field == key || field.starts_with(&format!("{key}."));
            assert!(before.keys().chain(after.keys()).any(known), "`{field}` is refused and is in neither document");
        }
    }
}

/// A write that changes nothing is refused for no field, and whoever may write a whole document may read it.
fn no_op(guard: &Guard, stored: &Document) {
    let update = guard.update(stored, stored);
    assert!(!matches!(update.reason(), Some(Reason::Fields(_))), "{:?}", update.reason());
    let explanation = guard.explain(Operation::Update(stored.into(), stored.into()));
    let may_write = explanation
        .rules
        .iter()
        .any(|rule| rule.place == "write" && rule.trace.as_ref().is_some_and(|trace| trace.truth == Truth::True));
    let decided_by_role = update.is_allowed() || matches!(update.reason(), Some(Reason::Schema(_)));
    if may_write && decided_by_role {
        let read = guard.read(stored);
        let hidden = matches!(read.reason(), Some(Reason::NothingVisible));
        assert!(hidden || read.is_allowed(), "may write and not read: {}", outline(&read));
        assert!(hidden || matches!(read.allowed(), Some(Visible::Whole(_) | Visible::Part(_) | Visible::RawPart(_))));
    }
}

/// The explanation comes to the role that decided.
fn explained(guard: &Guard, operation: Operation<'_>, role: Option<&str>, reason: Option<&Reason>) {
    let explanation = guard.explain(operation);
    if explanation.bypass || matches!(reason, Some(Reason::Filtered { .. } | Reason::Failed)) {
        return;
    }
    let found = explanation.roles.iter().find(|role| role.apply_when.truth == Truth::True);
    assert_eq!(found.map(|role| &*role.name), role, "{explanation:?}");
}
