//! Where a write leaves objects among the fields.

use std::collections::BTreeSet;

use bson::{Bson, Document};
use portcullis::Guard;

/// The names that lead to an object.
type Path = Vec<String>;

/// Whether what a user sees of both worlds after a write differs by nothing but the places of objects below which it wrote, and
/// which were stored in one of the worlds although the user saw nothing of them, such as empty ones. Where there was no such
/// object, the write has made one, behind the other fields.
pub fn only_hidden_objects_moved(guard: &Guard, before: &[Vec<Document>; 2], after: &[Vec<Document>; 2]) -> bool {
    let [one, other] = [0, 1].map(|world| written(guard, &before[world], &after[world]));
    one.len() == other.len()
        && one.into_iter().zip(other).all(|((one, moved), (other, more))| {
            let moved = moved.into_iter().chain(more).collect();
            same(&one, &other, &mut Path::new(), &moved)
        })
}

fn seen(guard: &Guard, document: &Document) -> Option<Document> {
    guard.read(document).allowed().and_then(|seen| seen.to_document().ok())
}

/// The documents that a user sees, each with the objects that came into sight in their old places.
fn written(guard: &Guard, before: &[Document], after: &[Document]) -> Vec<(Document, BTreeSet<Path>)> {
    let read = |document: &Document| {
        let visible = seen(guard, document)?;
        let mut moved = BTreeSet::new();
        if let Some(old) = before.iter().find(|old| old.get("_id") == document.get("_id")) {
            let was_visible = seen(guard, old).unwrap_or_default();
            hidden_objects(old, &was_visible, &visible, &mut Path::new(), &mut moved);
        }
        Some((visible, moved))
    };
    after.iter().filter_map(read).collect()
}

fn hidden_objects(stored: &Document, was: &Document, is: &Document, path: &mut Path, found: &mut BTreeSet<Path>) {
    for (name, value) in is {
        let (Bson::Document(is), Some(Bson::Document(stored))) = (value, stored.get(name)) else { continue };
        path.push(name.clone());
        match was.get(name) {
            Some(Bson::Document(was)) => hidden_objects(stored, was, is, path, found),
            _ => {
                found.insert(path.clone());
                hidden_objects(stored, &Document::new(), is, path, found);
            }
        }
        path.pop();
    }
}

/// Whether two documents are the same, in the order of their fields, but for the places of what moved.
fn same(one: &Document, other: &Document, path: &mut Path, moved: &BTreeSet<Path>) -> bool {
    let mut names = |document: &Document| -> Vec<String> {
        let mut stays = |name: &String| {
            path.push(name.clone());
            let is_moved = moved.contains(path);
            path.pop();
            !is_moved
        };
        document.keys().filter(|name| stays(name)).cloned().collect()
    };
    names(one) == names(other)
        && one.len() == other.len()
        && one.iter().all(|(name, value)| match (value, other.get(name)) {
            (Bson::Document(one), Some(Bson::Document(other))) => {
                path.push(name.clone());
                let is_same = same(one, other, path, moved);
                path.pop();
                is_same
            }
            (value, other) => other == Some(value),
        })
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use serde_json::json;

    use super::*;

    /// Of `a` the field `b` is shown, of the rest all but `secret`.
    fn told_apart(before: [Document; 2], after: [Document; 2]) -> bool {
        let fields = json!({ "secret": {}, "a": { "fields": { "b": { "read": true, "write": true } } } });
        let role = json!({ "name": "r", "apply_when": {}, "fields": fields, "additional_fields": { "read": true } });
        let guard = super::super::scene::guard(&json!({}), &json!({ "roles": [role] }), &json!({ "id": "u" })).unwrap();
        !only_hidden_objects_moved(&guard, &before.map(|one| vec![one]), &after.map(|one| vec![one]))
    }

    #[test]
    fn only_objects_of_which_nothing_was_seen_may_stand_elsewhere() {
        let written = doc! { "_id": 1, "z": 1, "a": { "b": 1 } };
        for hidden in [doc! {}, doc! { "c": 1 }] {
            let before = [doc! { "_id": 1, "a": hidden.clone(), "z": 1 }, doc! { "_id": 1, "z": 1 }];
            let mut object = hidden.clone();
            object.insert("b", 1);
            assert!(!told_apart(before.clone(), [doc! { "_id": 1, "a": object, "z": 1 }, written.clone()]));
            // What else is written is the same, and stands in the same place.
            let other = doc! { "_id": 1, "a": { "b": 2 }, "z": 1 };
            assert!(told_apart(before.clone(), [other, written.clone()]));
            let scalar = doc! { "_id": 1, "n": 1, "a": { "b": 1 }, "z": 1 };
            assert!(told_apart(before, [scalar, doc! { "_id": 1, "z": 1, "a": { "b": 1 }, "n": 1 }]));
        }
        // An object that was seen stays where it was.
        let before = [doc! { "_id": 1, "a": { "b": 0 }, "z": 1 }, doc! { "_id": 1, "z": 1, "a": { "b": 0 } }];
        assert!(told_apart(before, [doc! { "_id": 1, "a": { "b": 1 }, "z": 1 }, written]));
    }
}
