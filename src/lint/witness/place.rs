//! Access to paths in the documents of an example.

use bson::{Bson, Document};

use crate::path::Segment;

/// The value at a path. In an array, the first element is used.
pub(in crate::lint) fn get<'d>(document: &'d Document, path: &[Segment]) -> Option<&'d Bson> {
    let (first, rest) = path.split_first()?;
    let mut value = document.get(first.name())?;
    for segment in rest {
        value = match value {
            Bson::Document(inner) => inner.get(segment.name())?,
            Bson::Array(elements) => match segment.index() {
                Some(index) => elements.get(index)?,
                None => match elements.first()? {
                    Bson::Document(inner) => inner.get(segment.name())?,
                    _ => return None,
                },
            },
            _ => return None,
        };
    }
    Some(value)
}

/// The maximum number of elements to which an array is extended. Larger indexes are treated as keys of a document.
const MAX_ELEMENTS: usize = 8;

/// Sets or removes the value at a path, creating documents and arrays on the way. Returns whether that was possible.
pub(in crate::lint) fn set(document: &mut Document, path: &[Segment], value: Option<Bson>) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    if rest.is_empty() {
        match value {
            Some(value) => _ = document.insert(first.name(), value),
            None => _ = document.remove(first.name()),
        }
        return true;
    }
    if value.is_none() && get(document, path).is_none() {
        return true;
    }
    let index = rest.first().and_then(Segment::index);
    let is_element = index.is_some_and(|index| index < MAX_ELEMENTS);
    let empty = || if is_element { Bson::Array(Vec::new()) } else { Document::new().into() };
    let inner = document.entry(first.name().to_owned()).or_insert_with(empty);
    if !matches!(inner, Bson::Document(_) | Bson::Array(_)) {
        *inner = empty();
    }
    match inner {
        Bson::Document(inner) => set(inner, rest, value),
        Bson::Array(elements) => match index {
            Some(index) => set_element(elements, index, rest.get(1..).unwrap_or_default(), value),
            None => set_element(elements, 0, rest, value),
        },
        _ => false,
    }
}

/// Like [`set`], starting at an element of an array. Missing elements before it are created as empty documents.
fn set_element(elements: &mut Vec<Bson>, index: usize, path: &[Segment], value: Option<Bson>) -> bool {
    if index >= MAX_ELEMENTS {
        return false;
    }
    while elements.len() <= index {
        elements.push(Document::new().into());
    }
    match (elements.get_mut(index), value) {
        (Some(element), Some(value)) if path.is_empty() => *element = value,
        (_, None) if path.is_empty() => elements.truncate(index),
        (Some(Bson::Document(inner)), value) => return set(inner, path, value),
        _ => return false,
    }
    true
}
