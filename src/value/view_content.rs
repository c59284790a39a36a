//! Access to the contents of documents, arrays and values.

use bson::{Bson, Document, RawDocumentBuf};

use super::duplicate_key::repeated_key;
use super::element::Element;
use super::key::KeyHead;
use super::raw::Walk;
use super::{ArrayRef, DbPointerRef, DocumentRef, Malformed, ValueRef};

impl<'a> DocumentRef<'a> {
    /// The value of the field with this key.
    ///
    /// # Errors
    /// If the raw bytes up to and including that field are not BSON.
    pub fn get(self, key: &str) -> Result<Option<ValueRef<'a>>, Malformed> {
        match self {
            Self::Decoded(document) => Ok(document.get(key).map(ValueRef::from)),
            Self::Raw(document) => Walk::new(document).find(key)?.map(Element::value).transpose(),
            Self::Prepared(document) => document.find(key, KeyHead::of(key.as_bytes())).map(Element::value).transpose(),
        }
    }

    /// Iterates over the fields, in order.
    pub fn iter(self) -> impl Iterator<Item = Result<(&'a str, ValueRef<'a>), Malformed>> {
        match self {
            Self::Decoded(document) => Fields::Decoded(document.iter()),
            Self::Raw(document) => Fields::Raw(Walk::new(document)),
            Self::Prepared(document) => Fields::Raw(Walk::of_bytes(document.as_bytes())),
        }
    }

    /// Whether the document has no fields.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self {
            Self::Decoded(document) => document.is_empty(),
            Self::Raw(document) => document.is_empty(),
            Self::Prepared(document) => document.is_empty(),
        }
    }

    /// Whether there may be duplicate keys.
    pub(crate) const fn may_repeat_keys(self) -> bool {
        match self {
            Self::Decoded(_) => false,
            Self::Raw(_) => true,
            Self::Prepared(document) => !document.keys_unique(),
        }
    }

    /// The first duplicate key in the document or in nested ones. In raw bytes, all values up to there are validated.
    pub(crate) fn repeated_key(self) -> Result<Option<&'a str>, Malformed> {
        match self {
            Self::Raw(document) => repeated_key(document.as_bytes()),
            Self::Prepared(document) if !document.keys_unique() => repeated_key(document.as_bytes()),
            Self::Prepared(_) | Self::Decoded(_) => Ok(None),
        }
    }

    /// The document's bytes; empty if it is decoded.
    pub(super) fn raw_bytes(self) -> &'a [u8] {
        match self {
            Self::Decoded(_) => &[],
            Self::Raw(document) => document.as_bytes(),
            Self::Prepared(document) => document.as_bytes(),
        }
    }

    /// A decoded copy. Of duplicate keys, the first counts.
    ///
    /// # Errors
    /// If the raw bytes are not BSON.
    pub fn to_document(self) -> Result<Document, Malformed> {
        match self {
            Self::Decoded(document) => Ok(document.clone()),
            Self::Raw(_) | Self::Prepared(_) => self.decode(0),
        }
    }

    fn decode(self, depth: usize) -> Result<Document, Malformed> {
        let mut document = Document::new();
        for field in self.iter() {
            let (key, value) = field?;
            if !document.contains_key(key) {
                document.insert(key, value.decode(depth + 1)?);
            }
        }
        Ok(document)
    }
}

/// The fields of a document, decoded or raw.
enum Fields<'a> {
    Decoded(bson::document::Iter<'a>),
    Raw(Walk<'a>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(&'a str, ValueRef<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Decoded(fields) => fields.next().map(|(key, value)| Ok((key.as_str(), value.into()))),
            Self::Raw(walk) => walk.next().map(|element| {
                let element = element?;
                Ok((element.key()?, element.value()?))
            }),
        }
    }
}

/// The elements of an array, decoded or raw.
enum Elements<'a> {
    Decoded(std::slice::Iter<'a, Bson>),
    Raw(Walk<'a>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<ValueRef<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Decoded(elements) => elements.next().map(|value| Ok(value.into())),
            Self::Raw(walk) => walk.next().map(|element| element?.value()),
        }
    }
}

