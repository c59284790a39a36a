//! Update descriptions, derived from the documents before and after.

use bson::{Document, doc};
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
