//! Compares the positions of objects among the fields of documents after a write.

use std::collections::BTreeSet;

use bson::{Bson, Document};
use portcullis::Guard;

/// The names of the fields that lead to an object.
type Path = Vec<String>;

/// Whether the user's views of both worlds after a write differ only in the positions of objects into which it wrote,
/// and which one world stored before although the user saw nothing of them, such as empty ones. In the other world, the
/// write created the object after the other fields.
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

/// The documents that a user sees, each with the paths of the stored objects that the write made visible.
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

/// Whether two documents are equal, including the order of their fields, except for the positions of the moved objects.
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

    /// Whether two worlds can be told apart by a user who sees only the field `b` of `a`, and all others but `secret`.
    fn told_apart(before: [Document; 2], after: [Document; 2]) -> bool {
        let fields = json!({ "secret": {}, "a": { "fields": { "b": { "read": true, "write": true } } } });
        let role = json!({ "name": "r", "apply_when": {}, "fields": fields, "additional_fields": { "read": true } });
        let guard = super::super::scene::guard(&json!({}), &json!({ "roles": [role] }), &json!({ "id": "u" })).unwrap();
        !only_hidden_objects_moved(&guard, &before.map(|one| vec![one]), &after.map(|one| vec![one]))
    }

    #[test]
    fn only_invisible_objects_may_change_their_position() {
        let written = doc! { "_id": 1, "z": 1, "a": { "b": 1 } };
        for hidden in [doc! {}, doc! { "c": 1 }] {
            let before = [doc! { "_id": 1, "a": hidden.clone(), "z": 1 }, doc! { "_id": 1, "z": 1 }];
            let mut object = hidden.clone();
            object.insert("b", 1);
            assert!(!told_apart(before.clone(), [doc! { "_id": 1, "a": object, "z": 1 }, written.clone()]));
            // All other fields must have the same values and positions.
            let other = doc! { "_id": 1, "a": { "b": 2 }, "z": 1 };
            assert!(told_apart(before.clone(), [other, written.clone()]));
            let scalar = doc! { "_id": 1, "n": 1, "a": { "b": 1 }, "z": 1 };
            assert!(told_apart(before, [scalar, doc! { "_id": 1, "z": 1, "a": { "b": 1 }, "n": 1 }]));
        }
        // An object that was visible must keep its position.
        let before = [doc! { "_id": 1, "a": { "b": 0 }, "z": 1 }, doc! { "_id": 1, "z": 1, "a": { "b": 0 } }];
        assert!(told_apart(before, [doc! { "_id": 1, "a": { "b": 1 }, "z": 1 }, written]));
    }
}