impl<'a> ArrayRef<'a> {
    /// Iterates over the elements, in order.
    pub fn iter(self) -> impl Iterator<Item = Result<ValueRef<'a>, Malformed>> {
        match self {
            Self::Decoded(array) => Elements::Decoded(array.iter()),
            Self::Raw(array) => Elements::Raw(Walk::new(array)),
        }
    }

    /// The element at a zero-based index.
    ///
    /// # Errors
    /// If the raw bytes up to and including that element are not BSON.
    pub fn get(self, index: usize) -> Result<Option<ValueRef<'a>>, Malformed> {
        match self {
            Self::Decoded(array) => Ok(array.get(index).map(ValueRef::from)),
            Self::Raw(_) => self.iter().nth(index).transpose(),
        }
    }

    /// Whether the array has no elements.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self {
            Self::Decoded(array) => array.is_empty(),
            Self::Raw(array) => array.is_empty(),
        }
    }

    /// The number of elements.
    ///
    /// # Errors
    /// If the raw bytes are not BSON.
    pub fn len(self) -> Result<usize, Malformed> {
        match self {
            Self::Decoded(array) => Ok(array.len()),
            Self::Raw(_) => self.iter().try_fold(0, |count, element| element.map(|_| count + 1)),
        }
    }
}

impl ValueRef<'_> {
    /// A decoded copy.
    ///
    /// # Errors
    /// If the raw bytes are not BSON, or are nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    pub fn to_bson(self) -> Result<Bson, Malformed> {
        self.decode(0)
    }

    fn decode(self, depth: usize) -> Result<Bson, Malformed> {
        if depth > super::MAX_DEPTH {
            return Err(Malformed::depth());
        }
        Ok(match self {
            Self::MinKey => Bson::MinKey,
            Self::Undefined => Bson::Undefined,
            Self::Null => Bson::Null,
            Self::Int32(v) => Bson::Int32(v),
            Self::Int64(v) => Bson::Int64(v),
            Self::Double(v) => Bson::Double(v),
            Self::Decimal128(v) => Bson::Decimal128(v),
            Self::String(v) => Bson::String(v.to_owned()),
            Self::Symbol(v) => Bson::Symbol(v.to_owned()),
            Self::Document(v) => Bson::Document(v.decode(depth)?),
            Self::Array(v) => {
                Bson::Array(v.iter().map(|element| element?.decode(depth + 1)).collect::<Result<_, _>>()?)
            }
            Self::Binary { subtype, bytes } => {
                Bson::Binary(bson::Binary { subtype: subtype.into(), bytes: bytes.to_owned() })
            }
            Self::ObjectId(v) => Bson::ObjectId(bson::oid::ObjectId::from_bytes(v)),
            Self::Boolean(v) => Bson::Boolean(v),
            Self::DateTime(v) => Bson::DateTime(bson::DateTime::from_millis(v)),
            Self::Timestamp { time, increment } => Bson::Timestamp(bson::Timestamp { time, increment }),
            Self::Regex { pattern, options } => Bson::RegularExpression(bson::Regex {
                pattern: pattern.to_owned().try_into()?,
                options: options.to_owned().try_into()?,
            }),
            Self::DbPointer(DbPointerRef::Decoded(v)) => Bson::DbPointer(v.clone()),
            Self::DbPointer(DbPointerRef::Raw { namespace, id }) => db_pointer(namespace, id)?,
            Self::Code(v) => Bson::JavaScriptCode(v.to_owned()),
            Self::CodeWithScope { code, scope } => Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
                code: code.to_owned(),
                scope: scope.decode(depth)?,
            }),
            Self::MaxKey => Bson::MaxKey,
        })
    }
}

/// Creates a DBPointer, which `bson` allows only by decoding a document.
fn db_pointer(namespace: &str, id: [u8; 12]) -> Result<Bson, Malformed> {
    let length = |content: usize| i32::try_from(content).map(i32::to_le_bytes).map_err(|_| Malformed::new("too long"));
    let mut bytes = length(namespace.len() + 24)?.to_vec();
    bytes.extend([0x0C, 0]);
    bytes.extend(length(namespace.len() + 1)?);
    bytes.extend(namespace.bytes().chain([0]).chain(id).chain([0]));
    let document = RawDocumentBuf::from_bytes(bytes)?;
    document.get("")?.map_or(Ok(Bson::Undefined), |value| Ok(value.try_into()?))
}
