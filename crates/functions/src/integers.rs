//! Converts new integers to int32 where a schema requires it.
//!
//! JavaScript has a single number type, so new integers are int64. If the schema of the collection says `int`, they
//! become int32 if they fit; otherwise a user's write would fail validation.

use bson::{Bson, Document};
use portcullis::App;
use portcullis::app::ConfigPart;
use portcullis::json::Node;

/// The greatest depth to which a schema is followed.
const MAX_DEPTH: usize = 100;

/// Update operators whose operands have the type of the field itself.
const SETTING: [&str; 6] = ["$set", "$setOnInsert", "$inc", "$mul", "$min", "$max"];

/// Update operators whose operands have the type of the array field's elements.
const ADDING: [&str; 2] = ["$push", "$addToSet"];

/// Converts integers in the arguments of a write to int32 where the collection's schema requires that.
pub(crate) fn narrow(app: &App, service: &str, namespace: &str, arguments: &mut Document) {
    let collection = app.collection(namespace, Some(service)).ok().flatten();
    let Some(schema) = collection.and_then(|collection| schema(&collection.schema)) else { return };
    narrow_arguments(schema, arguments);
}

/// The JSON schema: the file itself, or the member `schema` in older applications.
fn schema(part: &ConfigPart) -> Option<&Node> {
    let node = &part.present()?.node;
    node.get("properties").map(|_| node).or_else(|| node.get("schema"))
}

fn narrow_arguments(schema: &Node, arguments: &mut Document) {
    for (key, value) in arguments.iter_mut() {
        match (key.as_str(), value) {
            ("document" | "replacement", value) => narrow_value(schema, value, 0),
            ("documents", Bson::Array(documents)) => {
                documents.iter_mut().for_each(|document| narrow_value(schema, document, 0));
            }
            ("update", Bson::Document(update)) => narrow_update(schema, update),
            ("operations", Bson::Array(operations)) => {
                let operations = operations.iter_mut().filter_map(Bson::as_document_mut);
                for arguments in operations.flat_map(Document::iter_mut).filter_map(|(_, one)| one.as_document_mut()) {
                    narrow_arguments(schema, arguments);
                }
            }
            _ => {}
        }
    }
}

fn narrow_update(schema: &Node, update: &mut Document) {
    for (operator, fields) in update.iter_mut() {
        if !operator.starts_with('$') {
            if let Some(schema) = property(schema, operator) {
                narrow_value(schema, fields, 1);
            }
            continue;
        }
        let adds = ADDING.contains(&operator.as_str());
        if !adds && !SETTING.contains(&operator.as_str()) {
            continue;
        }
        let Bson::Document(fields) = fields else { continue };
        for (path, value) in fields.iter_mut() {
            let Some(found) = path.split('.').try_fold(schema, step) else { continue };
            let Some(found) = (if adds { found.get("items") } else { Some(found) }) else { continue };
            match value {
                Bson::Document(modifiers) if adds && modifiers.contains_key("$each") => {
                    if let Some(Bson::Array(elements)) = modifiers.get_mut("$each") {
                        elements.iter_mut().for_each(|element| narrow_value(found, element, 1));
                    }
                }
                value => narrow_value(found, value, 1),
            }
        }
    }
}

/// The schema of one segment of a path: of a field, or of the elements of an array.
fn step<'n>(schema: &'n Node, part: &str) -> Option<&'n Node> {
    let is_place = part.starts_with('$') || part.chars().all(|character| character.is_ascii_digit());
    property(schema, part).or_else(|| if is_place { schema.get("items") } else { None })
}

fn property<'n>(schema: &'n Node, name: &str) -> Option<&'n Node> {
    schema.get("properties")?.get(name)
}

fn narrow_value(schema: &Node, value: &mut Bson, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Bson::Int64(number) => {
            if let Ok(narrow) = i32::try_from(*number)
                && wants_int(schema)
            {
                *value = Bson::Int32(narrow);
            }
        }
        Bson::Document(document) => {
            for (key, value) in document.iter_mut() {
                if let Some(schema) = property(schema, key) {
                    narrow_value(schema, value, depth + 1);
                }
            }
        }
        Bson::Array(elements) => {
            if let Some(schema) = schema.get("items") {
                elements.iter_mut().for_each(|element| narrow_value(schema, element, depth + 1));
            }
        }
        _ => {}
    }
}

/// Whether the schema permits int32 but not int64.
fn wants_int(schema: &Node) -> bool {
    let Some(kind) = schema.get("bsonType") else { return false };
    let kinds: Vec<&str> = match (kind.as_str(), kind.as_array()) {
        (Some(kind), _) => vec![kind],
        (None, Some(kinds)) => kinds.iter().filter_map(Node::as_str).collect(),
        (None, None) => Vec::new(),
    };
    kinds.contains(&"int") && !kinds.iter().any(|kind| matches!(*kind, "long" | "number"))
}
