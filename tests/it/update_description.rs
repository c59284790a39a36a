//! Update descriptions, derived from the documents before and after.

use bson::{Document, bson, doc};
use portcullis::store::documents::UpdateDescription;

fn between(before: &Document, after: &Document) -> (Document, Vec<String>) {
    let UpdateDescription { updated, removed } = UpdateDescription::between(before.into(), after.into()).unwrap();
    (updated, removed)
}

fn gone(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn changes_in_nested_documents_are_described_by_path() {
    let before =
        doc! { "_id": 1, "a": 1, "b": { "c": 1, "d": { "e": 1 }, "f": 2 }, "g": [1, 2], "h": { "i": 1 }, "k": 1 };
    let after =
        doc! { "_id": 1, "a": 1_i64, "b": { "c": 1, "d": { "e": 2, "n": 3 } }, "g": [1], "h": 5, "l": { "m": 1 } };
    let updated = doc! { "a": 1_i64, "b.d.e": 2, "b.d.n": 3, "g": [1], "h": 5, "l": { "m": 1 } };
    assert_eq!(between(&before, &after), (updated, gone(&["b.f", "k"])));
    assert_eq!(between(&before, &before), (doc! {}, gone(&[])));
}

#[test]
fn appended_and_changed_elements_are_described_by_index() {
    let of = |array: bson::Bson| doc! { "a": { "b": array } };
    let list = |elements: &[i32]| bson::Bson::from(elements.iter().copied().map(bson::Bson::from).collect::<Vec<_>>());
    for (before, after, updated, removed) in [
        // As MongoDB describes `$push`, and `$set` of an element or of a field in one.
        (list(&[1, 2]), list(&[1, 2, 3, 4]), doc! { "a.b.2": 3, "a.b.3": 4 }, vec![]),
        (list(&[1, 2]), list(&[1, 5]), doc! { "a.b.1": 5 }, vec![]),
        (bson!([{ "c": 1 }, { "c": 2 }]), bson!([{ "c": 1 }, { "c": 5 }]), doc! { "a.b.1.c": 5 }, vec![]),
        (bson!([{ "c": 1 }, { "c": 2 }]), bson!([{}, { "c": 2 }]), doc! {}, vec!["a.b.0.c"]),
        (bson!([[1], [2]]), bson!([[1], [2, 3]]), doc! { "a.b.1.1": 3 }, vec![]),
        (bson!([{ "0": 1 }, 2]), bson!([{ "0": 3 }, 2]), doc! { "a.b.0": { "0": 3 } }, vec![]),
        // As it describes `$pop`, `$pull`, a first `$push`, `$position`, `$slice`, and an array that is set.
        (list(&[1, 2, 3]), list(&[1, 2]), doc! { "a.b": [1, 2] }, vec![]),
        (list(&[]), list(&[1]), doc! { "a.b": [1] }, vec![]),
        (list(&[1, 2]), list(&[0, 1, 2]), doc! { "a.b": [0, 1, 2] }, vec![]),
        (list(&[1, 2]), list(&[2, 3]), doc! { "a.b": [2, 3] }, vec![]),
        (list(&[1]), list(&[]), doc! { "a.b": [] }, vec![]),
    ] {
        assert_eq!(between(&of(before), &of(after)), (updated, gone(&removed)));
    }
}

#[test]
fn changes_that_no_path_can_name_are_described_by_the_whole_value() {
    for inner in ["a.b", "", "$a", "0"] {
        let (before, after) = (doc! { "x": { inner: 1, "z": 1 } }, doc! { "x": { inner: 2, "z": 1 } });
        assert_eq!(between(&before, &after), (after.clone(), gone(&[])), "{inner:?}");
        let (before, after) = (doc! { inner: { "x": 1 } }, doc! { inner: { "x": 2 } });
        assert_eq!(between(&before, &after), (after.clone(), gone(&[])), "{inner:?}");
        assert_eq!(between(&before, &doc! {}), (doc! {}, gone(&[inner])));
    }
    // Within a nested document, the order of fields matters, because a different order makes a different value.
    let (before, after) = (doc! { "x": { "a": 1, "b": 2 } }, doc! { "x": { "b": 2, "a": 1 } });
    assert_eq!(between(&before, &after), (after.clone(), gone(&[])));
    assert_eq!(between(&doc! { "a": 1, "b": 2 }, &doc! { "b": 2, "a": 1 }), (doc! {}, gone(&[])));
}

#[test]
fn paths_are_limited_in_depth_and_length() {
    let nested = |value: i32| (0..60).fold(doc! { "v": value }, |inner, _| doc! { "n": inner });
    let (updated, _) = between(&nested(1), &nested(2));
    let path = updated.keys().next().unwrap();
    assert!(path.split('.').count() <= 16 && path.split('.').count() > 8, "{path}");
    // A long name would be repeated in many paths.
    let name = "n".repeat(10_000);
    let many = |value: i32| {
        let fields: Document = (0..1000).map(|number| (format!("f{number}"), value.into())).collect();
        doc! { name.clone(): fields }
    };
    let (before, after) = (many(1), many(2));
    assert_eq!(between(&before, &after), (after.clone(), gone(&[])));
    // For many fields, the time grows only linearly with their number.
    let wide = |value: i32| (0..100_000).map(|number| (format!("f{number}"), value.into())).collect::<Document>();
    let began = std::time::Instant::now();
    assert_eq!(between(&wide(1), &wide(2)).0.len(), 100_000);
    assert!(began.elapsed().as_secs() < 20);
}
