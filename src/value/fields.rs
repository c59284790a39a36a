use bson::Bson;

use super::key::KeyHead;
use super::keys::KnownKeys;
use super::raw::Walk;
use super::{ArrayRef, DocumentRef, Field, Malformed};

/// The fields of a document one by one, for whoever takes it apart.
pub(crate) struct Fields<'a> {
    rest: Rest<'a>,
    /// A decoded document has no key twice.
    asked: Option<Asked<'a>>,
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
                Self { asked: Some(Asked::new(&walk)), rest: Rest::Raw(walk) }
            }
            DocumentRef::Prepared(document) => {
                let walk = Walk::of_bytes(document.as_bytes());
                let asked = (!document.keys_unique()).then(|| Asked::new(&walk));
                Self { rest: Rest::Raw(walk), asked }
            }
        }
    }

    /// Whether the key of the field that was taken last stood in the document before, as raw bytes can have it. Only keys
    /// that it is asked about each time cost anything.
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

/// The elements of an array one by one, for whoever takes it apart.
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

/// The keys of a raw document that were asked about.
struct Asked<'a> {
    elements: &'a [u8],
    /// How many of these bytes stand before the field that was taken last.
    before: usize,
    keys: KnownKeys<'a>,
}

impl<'a> Asked<'a> {
    fn new(walk: &Walk<'a>) -> Self {
        Self { elements: walk.rest(), before: 0, keys: KnownKeys::default() }
    }

    fn repeats(&mut self, key: &'a [u8]) -> bool {
        let before = || self.elements.get(..self.before).unwrap_or_default();
        // Nothing stands before that is malformed: it was passed.
        self.keys.repeat(KeyHead::of(key), key, before).unwrap_or(true)
    }
}
