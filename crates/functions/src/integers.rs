//! Converts new integers to the BSON type that the collection's schema requires.
//!
//! JavaScript has a single number type, so new integers are int64. If the schema of the collection says `int`, they
//! become int32 if they fit; if it says `double`, they become doubles. Otherwise a user's write would fail validation.

use bson::{Bson, Document};
use portcullis::App;
use portcullis::app::ConfigPart;
use portcullis::json::Node;

/// The greatest depth to which a schema is followed.
const MAX_DEPTH: usize = 100;

/// Update operators whose operands have the type of the field itself.
const FIELD_TYPED_OPERATORS: [&str; 6] = ["$set", "$setOnInsert", "$inc", "$mul", "$min", "$max"];

/// Update operators whose operands have the type of the array field's elements.
const ELEMENT_TYPED_OPERATORS: [&str; 2] = ["$push", "$addToSet"];

/// Expression operators whose result has the type of their operands.
const OPERAND_TYPED_EXPRESSIONS: [&str; 9] =
    ["$add", "$cond", "$ifNull", "$literal", "$max", "$min", "$multiply", "$subtract", "$abs"];

/// Query operators whose operand an upsert may write into the new document.
const EQUALITY_OPERATORS: [&str; 3] = ["$eq", "$in", "$all"];

/// Converts integers in the arguments of a write to the types that the collection's schema requires.
pub(crate) fn narrow(app: &App, service: &str, namespace: &str, arguments: &mut Document) {
    let collection = app.collection(namespace, Some(service)).ok().flatten();
    let Some(schema) = collection.and_then(|collection| schema(&collection.schema)) else { return };
    narrow_arguments(&Schemas::of(schema), arguments);
}

/// The JSON schema: the file itself, or the member `schema` in older applications.
fn schema(part: &ConfigPart) -> Option<&Node> {
    let node = &part.present()?.node;
    node.get("properties").map(|_| node).or_else(|| node.get("schema"))
}

/// The schemas that apply to one value: its own and the alternatives that it contains.
struct Schemas<'n>(Vec<&'n Node>);

impl<'n> Schemas<'n> {
    fn of(node: &'n Node) -> Self {
        let mut schemas = Self(Vec::new());
        schemas.add(node, 0);
        schemas
    }

    fn add(&mut self, node: &'n Node, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        self.0.push(node);
        for key in ["allOf", "anyOf", "oneOf"] {
            for alternative in node.get(key).and_then(Node::as_array).unwrap_or_default() {
                self.add(alternative, depth + 1);
            }
        }
    }

    fn each(&self, inner: impl Fn(&'n Node) -> Option<&'n Node>) -> Option<Self> {
        let mut schemas = Self(Vec::new());
        for found in self.0.iter().filter_map(|node| inner(node)) {
            schemas.add(found, 0);
        }
        (!schemas.0.is_empty()).then_some(schemas)
    }

    /// The schema of a field.
    fn property(&self, name: &str) -> Option<Self> {
        self.each(|node| {
            let listed = node.get("properties").and_then(|properties| properties.get(name));
            listed.or_else(|| node.get("additionalProperties").filter(|node| node.as_object().is_some()))
        })
    }

    /// The schema of an array's elements.
    fn items(&self) -> Option<Self> {
        self.each(|node| node.get("items").filter(|items| items.as_object().is_some()))
    }

    /// The schemas for one path segment: a field name, or an array position.
    fn step(&self, part: &str) -> Option<Self> {
        let is_place = part.starts_with('$') || part.chars().all(|character| character.is_ascii_digit());
        let items = if is_place { self.items() } else { None };
        items.or_else(|| self.property(part))
    }

    fn at(&self, path: &str) -> Option<Self> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        rest.into_iter().flat_map(|rest| rest.split('.')).try_fold(self.step(first)?, |found, part| found.step(part))
    }

    /// The number in the BSON type that the schemas require.
    fn number(&self, number: i64) -> Bson {
        let kinds: Vec<&str> = self.0.iter().filter_map(|node| node.get("bsonType")).flat_map(names).collect();
        if kinds.iter().any(|kind| matches!(*kind, "long" | "number")) {
            return Bson::Int64(number);
        }
        match i32::try_from(number) {
            Ok(narrow) if kinds.contains(&"int") => Bson::Int32(narrow),
            #[expect(clippy::cast_precision_loss, reason = "it was a number of JavaScript")]
            _ if kinds.contains(&"double") && number.unsigned_abs() <= MAX_SAFE => Bson::Double(number as f64),
            _ => Bson::Int64(number),
        }
    }
}

/// The greatest integer up to which doubles represent every integer exactly.
const MAX_SAFE: u64 = (1 << 53) - 1;

fn names(kind: &Node) -> Vec<&str> {
    match (kind.as_str(), kind.as_array()) {
        (Some(kind), _) => vec![kind],
        (None, Some(kinds)) => kinds.iter().filter_map(Node::as_str).collect(),
        (None, None) => Vec::new(),
    }
}

