use std::collections::BTreeMap;

use bson::{Bson, Document};

use super::{UpdateError, UpdateErrorKind};
use crate::find::FindError;

/// What an upsert that finds nothing takes from its filter: the fields that the filter says one value of. With a replacement it
/// takes `_id` only.
///
/// The fields come in the order of their paths.
///
/// # Errors
/// The filter says a field, or a field and one in it, twice; or of a replacement only a part of `_id`.
pub fn seed(filter: &Document, replaces: bool) -> Result<Document, UpdateError> {
    let mut equalities = BTreeMap::new();
    collect(filter, &mut equalities)?;
    let mut document = Document::new();
    for (path, value) in &equalities {
        let mut above = path.match_indices('.').filter_map(|(end, _)| path.get(..end));
        if let Some(above) = above.find(|above| equalities.contains_key(above)) {
            return Err(UpdateErrorKind::QueryTwice(above.to_owned()).into());
        }
        if replaces && path.starts_with("_id.") {
            return Err(UpdateErrorKind::QueryInexact.into());
        }
        if !replaces || *path == "_id" {
            put(&mut document, path, value)?;
        }
    }
    Ok(document)
}

fn collect<'f>(filter: &'f Document, found: &mut BTreeMap<&'f str, &'f Bson>) -> Result<(), UpdateErrorKind> {
    let mut left = vec![filter];
    while let Some(filter) = left.pop() {
        for (name, condition) in filter {
            match (name.as_str(), condition) {
                ("$and", Bson::Array(parts)) => left.extend(parts.iter().filter_map(Bson::as_document)),
                // One alternative is none.
                ("$or", Bson::Array(parts)) if parts.len() == 1 => {
                    left.extend(parts.iter().filter_map(Bson::as_document));
                }
                (name, _) if name.starts_with('$') => {}
                (name, condition) => {
                    for value in values(condition) {
                        if found.insert(name, value).is_some() {
                            return Err(UpdateErrorKind::QueryTwice(name.to_owned()));
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// The values that a field must have by what stands behind its name.
fn values(condition: &Bson) -> Vec<&Bson> {
    let plain = |value: &&Bson| !matches!(value, Bson::RegularExpression(_));
    match condition {
        Bson::Document(operators) if operators.keys().next().is_some_and(|first| first.starts_with('$')) => operators
            .iter()
            .flat_map(|(operator, operand)| match (operator.as_str(), operand) {
                ("$eq", value) => vec![value],
                ("$in", Bson::Array(list)) if list.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) => {
                    list.iter().take(1).filter(plain).collect()
                }
                ("$all", Bson::Array(list)) => list.iter().filter(plain).filter(|value| !asks(value)).collect(),
                _ => Vec::new(),
            })
            .collect(),
        value => [value].into_iter().filter(plain).collect(),
    }
}

/// Whether it is an operator and no value.
fn asks(value: &Bson) -> bool {
    value.as_document().is_some_and(|document| document.keys().any(|name| name == "$elemMatch"))
}

fn put(document: &mut Document, path: &str, value: &Bson) -> Result<(), UpdateErrorKind> {
    let Some((first, rest)) = path.split_once('.') else {
        document.insert(path, value.clone());
        return Ok(());
    };
    if path.split('.').any(|name| name.starts_with('$')) {
        return Err(FindError::Unsupported { what: format!("an upsert by `{path}`"), help: None }.into());
    }
    match document.entry(first).or_insert_with(|| Bson::Document(Document::new())) {
        Bson::Document(inner) => put(inner, rest, value),
        _ => Err(UpdateErrorKind::QueryTwice(first.to_owned())),
    }
}
