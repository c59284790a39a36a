//! The documents that a query returned, converted to values.

use bson::{Bson, Document, RawDocument, RawDocumentBuf};
use portcullis::store::documents::MAX_FOUND_BYTES;
use portcullis::value::DocumentRef;

use super::guarded::MAX_FOUND;
use crate::client::{ClientError, ErrorCode};
use crate::heavy::in_place;

/// The documents that one request has read so far, up to the size limit of a request.
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
        self.bytes = batch.iter().fold(self.bytes, |bytes, one| bytes.saturating_add(one.as_bytes().len()));
        if self.bytes > MAX_FOUND_BYTES {
            let message = format!("the documents are larger than {} MiB together", MAX_FOUND_BYTES >> 20);
            return Err(ClientError::bad(ErrorCode::ReadSizeLimitExceeded, message));
        }
        self.documents.extend(batch);
        Ok(())
    }

    /// Whether the limit on the number of documents is reached.
    pub(super) fn is_full(&self) -> bool {
        u64::try_from(self.documents.len()).is_ok_and(|count| count >= MAX_FOUND)
    }

    /// All documents as an array, truncated to the limit on their number.
    pub(super) fn all(self) -> Result<Bson, ClientError> {
        let Self { mut documents, bytes } = self;
        in_place(bytes, || {
            documents.truncate(usize::try_from(MAX_FOUND).unwrap_or(usize::MAX));
            self::documents(documents)
        })
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
