use std::collections::BTreeMap;

use bson::{Bson, Document};

use super::{UpdateError, UpdateErrorKind};
use crate::mongo_query::FindError;
use crate::value::equal;

/// The fields that an upsert takes from its filter if no document matches: those for which the filter requires one
/// particular value. With a replacement, that is only `_id`.
///
/// The fields are sorted by path.
///
/// # Errors
/// If the filter requires two values for a field, values for a field and for one nested in it, or, with a replacement,
/// only part of `_id`.
pub fn upsert_document(filter: &Document, replaces: bool) -> Result<Document, UpdateError> {
    let mut equalities = BTreeMap::new();
    let id = |path: &str| path == "_id" || path.starts_with("_id.");
    for (path, value) in all(filter, 0).unwrap_or_default().into_iter().filter(|(path, _)| !replaces || id(path)) {
        if equalities.insert(path, value).is_some() {
            return Err(UpdateErrorKind::QueryTwice(path.to_owned()).into());
        }
    }
    let mut document = Document::new();
    for (path, value) in &equalities {
        let mut above = path.match_indices('.').filter_map(|(end, _)| path.get(..end));
        if let Some(above) = above.find(|above| equalities.contains_key(above)) {
            return Err(UpdateErrorKind::QueryTwice(above.to_owned()).into());
        }
        if replaces && path.starts_with("_id.") {
            return Err(UpdateErrorKind::QueryInexact.into());
        }
        put(&mut document, path, value)?;
    }
    Ok(document)
}

/// The values that a filter requires, by path; `None` if MongoDB can tell that the filter matches nothing.
type Equalities<'f> = Option<Vec<(&'f str, &'f Bson)>>;

/// The nesting depth beyond which conditions are ignored. Filters that a store accepts are not nested that deeply.
const MAX_DEPTH: usize = 100;

fn all(filter: &Document, depth: usize) -> Equalities<'_> {
    let mut found = Vec::new();
    for (name, condition) in filter {
        let parts = || condition.as_array().into_iter().flatten().filter_map(Bson::as_document);
        match name.as_str() {
            _ if depth > MAX_DEPTH => {}
            "$and" => {
                for part in parts() {
                    found.extend(all(part, depth + 1)?);
                }
            }
            "$or" => {
                let mut possible: Vec<_> = parts().filter_map(|part| all(part, depth + 1)).collect();
                // If only one branch of an `$or` can match, it is required.
                match possible.len() {
                    0 => return None,
                    1 => found.extend(possible.pop().unwrap_or_default()),
                    _ => {}
                }
            }
            name if name.starts_with('$') => {}
            name => found.extend(values(condition)?.into_iter().map(|value| (name, value))),
        }
    }
    Some(found)
}

/// The values that a condition requires for a field; `None` if it cannot hold.
fn values(condition: &Bson) -> Option<Vec<&Bson>> {
    let plain = |value: &&Bson| !matches!(value, Bson::RegularExpression(_));
    let Bson::Document(operators) = condition else { return Some([condition].into_iter().filter(plain).collect()) };
    if !operators.keys().next().is_some_and(|first| first.starts_with('$')) {
        return Some(vec![condition]);
    }
    let mut found = Vec::new();
    for (operator, operand) in operators {
        match (operator.as_str(), operand) {
            ("$eq", value) => found.push(value),
            ("$in", Bson::Array(list)) => {
                if let Some((first, rest)) = list.split_first()
                    && rest.iter().all(|other| equal(first.into(), other.into()) == Ok(true))
                {
                    found.extend([first].into_iter().filter(plain));
                }
            }
            ("$all", Bson::Array(list)) if list.is_empty() => return None,
            ("$all", Bson::Array(list)) => found.extend(list.iter().filter(plain).filter(|value| !asks(value))),
            _ => {}
        }
    }
    Some(found)
}

/// Whether a condition is a document of operators rather than a value.
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
