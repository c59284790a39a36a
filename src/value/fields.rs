use std::collections::HashSet;

use bson::Bson;

use super::raw::{Element, Walk};
use super::{ArrayRef, DocumentRef, Field, Keys, Malformed};

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
                Self { rest: Rest::Raw(walk.clone()), asked: Some(Asked::new(walk)) }
            }
            DocumentRef::Prepared(document) => {
                let walk = Walk::of_bytes(document.as_bytes());
                let asked = (!document.keys_unique()).then(|| Asked::new(walk.clone()));
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
                let element = walk.next()?;
                self.asked.iter_mut().for_each(|asked| asked.passed += 1);
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

/// The keys of a raw document that were asked about. Nearly always a few bits tell that a key is new, without memory being
/// allocated; if not, the document itself is looked at again, and of a document with many keys a list is made.
struct Asked<'a> {
    document: Walk<'a>,
    /// How many fields have been passed, the one asked about among them.
    passed: usize,
    keys: Keys,
    many: HashSet<&'a [u8]>,
}

/// More keys than this are listed.
const FEW: u32 = 64;

impl<'a> Asked<'a> {
    fn new(document: Walk<'a>) -> Self {
        Self { document, passed: 0, keys: Keys::default(), many: HashSet::new() }
    }

    fn repeats(&mut self, key: &'a [u8]) -> bool {
        let before = || self.document.clone().take(self.passed.saturating_sub(1)).filter_map(Result::ok);
        if self.keys.len() >= FEW {
            if self.many.is_empty() {
                self.many = before().map(Element::key_bytes).collect();
            }
            return !self.many.insert(key);
        }
        self.keys.may_have(key, key) && before().any(|element| element.key_bytes() == key)
    }
}
