//! Builds and searches the index of a [`Prepared`] document.

use bson::{Document, RawDocument};

use super::duplicate_key::repeated_key;
use super::element::Element;
use super::key::KeyHead;
use super::raw::Walk;
use super::requested_fields::Name;
use super::{DocumentRef, Malformed, Prepared};
use crate::byte_search::{first_byte, repeated, zero_bytes};

/// The number of fingerprints that are compared at once.
const WORD: usize = 8;
/// The size of a field offset in bytes.
const OFFSET_SIZE: usize = 4;

impl Prepared {
    /// Validates a document and indexes its fields.
    ///
    /// # Errors
    /// If it is not valid BSON, or is nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    pub fn new(document: &RawDocument) -> Result<Self, Malformed> {
        let whole = document.as_bytes();
        let (mut keys, mut places) = (Vec::new(), Vec::new());
        let mut walk = Walk::new(document);
        places.push(walk.position(whole));
        while let Some((_, key)) = walk.step_with_head()? {
            keys.push(key.hash().fingerprint());
            places.push(walk.position(whole));
        }
        let keys_unique = repeated_key(whole)?.is_none();
        if !keys_unique {
            // The search for duplicate keys ended at the first one, so the values after it still have to be validated.
            Walk::new(document).try_for_each(|element| element?.check())?;
        }
        let fields = keys.len();
        keys.resize(fields.next_multiple_of(WORD), 0);
        let start = keys.len() + places.len() * OFFSET_SIZE;
        let small = |number: usize| u32::try_from(number).map_err(|_| Malformed::new("too large"));
        small(start + whole.len())?;
        let (fields, places_at, start) = (small(fields)?, small(keys.len())?, small(start)?);
        let mut bytes = keys;
        bytes.extend(places.into_iter().flat_map(|place| (start + place).to_le_bytes()));
        bytes.extend(whole);
        Ok(Self { bytes: bytes.into(), fields, places: places_at, start, keys_unique })
    }

    /// The first field with this name. It is first tried at the position where the name was found last, usually in
    /// another document.
    #[inline(always)]
    pub(super) fn find_usual(&self, name: &Name) -> Option<Element<'_>> {
        // Of duplicate keys, the first counts, but another one could be at that position.
        if self.keys_unique
            && let Some(element) = self.element(name.usual.get())
            && let Some(element) = Element::with_head(element, name.key, &name.text)
        {
            return Some(element);
        }
        let (number, element) = self.search(&name.text, name.key)?;
        name.usual.set(number);
        Some(element)
    }

    /// The first field with this name; `key` is the head of the name.
    pub(super) fn find(&self, name: &str, key: KeyHead) -> Option<Element<'_>> {
        self.search(name, key).map(|(_, element)| element)
    }

    fn search(&self, name: &str, key: KeyHead) -> Option<(usize, Element<'_>)> {
        let words = self.bytes.get(..self.places as usize)?;
        let wanted = repeated(key.hash().fingerprint());
        for (number, word) in words.as_chunks().0.iter().enumerate() {
            // One bit for each matching byte. After the first match, there may be false ones.
            let mut same = zero_bytes(u64::from_le_bytes(*word) ^ wanted);
            while same != 0 {
                let field = number * WORD + first_byte(same);
                same &= same - 1;
                if let Some(element) = self.element(field)
                    && let Some(element) = Element::with_head(element, key, name)
                {
                    return Some((field, element));
                }
            }
        }
        None
    }

    /// The bytes of the field at this position.
    #[inline(always)]
    fn element(&self, number: usize) -> Option<&[u8]> {
        // After the fingerprints of the fields, there is padding.
        if number >= self.fields as usize {
            return None;
        }
        let places = self.bytes.get(self.places as usize + number * OFFSET_SIZE..)?;
        let [from, to] = *places.first_chunk::<8>()?.as_chunks::<OFFSET_SIZE>().0 else { return None };
        self.bytes.get(u32::from_le_bytes(from) as usize..u32::from_le_bytes(to) as usize)
    }
}

impl TryFrom<&Document> for Prepared {
    type Error = Malformed;

    fn try_from(document: &Document) -> Result<Self, Malformed> {
        Self::new(&bson::RawDocumentBuf::try_from(document)?)
    }
}

impl<'a> From<&'a Prepared> for DocumentRef<'a> {
    fn from(document: &'a Prepared) -> Self {
        Self::Prepared(document)
    }
}
