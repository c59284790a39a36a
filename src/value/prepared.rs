/// A raw document that has been validated and indexed by its top-level fields, for documents that are kept in memory
/// and evaluated many times. Finding a field takes about the same time regardless of the number of fields.
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
    /// One fingerprint per key, padded to a multiple of eight; the offset of each field and of the end of the last one;
    /// the document.
    pub(super) bytes: Box<[u8]>,
    pub(super) fields: u32,
    /// The offsets in `bytes` at which the field offsets and the document start.
    pub(super) places: u32,
    pub(super) start: u32,
    pub(super) keys_unique: bool,
}

impl Prepared {
    /// The document, as BSON.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start as usize..).unwrap_or_default()
    }

    /// Whether there are no duplicate keys, neither in this document nor in nested ones.
    #[must_use]
    pub const fn keys_unique(&self) -> bool {
        self.keys_unique
    }

    /// Whether it has no field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// All bytes, including the index.
    pub(super) const fn whole(&self) -> &[u8] {
        &self.bytes
    }
}