fn narrow_arguments(schema: &Schemas<'_>, arguments: &mut Document) {
    for (key, value) in arguments.iter_mut() {
        match (key.as_str(), value) {
            ("document" | "replacement", value) => narrow_value(schema, value, 0),
            ("documents", Bson::Array(documents)) => {
                documents.iter_mut().for_each(|document| narrow_value(schema, document, 0));
            }
            // An upsert inserts values of the filter. Converting them does not change which documents match, since
            // MongoDB compares numbers regardless of their type.
            ("filter", Bson::Document(filter)) => narrow_filter(schema, filter, 0),
            ("update", Bson::Document(update)) => narrow_update(schema, update),
            ("update", Bson::Array(stages)) => {
                stages.iter_mut().filter_map(Bson::as_document_mut).for_each(|stage| narrow_stage(schema, stage));
            }
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

fn narrow_filter(schema: &Schemas<'_>, filter: &mut Document, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    for (path, value) in filter.iter_mut() {
        match value {
            Bson::Array(conditions) if path == "$and" => {
                let conditions = conditions.iter_mut().filter_map(Bson::as_document_mut);
                conditions.for_each(|condition| narrow_filter(schema, condition, depth + 1));
            }
            _ if path.starts_with('$') => {}
            Bson::Document(operators) if operators.keys().any(|key| key.starts_with('$')) => {
                let Some(schema) = schema.at(path) else { continue };
                for (operator, operand) in
                    operators.iter_mut().filter(|(name, _)| EQUALITY_OPERATORS.contains(&name.as_str()))
                {
                    match operand {
                        Bson::Array(elements) if operator != "$eq" => {
                            elements.iter_mut().for_each(|element| narrow_value(&schema, element, 1));
                        }
                        operand => narrow_value(&schema, operand, 1),
                    }
                }
            }
            value => {
                if let Some(schema) = schema.at(path) {
                    narrow_value(&schema, value, 1);
                }
            }
        }
    }
}

fn narrow_update(schema: &Schemas<'_>, update: &mut Document) {
    for (operator, fields) in update.iter_mut() {
        if !operator.starts_with('$') {
            if let Some(schema) = schema.property(operator) {
                narrow_value(&schema, fields, 1);
            }
            continue;
        }
        let adds = ELEMENT_TYPED_OPERATORS.contains(&operator.as_str());
        if !adds && !FIELD_TYPED_OPERATORS.contains(&operator.as_str()) {
            continue;
        }
        let Bson::Document(fields) = fields else { continue };
        for (path, value) in fields.iter_mut() {
            let Some(found) = schema.at(path) else { continue };
            let Some(found) = (if adds { found.items() } else { Some(found) }) else { continue };
            match value {
                Bson::Document(modifiers) if adds && modifiers.contains_key("$each") => {
                    if let Some(Bson::Array(elements)) = modifiers.get_mut("$each") {
                        elements.iter_mut().for_each(|element| narrow_value(&found, element, 1));
                    }
                }
                value => narrow_value(&found, value, 1),
            }
        }
    }
}

/// Converts the integers in a stage of an update pipeline.
fn narrow_stage(schema: &Schemas<'_>, stage: &mut Document) {
    for (name, value) in stage.iter_mut() {
        match (name.as_str(), value) {
            ("$set" | "$addFields", Bson::Document(fields)) => {
                for (path, value) in fields.iter_mut() {
                    if let Some(schema) = schema.at(path) {
                        narrow_expression(&schema, value, 1);
                    }
                }
            }
            ("$replaceWith", value) => narrow_expression(schema, value, 0),
            ("$replaceRoot", Bson::Document(options)) => {
                if let Some(root) = options.get_mut("newRoot") {
                    narrow_expression(schema, root, 0);
                }
            }
            _ => {}
        }
    }
}

/// Converts the integers in an expression whose value has this schema.
fn narrow_expression(schema: &Schemas<'_>, expression: &mut Bson, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match expression {
        Bson::Document(operation) if operation.keys().any(|key| key.starts_with('$')) => {
            for (operator, operands) in
                operation.iter_mut().filter(|(name, _)| OPERAND_TYPED_EXPRESSIONS.contains(&name.as_str()))
            {
                match operands {
                    Bson::Document(parts) if operator == "$cond" => {
                        for (_, part) in parts.iter_mut().filter(|(name, _)| *name != "if") {
                            narrow_expression(schema, part, depth + 1);
                        }
                    }
                    Bson::Array(operands) if operator != "$literal" => {
                        let skipped = usize::from(operator == "$cond");
                        let operands = operands.iter_mut().skip(skipped);
                        operands.for_each(|operand| narrow_expression(schema, operand, depth + 1));
                    }
                    literal if operator == "$literal" => narrow_value(schema, literal, depth + 1),
                    operand => narrow_expression(schema, operand, depth + 1),
                }
            }
        }
        Bson::Document(fields) => {
            for (key, value) in fields.iter_mut() {
                if let Some(schema) = schema.property(key) {
                    narrow_expression(&schema, value, depth + 1);
                }
            }
        }
        Bson::Array(elements) => {
            if let Some(schema) = schema.items() {
                elements.iter_mut().for_each(|element| narrow_expression(&schema, element, depth + 1));
            }
        }
        Bson::Int64(number) => *expression = schema.number(*number),
        _ => {}
    }
}

fn narrow_value(schema: &Schemas<'_>, value: &mut Bson, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Bson::Int64(number) => *value = schema.number(*number),
        Bson::Document(document) => {
            for (key, value) in document.iter_mut() {
                if let Some(schema) = schema.property(key) {
                    narrow_value(&schema, value, depth + 1);
                }
            }
        }
        Bson::Array(elements) => {
            if let Some(schema) = schema.items() {
                elements.iter_mut().for_each(|element| narrow_value(&schema, element, depth + 1));
            }
        }
        _ => {}
    }
}
