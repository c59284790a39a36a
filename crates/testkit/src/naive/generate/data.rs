//! Values, documents and changes of documents.

use serde_json::{Map, Value as Json, json};

use super::{FIELDS, HEX, Maker, UUID, is_regex, reads, scalars};
use crate::naive::value::is_ejson_literal;

impl Maker {
    pub(super) fn scalar(&mut self) -> Json {
        if self.chance(25) {
            let all = scalars();
            return self.pick(&all);
        }
        // The first value is preferred, so that two operands are often equal.
        let at = self.pick(&[0, 0, 0, 1, 2]);
        self.pool[at].clone()
    }

    /// A value for a document or a user.
    pub(super) fn datum(&mut self) -> Json {
        if self.hostile && self.chance(8) { self.pick(&reads::hostile()) } else { self.scalar() }
    }

    /// A scalar that is valid in rules.
    pub(super) fn written(&mut self) -> Json {
        let value = self.scalar();
        if is_regex(&value) && !self.naughty { json!("a") } else { value }
    }

    pub(super) fn value(&mut self, depth: usize) -> Json {
        if depth == 0 {
            return self.datum();
        }
        match self.below(12) {
            0..=6 => self.datum(),
            7 => self.items(depth - 1, false),
            8 => self.inner_document(depth - 1),
            9 => self.items(depth - 1, true),
            10 => json!([self.items(depth - 1, false)]),
            _ => self.mixed(depth - 1),
        }
    }

    pub(super) fn items(&mut self, depth: usize, documents: bool) -> Json {
        let count = self.below(4);
        (0..count).map(|_| if documents { self.inner_document(depth) } else { self.datum() }).collect()
    }

    pub(super) fn mixed(&mut self, depth: usize) -> Json {
        let count = self.below(3) + 1;
        (0..count).map(|_| self.value(depth)).collect()
    }

    pub(super) fn inner_document(&mut self, depth: usize) -> Json {
        let mut fields = Map::new();
        for name in ["a", "b", "c", "tags"] {
            if self.chance(50) {
                fields.insert(name.to_string(), self.value(depth));
            }
        }
        if self.chance(4) {
            fields.insert("0".to_string(), self.value(depth));
        }
        Json::Object(fields)
    }

    /// A value for a field, often of the type that its name suggests.
    pub(super) fn field(&mut self, name: &str) -> Json {
        match name {
            "tags" if !self.chance(25) => self.items(0, false),
            "team" if !self.chance(25) => self.items(1, true),
            "owner" if !self.chance(50) => self.id(),
            _ => self.value(2),
        }
    }

    pub(super) fn id(&mut self) -> Json {
        let ids = [json!("a"), json!(HEX), json!({"$oid": HEX}), json!(UUID)];
        self.pick(&ids)
    }

    pub(super) fn document(&mut self) -> Json {
        let mut document = Map::new();
        document.insert("_id".to_string(), json!(1));
        for name in FIELDS {
            if self.chance(75) {
                document.insert(name.to_string(), self.field(name));
            }
        }
        Json::Object(document)
    }

    /// A document, sometimes with fields from a user's own data.
    pub(super) fn document_for(&mut self, user: &str) -> Json {
        match self.users[user].get("custom_data").cloned() {
            Some(mut document) if self.chance(30) => {
                document["_id"] = json!(1);
                document
            }
            _ => self.document(),
        }
    }

    /// The document after an update, which makes a few small changes.
    pub(super) fn changed(&mut self, before: &Json) -> Json {
        let mut after = before.as_object().expect("a document").clone();
        for _ in 0..self.below(3) {
            let name = self.pick(&FIELDS).to_string();
            match self.below(4) {
                0 | 1 => {
                    let old = after.get(&name).cloned();
                    let new = match old {
                        Some(old) => self.change(&old),
                        None => self.field(&name),
                    };
                    after.insert(name, new);
                }
                2 => {
                    after.shift_remove(&name);
                }
                _ => {
                    // Moving a field to another position does not change the document.
                    if let Some(value) = after.shift_remove(&name) {
                        after.insert(name, value);
                    }
                }
            }
        }
        Json::Object(after)
    }

    pub(super) fn change(&mut self, value: &Json) -> Json {
        match value {
            Json::Object(fields) if !fields.is_empty() && !is_ejson_literal(value) => {
                let mut fields = fields.clone();
                let names: Vec<String> = fields.keys().cloned().collect();
                let name = self.pick(&names);
                match self.below(4) {
                    0 => {
                        let new = self.change(&fields[&name]);
                        fields.insert(name, new);
                    }
                    1 => {
                        fields.shift_remove(&name);
                    }
                    2 => {
                        let value = fields.shift_remove(&name).expect("a field");
                        fields.insert(name, value);
                    }
                    _ => {
                        let (name, new) = (self.pick(&["a", "b", "c"]), self.value(1));
                        fields.insert(name.to_string(), new);
                    }
                }
                Json::Object(fields)
            }
            Json::Array(items) if !items.is_empty() => {
                let mut items = items.clone();
                let at = self.below(items.len());
                match self.below(4) {
                    0 | 1 => items[at] = self.change(&items[at].clone()),
                    2 => items.swap(0, at),
                    _ => {
                        items.remove(at);
                    }
                }
                Json::Array(items)
            }
            _ => self.value(1),
        }
    }
}
