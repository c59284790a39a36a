use bson::Bson;

use super::key::KeyHead;
use super::keys::KnownKeys;
use super::raw::Walk;
use super::{ArrayRef, DocumentRef, Field, Malformed};

/// Iterates over the fields of a document.
pub(crate) struct Fields<'a> {
    rest: Rest<'a>,
    /// The keys checked for duplicates; `None` if there cannot be any, as in a decoded document.
    asked: Option<SeenKeys<'a>>,
}

enum Rest<'a> {
    Decoded(bson::document::Iter<'a>),
    Raw(Walk<'a>),
}

impl<'a> Fields<'a> {
    pub(crate) fn of(document: DocumentRef<'a>) -> Self {
        match document {
            DocumentRef::Decoded(document) => Self { rest: Rest::Decoded(document.iter()), asked: None },
            DocumentRef::Raw(document) => {
                let walk = Walk::new(document);
                Self { asked: Some(SeenKeys::new(&walk)), rest: Rest::Raw(walk) }
            }
            DocumentRef::Prepared(document) => {
                let walk = Walk::of_bytes(document.as_bytes());
                let asked = (!document.keys_unique()).then(|| SeenKeys::new(&walk));
                Self { rest: Rest::Raw(walk), asked }
            }
        }
    }

    /// Whether the key of the current field occurred earlier in the document, which is possible in raw bytes. Only the
    /// keys for which this is called take time.
    pub(crate) fn repeats(&mut self, key: &'a str) -> bool {
        self.asked.as_mut().is_some_and(|asked| asked.repeats(key.as_bytes()))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(&'a str, Field<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rest {
            Rest::Decoded(fields) => fields.next().map(|(key, value)| Ok((key.as_str(), Field::Decoded(value)))),
            Rest::Raw(walk) => {
                let left = walk.rest().len();
                let element = walk.next()?;
                self.asked.iter_mut().for_each(|asked| asked.before = asked.elements.len() - left);
                Some(element.and_then(|element| Ok((element.key()?, Field::Raw(element)))))
            }
        }
    }
}

/// Iterates over the elements of an array.
pub(crate) enum Elements<'a> {
    Decoded(std::slice::Iter<'a, Bson>),
    Raw(Walk<'a>),
}

impl<'a> Elements<'a> {
    pub(crate) fn of(array: ArrayRef<'a>) -> Self {
        match array {
            ArrayRef::Decoded(array) => Self::Decoded(array.iter()),
            ArrayRef::Raw(array) => Self::Raw(Walk::new(array)),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Decoded(elements) => elements.next().map(|value| Ok(Field::Decoded(value))),
            Self::Raw(walk) => walk.next().map(|element| element.map(Field::Raw)),
        }
    }
}

/// The keys that were passed to [`Fields::repeats`], for a raw document.
struct SeenKeys<'a> {
    elements: &'a [u8],
    /// The number of bytes that precede the current field.
    before: usize,
    keys: KnownKeys<'a>,
}

impl<'a> SeenKeys<'a> {
    fn new(walk: &Walk<'a>) -> Self {
        Self { elements: walk.rest(), before: 0, keys: KnownKeys::default() }
    }

    fn repeats(&mut self, key: &'a [u8]) -> bool {
        let before = || self.elements.get(..self.before).unwrap_or_default();
        // These bytes have been read before, so they cannot be malformed.
        self.keys.repeat(KeyHead::of(key), key, before).unwrap_or(true)
    }
}
