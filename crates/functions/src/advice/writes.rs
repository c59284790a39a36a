use std::collections::HashMap;

use super::Script;
use crate::library::Token;

/// A write in a source to a collection with a literal name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// The database; `None` if its name is not a literal.
    pub(super) database: Option<String>,
    pub(super) collection: String,
    /// The `operationType`s of its change events.
    pub(super) operations: Vec<&'static str>,
    pub(super) line: u32,
}

/// The database and the collection that a variable refers to.
type Handle = (Option<String>, String);

/// The `operationType`s that a method of a collection causes; empty for a read.
fn operations(method: &str) -> &'static [&'static str] {
    match method {
        "insertOne" | "insertMany" => &["insert"],
        "updateOne" | "updateMany" | "findOneAndUpdate" => &["update"],
        "replaceOne" | "findOneAndReplace" => &["replace"],
        "deleteOne" | "deleteMany" | "findOneAndDelete" => &["delete"],
        "bulkWrite" | "initializeOrderedBulkOp" | "initializeUnorderedBulkOp" => {
            &["insert", "update", "replace", "delete"]
        }
        _ => &[],
    }
}

/// The writes of a source, as far as they are recognized: `.db("a").collection("b").updateOne(`, or the same through
/// variables.
pub(super) fn writes(script: &Script) -> Vec<Write> {
    let mut databases: HashMap<&str, String> = HashMap::new();
    let mut collections: HashMap<&str, Handle> = HashMap::new();
    let mut found = Vec::new();
    for index in 0..script.tokens.len() {
        if let Some((name, end)) = asked(script, index, "db") {
            if let Some(variable) = variable(script, index).filter(|_| !script.is_sign(end + 1, '.')) {
                databases.insert(variable, name.to_owned());
            }
        } else if let Some((name, end)) = asked(script, index, "collection") {
            let handle = (database(script, index, &databases), name.to_owned());
            match called(script, end + 1) {
                Some(call) => found.extend(write(script, &handle, call)),
                None => {
                    if let Some(variable) = variable(script, index) {
                        collections.insert(variable, handle);
                    }
                }
            }
        } else if let Some(handle) = script.word(index).and_then(|word| collections.get(word))
            && !index.checked_sub(1).is_some_and(|before| script.is_sign(before, '.'))
            && let Some(call) = called(script, index + 1)
        {
            found.extend(write(script, handle, call));
        }
    }
    found
}

/// For `.method("name")` at a dot: the name, and the index of the closing parenthesis.
fn asked<'s>(script: &'s Script, index: usize, method: &str) -> Option<(&'s str, usize)> {
    if !script.is_sign(index, '.') || script.word(index + 1) != Some(method) || !script.is_sign(index + 2, '(') {
        return None;
    }
    match script.at(index + 3) {
        Some(Token::Text(name)) if script.is_sign(index + 4, ')') => Some((name, index + 4)),
        _ => None,
    }
}

/// For `.method(` at a dot: the method and its index.
fn called(script: &Script, index: usize) -> Option<(&str, usize)> {
    let method = script.word(index + 1).filter(|_| script.is_sign(index, '.') && script.is_sign(index + 2, '('))?;
    Some((method, index + 1))
}

fn write(script: &Script, (database, collection): &Handle, (method, at): (&str, usize)) -> Option<Write> {
    let mut operations = operations(method).to_vec();
    if operations.is_empty() {
        return None;
    }
    let end = script.closing(at + 1).unwrap_or(at);
    if !operations.contains(&"insert") && (at..end).any(|index| script.word(index) == Some("upsert")) {
        operations.push("insert");
    }
    Some(Write { database: database.clone(), collection: collection.clone(), operations, line: script.line(at) })
}

/// The database of the `.collection(` at this dot.
fn database(script: &Script, dot: usize, databases: &HashMap<&str, String>) -> Option<String> {
    if let Some(begin) = dot.checked_sub(5)
        && let Some((name, end)) = asked(script, begin, "db")
        && end + 1 == dot
    {
        return Some(name.to_owned());
    }
    databases.get(script.word(dot.checked_sub(1)?)?).cloned()
}

/// The variable to which the expression around this index is assigned.
fn variable(script: &Script, place: usize) -> Option<&str> {
    for index in (place.saturating_sub(32)..place).rev() {
        match script.at(index) {
            Some(Token::Sign(';' | '{' | '}' | ',')) => return None,
            Some(Token::Sign('=')) => return script.word(index.checked_sub(1)?),
            _ => {}
        }
    }
    None
}
