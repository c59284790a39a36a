use std::collections::HashSet;

use bson::Bson;

use super::raw::{Element, Walk};
use super::{ArrayRef, DocumentRef, Field, Malformed};

/// The fields of a document one by one, for whoever takes it apart.
pub(crate) struct Fields<'a> {
    rest: Rest<'a>,
    /// A decoded document has no key twice.
    keys: Option<Keys<'a>>,
}

enum Rest<'a> {
    Decoded(bson::document::Iter<'a>),
    Raw(Walk<'a>),
}

impl<'a> Fields<'a> {
    pub(crate) fn of(document: DocumentRef<'a>) -> Self {
        match document {
            DocumentRef::Decoded(document) => Self { rest: Rest::Decoded(document.iter()), keys: None },
            DocumentRef::Raw(document) => {
                let walk = Walk::new(document);
                Self { rest: Rest::Raw(walk.clone()), keys: Some(Keys::new(walk)) }
            }
            DocumentRef::Prepared(document) => {
                let walk = Walk::of_bytes(document.as_bytes());
                let keys = (!document.keys_unique()).then(|| Keys::new(walk.clone()));
                Self { rest: Rest::Raw(walk), keys }
            }
        }
    }

    /// Whether the key of the field that was taken last stood in the document before, as raw bytes can have it. Only keys
    /// that it is asked about each time cost anything.
    pub(crate) fn repeats(&mut self, key: &'a str) -> bool {
        self.keys.as_mut().is_some_and(|keys| keys.repeats(key.as_bytes()))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(&'a str, Field<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rest {
            Rest::Decoded(fields) => fields.next().map(|(key, value)| Ok((key.as_str(), Field::Decoded(value)))),
            Rest::Raw(walk) => {
                let element = walk.next()?;
                self.keys.iter_mut().for_each(|keys| keys.passed += 1);
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
struct Keys<'a> {
    document: Walk<'a>,
    /// How many fields have been passed, the one asked about among them.
    passed: usize,
    asked: usize,
    bits: [u64; WORDS],
    many: HashSet<&'a [u8]>,
}

const WORDS: usize = 64;

/// More keys than this are listed.
const FEW: usize = 256;

impl<'a> Keys<'a> {
    fn new(document: Walk<'a>) -> Self {
        Self { document, passed: 0, asked: 0, bits: [0; WORDS], many: HashSet::new() }
    }

    fn repeats(&mut self, key: &'a [u8]) -> bool {
        let before = || self.document.clone().take(self.passed.saturating_sub(1)).filter_map(Result::ok);
        self.asked += 1;
        if self.asked > FEW {
            if self.many.is_empty() {
                self.many = before().map(Element::key_bytes).collect();
            }
            return !self.many.insert(key);
        }
        let hash = hash(key);
        // The top bits choose a word, the next ones a bit of it.
        let bit = 1 << ((hash >> 52) & 63);
        let word = usize::try_from(hash >> 58).ok().and_then(|word| self.bits.get_mut(word));
        let perhaps = word.is_none_or(|word| {
            let known = *word & bit != 0;
            *word |= bit;
            known
        });
        perhaps && before().any(|element| element.key_bytes() == key)
    }
}

/// Spreads keys over 64 bits. Keys chosen to meet cost time, but no more than [`FEW`] looks at as many keys.
fn hash(key: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let (words, rest) = key.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let words = words.iter().chain([&last]);
    words.fold(key.len() as u64, |hash, word| (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(ODD))
}
