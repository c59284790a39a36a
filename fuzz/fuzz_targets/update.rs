//! A document, an update and an array of array filters, a line each: nothing panics, and an update keeps what every update
//! has to keep.
#![no_main]

use bson::{Bson, DateTime, Document};
use libfuzzer_sys::fuzz_target;
use portcullis::update::{Moment, Operator, Update, check_document, replace, upsert_document};
use portcullis_fuzz::{document, node, same};

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (Some(before), Some(update)) = (document(lines.next()), document(lines.next())) else { return };
    let filters: Vec<Document> = match node(lines.next()).and_then(|node| portcullis::json::to_bson(&node).ok()) {
        Some(Bson::Array(filters)) => filters.into_iter().filter_map(|filter| filter.as_document().cloned()).collect(),
        _ => Vec::new(),
    };
    let now = DateTime::from_millis(0);
    let _ = upsert_document(&update, true);
    if let (Ok(seeded), Ok(checked)) = (upsert_document(&update, false), check_document(before.clone(), now)) {
        let _ = replace(&checked, &seeded, now);
    }
    match Update::compile(&update, &filters) {
        Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| !error.to_string().contains('\n'))),
        Ok(update) => {
            for inserts in [false, true] {
                apply(&update, &before, &Moment { inserts, position: Some(1), now });
            }
        }
    }
});

fn apply(update: &Update, before: &Document, moment: &Moment) {
    let Ok(applied) = update.apply(before.clone(), moment) else { return };
    let after = &applied.document;
    let whole = |document: &Document| Bson::Document(document.clone());
    if !applied.modified {
        assert!(same(&whole(before), &whole(after)), "unmodified: {before} became {after}");
    }
    if let Some(id) = before.get("_id") {
        assert!(after.get("_id").is_some_and(|now| same(id, now)), "{before} became {after}");
    }
    let named = |name: &str| update.named().iter().any(|named| named.path.split('.').next() == Some(name));
    for name in before.keys().chain(after.keys()).filter(|name| !named(name)) {
        let unchanged = match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => same(before, after),
            _ => false,
        };
        assert!(unchanged, "`{name}` is not named: {before} became {after}");
    }
    let repeatable =
        |operator: Operator| matches!(operator, Operator::Set | Operator::Unset | Operator::Min | Operator::Max);
    if update.named().iter().all(|named| repeatable(named.operator) && !named.path.contains('$')) {
        let again = update.apply(after.clone(), moment).expect("what was done once can be done again");
        assert!(same(&whole(after), &whole(&again.document)), "{after} became {}", again.document);
    }
}
