use bson::{Document, RawDocument};

use super::duplicate_key::repeated_key;
use super::raw::{Element, Walk};
use super::requested_fields::{KeyHead, Name};
use super::{DocumentRef, Malformed};
use crate::byte_search::{first_byte, repeated, zero_bytes};

/// A document in BSON's bytes that was checked once, with an index of its top-level fields before the bytes: what to
/// keep in memory of a document that will be asked about again and again. No question about one of its fields depends on
/// how many others it has.
///
/// ```
/// use bson::{doc, RawDocumentBuf};
/// use portcullis::value::{DocumentRef, Prepared};
/// let raw = RawDocumentBuf::try_from(&doc! { "owner": "ada", "level": 3 }).unwrap();
/// let prepared = Prepared::new(&raw).unwrap();
/// assert!(matches!(DocumentRef::from(&prepared).get("level"), Ok(Some(portcullis::value::ValueRef::Int32(3)))));
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    /// A fingerprint of each key, padded to whole words; where in these bytes each field begins, and where the last one
    /// ends; the document.
    bytes: Box<[u8]>,
    fields: u32,
    /// Where the places of the fields begin, and where the document does.
    places: u32,
    start: u32,
    keys_unique: bool,
}

/// As many fingerprints as are compared at once.
const WORD: usize = 8;
/// The size of a place.
const PLACE: usize = 4;

impl Prepared {
    /// Checks a document and every value in it, and indexes its fields.
    ///
    /// # Errors
    /// If it is no BSON, or nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
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
            // The look for repeated keys has ended at the first.
            Walk::new(document).try_for_each(|element| element?.check())?;
        }
        let fields = keys.len();
        keys.resize(fields.next_multiple_of(WORD), 0);
        let start = keys.len() + places.len() * PLACE;
        let small = |number: usize| u32::try_from(number).map_err(|_| Malformed::new("too large"));
        small(start + whole.len())?;
        let (fields, places_at, start) = (small(fields)?, small(keys.len())?, small(start)?);
        let mut bytes = keys;
        bytes.extend(places.into_iter().flat_map(|place| (start + place).to_le_bytes()));
        bytes.extend(whole);
        Ok(Self { bytes: bytes.into(), fields, places: places_at, start, keys_unique })
    }

    /// The document in BSON's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start as usize..).unwrap_or_default()
    }

    /// Whether there are no duplicate keys, neither in this document nor in any nested one.
    #[must_use]
    pub const fn keys_unique(&self) -> bool {
        self.keys_unique
    }

    /// Whether it has no field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// The first field with a name, looked for first where it was found in the document before.
    #[inline(always)]
    pub(super) fn find_usual(&self, name: &Name) -> Option<Element<'_>> {
        // Where a key stands twice, the first counts.
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

    /// The first field with a name, whose head is `key`.
    pub(super) fn find(&self, name: &str, key: KeyHead) -> Option<Element<'_>> {
        self.search(name, key).map(|(_, element)| element)
    }

    fn search(&self, name: &str, key: KeyHead) -> Option<(usize, Element<'_>)> {
        let words = self.bytes.get(..self.places as usize)?;
        let wanted = repeated(key.hash().fingerprint());
        for (number, word) in words.as_chunks().0.iter().enumerate() {
            // A bit for each byte that is the same, and perhaps for a few after the first of them.
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

    /// All that it holds, index and document.
    pub(super) const fn whole(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of a field.
    #[inline(always)]
    fn element(&self, number: usize) -> Option<&[u8]> {
        // Padding stands behind the last fingerprint.
        if number >= self.fields as usize {
            return None;
        }
        let places = self.bytes.get(self.places as usize + number * PLACE..)?;
        let [from, to] = *places.first_chunk::<8>()?.as_chunks::<PLACE>().0 else { return None };
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
