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

/// Sets or removes the value at a path, creating documents on the way. Returns whether that was possible.
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
    let inner = document.entry(first.name().to_owned()).or_insert_with(|| Document::new().into());
    match inner {
        Bson::Document(inner) => set(inner, rest, value),
        Bson::Array(elements) => {
            let (index, rest) = match (rest.split_first(), rest.first().and_then(Segment::index)) {
                (Some((_, rest)), Some(index)) => (index, rest),
                _ => (0, rest),
            };
            match elements.get_mut(index) {
                Some(Bson::Document(inner)) if !rest.is_empty() => set(inner, rest, value),
                _ => false,
            }
        }
        other => {
            *other = Document::new().into();
            match other {
                Bson::Document(inner) => set(inner, rest, value),
                _ => false,
            }
        }
    }
}
