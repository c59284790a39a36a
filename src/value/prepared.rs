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
    pub(super) bytes: Box<[u8]>,
    pub(super) fields: u32,
    /// Where the places of the fields begin, and where the document does.
    pub(super) places: u32,
    pub(super) start: u32,
    pub(super) keys_unique: bool,
}

impl Prepared {
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

    /// All that it holds, index and document.
    pub(super) const fn whole(&self) -> &[u8] {
        &self.bytes
    }
}
