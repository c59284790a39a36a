//! Writers for a document that consists of parts of another one, decoded or as BSON.

use std::io::Write as _;
use std::mem;

use bson::{Bson, Document, RawDocumentBuf};

use super::element::Element;
use super::raw::Walk;
use super::{Field, Malformed};

/// Where to write a value: to a key of a document or to an index of an array.
#[derive(Clone, Copy)]
pub(crate) enum Place<'k> {
    Key(&'k str),
    Index(usize),
}

/// The kind of a container.
#[derive(Clone, Copy)]
pub(crate) enum Container {
    Document,
    Array,
}

/// What happens to a container that remains empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    Kept,
    LeftOut,
}

/// Writes the values of a document, in order.
pub(crate) trait Writer {
    /// Copies a value.
    ///
    /// # Errors
    /// If the value is not BSON, or is nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    fn whole(&mut self, place: Place<'_>, value: Field<'_>) -> Result<(), Malformed>;

    /// Writes a container with the contents that `fill` writes. Returns whether it was kept.
    fn container<E: From<Malformed>>(
        &mut self,
        place: Place<'_>,
        container: Container,
        empty: Empty,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<bool, E>;
}

/// Writes a decoded document.
pub(crate) struct DocumentWriter {
    open: Open,
}

/// A container whose contents are being written.
enum Open {
    Document(Document),
    Array(Vec<Bson>),
}

impl DocumentWriter {
    /// Returns the document that `fill` writes.
    pub(crate) fn write<E>(fill: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<Document, E> {
        let mut writer = Self { open: Open::Document(Document::new()) };
        fill(&mut writer)?;
        Ok(match writer.open {
            Open::Document(document) => document,
            Open::Array(_) => Document::new(),
        })
    }

    fn put(&mut self, place: Place<'_>, value: Bson) {
        match (&mut self.open, place) {
            (Open::Array(elements), _) => elements.push(value),
            (Open::Document(document), Place::Key(key)) => _ = document.insert(key, value),
            (Open::Document(document), Place::Index(index)) => _ = document.insert(index.to_string(), value),
        }
    }
}

impl Writer for DocumentWriter {
    fn whole(&mut self, place: Place<'_>, value: Field<'_>) -> Result<(), Malformed> {
        let value = value.value()?.to_bson()?;
        self.put(place, value);
        Ok(())
    }

    fn container<E: From<Malformed>>(
        &mut self,
        place: Place<'_>,
        container: Container,
        empty: Empty,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<bool, E> {
        let inner = match container {
            Container::Document => Open::Document(Document::new()),
            Container::Array => Open::Array(Vec::new()),
        };
        let outer = mem::replace(&mut self.open, inner);
        let filled = fill(self);
        let (is_empty, inner) = match mem::replace(&mut self.open, outer) {
            Open::Document(document) => (document.is_empty(), Bson::Document(document)),
            Open::Array(elements) => (elements.is_empty(), Bson::Array(elements)),
        };
        filled?;
        let kept = !(is_empty && empty == Empty::LeftOut);
        if kept {
            self.put(place, inner);
        }
        Ok(kept)
    }
}

/// Writes BSON. Copied values are not decoded, and the length of a container is filled in when it is complete.
pub(crate) struct RawWriter<'b> {
    bytes: &'b mut Vec<u8>,
}

/// The placeholder for the length of a container that is not complete.
const LENGTH: [u8; 4] = [0; 4];

impl<'b> RawWriter<'b> {
    /// Replaces the content of `bytes` with the document that `fill` writes.
    pub(crate) fn write<E: From<Malformed>>(
        bytes: &'b mut Vec<u8>,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        bytes.clear();
        bytes.extend(LENGTH);
        let mut writer = Self { bytes };
        fill(&mut writer)?;
        Ok(writer.end(0)?)
    }

    fn begin(&mut self, kind: u8, place: Place<'_>) {
        self.bytes.push(kind);
        match place {
            Place::Key(key) => self.bytes.extend_from_slice(key.as_bytes()),
            // Writing to a `Vec` cannot fail.
            Place::Index(index) => _ = write!(self.bytes, "{index}"),
        }
        self.bytes.push(0);
    }

    /// Completes the container that starts at `start`.
    fn end(&mut self, start: usize) -> Result<(), Malformed> {
        self.bytes.push(0);
        let length = i32::try_from(self.bytes.len().saturating_sub(start));
        let length = length.map_err(|_| Malformed::new("a document is longer than BSON allows"))?;
        if let Some(place) = self.bytes.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *place = length.to_le_bytes();
        }
        Ok(())
    }

    fn copy(&mut self, place: Place<'_>, element: Element<'_>) -> Result<(), Malformed> {
        element.check()?;
        self.begin(element.kind(), place);
        self.bytes.extend_from_slice(element.bytes());
        Ok(())
    }
}

impl Writer for RawWriter<'_> {
    fn whole(&mut self, place: Place<'_>, value: Field<'_>) -> Result<(), Malformed> {
        match value {
            Field::Raw(element) | Field::Checked(element) => self.copy(place, element),
            Field::Decoded(value) => {
                let encoded = RawDocumentBuf::try_from(&bson::doc! { "": value.clone() })?;
                Walk::new(&encoded).try_for_each(|element| self.copy(place, element?))
            }
        }
    }

    fn container<E: From<Malformed>>(
        &mut self,
        place: Place<'_>,
        container: Container,
        empty: Empty,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<bool, E> {
        let before = self.bytes.len();
        self.begin(container.kind(), place);
        let start = self.bytes.len();
        self.bytes.extend(LENGTH);
        let contents = self.bytes.len();
        fill(self)?;
        if self.bytes.len() == contents && empty == Empty::LeftOut {
            self.bytes.truncate(before);
            return Ok(false);
        }
        self.end(start)?;
        Ok(true)
    }
}

impl Container {
    /// The BSON type byte.
    pub(crate) const fn kind(self) -> u8 {
        match self {
            Self::Document => 0x03,
            Self::Array => 0x04,
        }
    }
}
