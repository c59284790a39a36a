//! The documents that a query returned, converted to values.

use bson::{Bson, Document, RawDocument, RawDocumentBuf};
use portcullis::store::documents::MAX_FOUND_BYTES;
use portcullis::value::DocumentRef;

use crate::client::{ClientError, ErrorCode};
use crate::heavy::in_place;

/// The result of an action. Documents that were found are not decoded, since most are only serialized.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Any other result.
    Value(Bson),
    /// A document as its reader may see it.
    Document(RawDocumentBuf),
    /// Documents as their reader may see them.
    Documents(Vec<RawDocumentBuf>),
}

impl Outcome {
    /// The result as a decoded value.
    ///
    /// # Errors
    /// A document is malformed BSON.
    pub fn into_value(self) -> Result<Bson, ClientError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Document(raw) => document(Some(&raw)),
            Self::Documents(found) => {
                let bytes = found.iter().map(|raw| raw.as_bytes().len()).sum();
                in_place(bytes, || documents(found))
            }
        }
    }

    /// The document that was found, or null.
    pub(super) fn of_found(found: Option<RawDocumentBuf>) -> Self {
        found.map_or(Self::Value(Bson::Null), Self::Document)
    }
}

impl From<Bson> for Outcome {
    fn from(value: Bson) -> Self {
        Self::Value(value)
    }
}

impl From<Document> for Outcome {
    fn from(document: Document) -> Self {
        Self::Value(document.into())
    }
}

/// The bytes counted for each document besides its contents, which bounds the number of small ones.
const DOCUMENT_OVERHEAD: usize = 64;

/// The documents that a request has found. Their total size is limited.
#[derive(Default)]
pub(super) struct Found {
    documents: Vec<RawDocumentBuf>,
    bytes: usize,
}

impl Found {
    /// Adds a batch.
    ///
    /// # Errors
    /// The documents exceed the size limit together.
    pub(super) fn add(&mut self, batch: Vec<RawDocumentBuf>) -> Result<(), ClientError> {
        self.bytes =
            batch.iter().fold(self.bytes, |bytes, one| bytes.saturating_add(one.as_bytes().len() + DOCUMENT_OVERHEAD));
        if self.bytes > MAX_FOUND_BYTES {
            let message = format!("the documents are larger than {} MiB together", MAX_FOUND_BYTES >> 20);
            return Err(ClientError::bad(ErrorCode::ReadSizeLimitExceeded, message));
        }
        self.documents.extend(batch);
        Ok(())
    }

    /// All documents that were added.
    pub(super) fn all(self) -> Vec<RawDocumentBuf> {
        self.documents
    }
}

/// A document as a value, or null.
pub(super) fn document(raw: Option<&RawDocument>) -> Result<Bson, ClientError> {
    let Some(raw) = raw else { return Ok(Bson::Null) };
    let document: Document = DocumentRef::Raw(raw).to_document().map_err(ClientError::internal)?;
    Ok(Bson::Document(document))
}

/// An array of documents.
pub(super) fn documents(found: Vec<RawDocumentBuf>) -> Result<Bson, ClientError> {
    found.into_iter().map(|raw| document(Some(&raw))).collect::<Result<Vec<_>, _>>().map(Bson::Array)
}
