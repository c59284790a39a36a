use bson::{Bson, Decimal128, Document, RawDocument, RawDocumentBuf};

use super::Prepared;

/// A document, decoded or raw. Of duplicate keys in raw bytes, the first counts, as in MongoDB.
#[derive(Clone, Copy, Debug)]
pub enum DocumentRef<'a> {
    /// A decoded document.
    Decoded(&'a Document),
    /// A document as BSON.
    Raw(&'a RawDocument),
    /// A document as BSON, validated and indexed.
    Prepared(&'a Prepared),
}

/// An array, decoded or raw.
#[derive(Clone, Copy, Debug)]
pub enum ArrayRef<'a> {
    /// A decoded array.
    Decoded(&'a [Bson]),
    /// An array as BSON. It is encoded like a document; its keys are ignored.
    Raw(&'a RawDocument),
}

/// A DBPointer, decoded or raw. The type is deprecated, so nothing but comparison as a whole is supported.
#[derive(Clone, Copy, Debug)]
pub enum DbPointerRef<'a> {
    /// A decoded DBPointer.
    Decoded(&'a bson::DbPointer),
    /// A DBPointer as BSON.
    Raw {
        /// The collection.
        namespace: &'a str,
        /// The document's ObjectId.
        id: [u8; 12],
    },
}

/// A BSON value, decoded or raw, which is cheap to copy.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// MinKey, which sorts before all other values.
    MinKey,
    /// The deprecated `undefined`.
    Undefined,
    /// `null`
    Null,
    /// A 32-bit integer.
    Int32(i32),
    /// A 64-bit integer.
    Int64(i64),
    /// A 64-bit binary floating-point number.
    Double(f64),
    /// A 128-bit decimal floating-point number.
    Decimal128(Decimal128),
    /// A string.
    String(&'a str),
    /// A symbol, the deprecated kind of string.
    Symbol(&'a str),
    /// A document.
    Document(DocumentRef<'a>),
    /// An array.
    Array(ArrayRef<'a>),
    /// Bytes with a subtype.
    Binary {
        /// The subtype; 4 is a UUID.
        subtype: u8,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// An ObjectId.
    ObjectId([u8; 12]),
    /// `true` or `false`
    Boolean(bool),
    /// Milliseconds since the Unix epoch.
    DateTime(i64),
    /// A replication timestamp.
    Timestamp {
        /// Seconds since the Unix epoch.
        time: u32,
        /// The ordinal within the second.
        increment: u32,
    },
    /// A regular expression.
    Regex {
        /// The pattern.
        pattern: &'a str,
        /// The options.
        options: &'a str,
    },
    /// The deprecated DBPointer.
    DbPointer(DbPointerRef<'a>),
    /// JavaScript.
    Code(&'a str),
    /// JavaScript with scope.
    CodeWithScope {
        /// The code.
        code: &'a str,
        /// The variables in scope.
        scope: DocumentRef<'a>,
    },
    /// MaxKey, which sorts after all other values.
    MaxKey,
}

impl<'a> From<&'a Document> for DocumentRef<'a> {
    fn from(document: &'a Document) -> Self {
        Self::Decoded(document)
    }
}

impl<'a> From<&'a RawDocument> for DocumentRef<'a> {
    fn from(document: &'a RawDocument) -> Self {
        Self::Raw(document)
    }
}

impl<'a> From<&'a RawDocumentBuf> for DocumentRef<'a> {
    fn from(document: &'a RawDocumentBuf) -> Self {
        Self::Raw(document)
    }
}

impl<'a> From<&'a Bson> for ValueRef<'a> {
    fn from(value: &'a Bson) -> Self {
        match value {
            Bson::Double(v) => Self::Double(*v),
            Bson::String(v) => Self::String(v),
            Bson::Array(v) => Self::Array(ArrayRef::Decoded(v)),
            Bson::Document(v) => Self::Document(DocumentRef::Decoded(v)),
            Bson::Boolean(v) => Self::Boolean(*v),
            Bson::Null => Self::Null,
            Bson::RegularExpression(v) => Self::Regex { pattern: v.pattern.as_str(), options: v.options.as_str() },
            Bson::JavaScriptCode(v) => Self::Code(v),
            Bson::JavaScriptCodeWithScope(v) => {
                Self::CodeWithScope { code: &v.code, scope: DocumentRef::Decoded(&v.scope) }
            }
            Bson::Int32(v) => Self::Int32(*v),
            Bson::Int64(v) => Self::Int64(*v),
            Bson::Timestamp(v) => Self::Timestamp { time: v.time, increment: v.increment },
            Bson::Binary(v) => Self::Binary { subtype: v.subtype.into(), bytes: &v.bytes },
            Bson::ObjectId(v) => Self::ObjectId(v.bytes()),
            Bson::DateTime(v) => Self::DateTime(v.timestamp_millis()),
            Bson::Symbol(v) => Self::Symbol(v),
            Bson::Decimal128(v) => Self::Decimal128(*v),
            Bson::Undefined => Self::Undefined,
            Bson::MaxKey => Self::MaxKey,
            Bson::MinKey => Self::MinKey,
            Bson::DbPointer(v) => Self::DbPointer(DbPointerRef::Decoded(v)),
        }
    }
}

impl<'a> From<DocumentRef<'a>> for ValueRef<'a> {
    fn from(document: DocumentRef<'a>) -> Self {
        Self::Document(document)
    }
}

impl<'a> From<&'a Document> for ValueRef<'a> {
    fn from(document: &'a Document) -> Self {
        Self::Document(document.into())
    }
}
