use std::mem;

use bson::{Document, RawDocument, RawDocumentBuf};

use crate::value::{DocumentRef, DocumentWriter, Malformed, RawWriter, Writer};

/// The output buffer of [`Guard::read_into`](super::Guard::read_into), for the visible part of a document. Reusing it
/// for many documents avoids allocations.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// Holds the previous content while `bytes` is rewritten.
    spare: Vec<u8>,
}

impl Buffer {
    /// Creates an empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), spare: Vec::new() }
    }

    /// The last document written.
    pub(super) fn document(&self) -> Result<&RawDocument, Malformed> {
        Ok(RawDocument::from_bytes(&self.bytes)?)
    }

    pub(super) fn into_document(self) -> Result<RawDocumentBuf, Malformed> {
        Ok(RawDocumentBuf::from_bytes(self.bytes)?)
    }
}

/// The destination for the visible part of a document.
pub(super) trait Page {
    type Writer<'p>: Writer
    where
        Self: 'p;

    /// Writes a document.
    fn write<E: From<Malformed>>(&mut self, fill: impl FnOnce(&mut Self::Writer<'_>) -> Result<(), E>)
    -> Result<(), E>;

    /// Replaces the last document written by a part of it.
    fn rewrite<E: From<Malformed>>(
        &mut self,
        fill: impl FnOnce(DocumentRef<'_>, &mut Self::Writer<'_>) -> Result<(), E>,
    ) -> Result<(), E>;

    fn is_empty(&self) -> bool;
}

/// A destination for decoded documents; `None` until one has been written.
impl Page for Option<Box<Document>> {
    type Writer<'p> = DocumentWriter;

    fn write<E: From<Malformed>>(&mut self, fill: impl FnOnce(&mut DocumentWriter) -> Result<(), E>) -> Result<(), E> {
        *self = Some(Box::new(DocumentWriter::write(fill)?));
        Ok(())
    }

    fn rewrite<E: From<Malformed>>(
        &mut self,
        fill: impl FnOnce(DocumentRef<'_>, &mut DocumentWriter) -> Result<(), E>,
    ) -> Result<(), E> {
        let written = self.take().unwrap_or_default();
        self.write(|writer| fill((&*written).into(), writer))
    }

    fn is_empty(&self) -> bool {
        self.as_ref().is_none_or(|document| document.is_empty())
    }
}

impl Page for Buffer {
    type Writer<'p> = RawWriter<'p>;

    fn write<E: From<Malformed>>(&mut self, fill: impl FnOnce(&mut RawWriter<'_>) -> Result<(), E>) -> Result<(), E> {
        RawWriter::write(&mut self.bytes, fill)
    }

    fn rewrite<E: From<Malformed>>(
        &mut self,
        fill: impl FnOnce(DocumentRef<'_>, &mut RawWriter<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        mem::swap(&mut self.bytes, &mut self.spare);
        let written = RawDocument::from_bytes(&self.spare).map_err(Malformed::from)?;
        RawWriter::write(&mut self.bytes, |writer| fill(written.into(), writer))
    }

    fn is_empty(&self) -> bool {
        self.document().is_ok_and(RawDocument::is_empty)
    }
}

/// A destination for raw documents; `None` until one has been written.
impl Page for Option<Buffer> {
    type Writer<'p> = RawWriter<'p>;

    fn write<E: From<Malformed>>(&mut self, fill: impl FnOnce(&mut RawWriter<'_>) -> Result<(), E>) -> Result<(), E> {
        self.get_or_insert_default().write(fill)
    }

    fn rewrite<E: From<Malformed>>(
        &mut self,
        fill: impl FnOnce(DocumentRef<'_>, &mut RawWriter<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.get_or_insert_default().rewrite(fill)
    }

    fn is_empty(&self) -> bool {
        self.as_ref().is_none_or(Page::is_empty)
    }
}
