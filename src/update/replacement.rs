use bson::{Bson, DateTime, Document, Timestamp};

use super::apply::Applied;
use super::size;
use super::{UpdateError, UpdateErrorKind};
use crate::value::{ValueRef, equal, identical};

/// Replaces a document. The new document keeps the old `_id`, or has one that is equal to it, and `_id` comes first.
///
/// # Errors
/// If the `_id` differs, if a field name starts with `$`, or if the document is too large or too deep.
pub fn replace(old: &Document, new: &Document, now: DateTime) -> Result<Applied, UpdateError> {
    if new.keys().any(|name| name.starts_with('$')) {
        return Err(UpdateErrorKind::PathDollar.into());
    }
    let mut document = Document::new();
    match (old.get("_id"), new.get("_id")) {
        (Some(old), Some(new)) if !equal(old.into(), new.into()).map_err(UpdateErrorKind::from)? => {
            return Err(UpdateErrorKind::IdChanged.into());
        }
        (Some(id), None) | (_, Some(id)) => _ = document.insert("_id", id.clone()),
        (None, None) => {}
    }
    document.extend(new.iter().filter(|(name, _)| *name != "_id").map(|(name, value)| (name.clone(), value.clone())));
    put_time(&mut document, now);
    size::check(&document)?;
    // MongoDB compares the replacement as given: if it has no `_id`, the document counts as modified even if nothing
    // else differs.
    let same = identical(ValueRef::Document(new.into()), ValueRef::Document(old.into()));
    let modified = !same.map_err(UpdateErrorKind::from)?;
    Ok(Applied { document, modified })
}

/// The document as MongoDB stores it: `_id` comes first, and empty timestamps become the current time.
///
/// # Errors
/// If the `_id` has a type that is not allowed, or the document is too large or too deep.
pub fn check_document(document: Document, now: DateTime) -> Result<Document, UpdateError> {
    let mut checked = Document::new();
    let mut rest = document;
    if let Some(id) = rest.remove("_id") {
        check_id(&id)?;
        checked.insert("_id", id);
    }
    checked.extend(rest);
    put_time(&mut checked, now);
    size::check(&checked).map_err(|error| match error {
        UpdateErrorKind::TooLarge => UpdateErrorKind::NewTooLarge,
        error => error,
    })?;
    Ok(checked)
}

/// Rejects types of `_id` that MongoDB rejects.
fn check_id(id: &Bson) -> Result<(), UpdateErrorKind> {
    match id {
        Bson::Array(_) => Err(UpdateErrorKind::IdInvalid("an array")),
        Bson::RegularExpression(_) => Err(UpdateErrorKind::IdInvalid("a regular expression")),
        Bson::Undefined => Err(UpdateErrorKind::IdInvalid("undefined")),
        Bson::Document(document) if has_dollar(document) => Err(UpdateErrorKind::IdDollar),
        _ => Ok(()),
    }
}

fn has_dollar(document: &Document) -> bool {
    let mut left: Vec<&Bson> = Vec::new();
    if document.keys().any(|name| name.starts_with('$')) {
        return true;
    }
    left.extend(document.values());
    while let Some(value) = left.pop() {
        match value {
            Bson::Document(inner) if inner.keys().any(|name| name.starts_with('$')) => return true,
            Bson::Document(inner) => left.extend(inner.values()),
            Bson::Array(list) => left.extend(list),
            _ => {}
        }
    }
    false
}

/// Sets empty timestamps at the top level of a document to the current time, as MongoDB does.
fn put_time(document: &mut Document, now: DateTime) {
    let empty = Timestamp { time: 0, increment: 0 };
    let seconds = now.timestamp_millis().div_euclid(1000);
    for (name, value) in document.iter_mut() {
        if name != "_id" && *value == Bson::Timestamp(empty) {
            *value = Bson::Timestamp(Timestamp { time: u32::try_from(seconds).unwrap_or(u32::MAX), increment: 1 });
        }
    }
}
