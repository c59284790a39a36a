use bson::raw::{CStr, RawBsonRef, cstr};
use bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, Timestamp, doc};

use portcullis::store::documents::{ChangeOperation, DocumentsError, Namespace, StoredChange};
use portcullis::value::{DocumentRef, Malformed, ValueRef};

/// A change made by a transaction.
#[derive(Clone, Debug)]
pub(in crate::embedded::documents) struct Change {
    pub(in crate::embedded::documents) namespace: Namespace,
    pub(in crate::embedded::documents) operation: ChangeOperation,
    pub(in crate::embedded::documents) time: DateTime,
    pub(in crate::embedded::documents) before: Option<RawDocumentBuf>,
    pub(in crate::embedded::documents) after: Option<RawDocumentBuf>,
}

/// A record of the change log in its stored form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'r>(&'r RawDocument);

const END: &CStr = cstr!("end");
const TIME: &CStr = cstr!("time");
const OPERATION: &CStr = cstr!("operation");
const DATABASE: &CStr = cstr!("database");
const COLLECTION: &CStr = cstr!("collection");
const BEFORE: &CStr = cstr!("before");
const AFTER: &CStr = cstr!("after");

/// Approximate size in bytes of everything in a record except the documents and names.
const OVERHEAD: usize = 128;

impl Change {
    /// The size of its documents in bytes.
    pub(super) fn size(&self) -> usize {
        [&self.before, &self.after].into_iter().flatten().map(|image| image.as_bytes().len()).sum()
    }

    /// The record, and the cumulative size of the log up to and including it; `offset` is the cumulative size before
    /// it.
    pub(super) fn record(&self, offset: i64) -> (RawDocumentBuf, i64) {
        let mut record = RawDocumentBuf::new();
        record.append(TIME, self.time);
        record.append(OPERATION, self.operation.name());
        record.append(DATABASE, self.namespace.database());
        record.append(COLLECTION, self.namespace.collection());
        for (name, image) in [(BEFORE, &self.before), (AFTER, &self.after)] {
            if let Some(image) = image {
                record.append(name, RawBsonRef::Document(image));
            }
        }
        let size = i64::try_from(record.as_bytes().len().saturating_add(OVERHEAD)).unwrap_or(i64::MAX);
        let end = offset.saturating_add(size);
        record.append(END, end);
        (record, end)
    }
}

impl<'r> Record<'r> {
    pub(super) fn read(bytes: &'r [u8]) -> Result<Self, DocumentsError> {
        Ok(Self(RawDocument::from_bytes(bytes).map_err(Malformed::from)?))
    }

    fn field(self, name: &CStr) -> Result<Option<ValueRef<'r>>, DocumentsError> {
        Ok(DocumentRef::Raw(self.0).get(name.as_str())?)
    }

    /// The cumulative size of the log up to and including this record, in bytes, counting removed records.
    pub(super) fn end(self) -> Result<i64, DocumentsError> {
        match self.field(END)? {
            Some(ValueRef::Int64(end)) => Ok(end),
            _ => Err(unreadable()),
        }
    }

    pub(super) fn time(self) -> Result<DateTime, DocumentsError> {
        match self.field(TIME)? {
            Some(ValueRef::DateTime(millis)) => Ok(DateTime::from_millis(millis)),
            _ => Err(unreadable()),
        }
    }

    /// The names of the database and the collection.
    pub(super) fn place(self) -> Result<(&'r str, &'r str), DocumentsError> {
        match (self.field(DATABASE)?, self.field(COLLECTION)?) {
            (Some(ValueRef::String(database)), Some(ValueRef::String(collection))) => Ok((database, collection)),
            _ => Err(unreadable()),
        }
    }

    /// The change, given its record's number in the log.
    pub(super) fn change(self, number: u64) -> Result<StoredChange, DocumentsError> {
        let image = |name| {
            Ok::<_, DocumentsError>(match self.field(name)? {
                Some(ValueRef::Document(DocumentRef::Raw(document))) => Some(document.to_owned()),
                _ => None,
            })
        };
        let Some(ValueRef::String(operation)) = self.field(OPERATION)? else { return Err(unreadable()) };
        let (before, after) = (image(BEFORE)?, image(AFTER)?);
        let id = match after.as_ref().or(before.as_ref()) {
            Some(document) => DocumentRef::Raw(document).get("_id")?.map(ValueRef::to_bson).transpose()?,
            None => return Err(unreadable()),
        };
        let (database, collection) = self.place()?;
        let time = self.time()?;
        let seconds = u32::try_from(time.timestamp_millis() / 1000).unwrap_or(u32::MAX);
        Ok(StoredChange {
            namespace: Namespace::parse(&format!("{database}.{collection}")).ok_or_else(unreadable)?,
            operation: ChangeOperation::from_name(operation).ok_or_else(unreadable)?,
            id: id.unwrap_or(Bson::Null),
            time: Timestamp { time: seconds, increment: 1 },
            position: Position { number, time }.to_document(),
            before,
            after,
            description: None,
        })
    }
}

fn unreadable() -> DocumentsError {
    DocumentsError::Refused { code: None, message: "a record of the change log cannot be decoded".to_owned() }
}

/// A position in the log: after a record. The time distinguishes this log from that of another file, or of a restored
/// backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of the record; 0 means the beginning of the log.
    pub(super) number: u64,
    /// When the change was made.
    pub(super) time: DateTime,
}

impl Position {
    /// The position before the first record.
    pub(super) const BEGINNING: Self = Self { number: 0, time: DateTime::from_millis(0) };

    pub(super) fn to_document(self) -> Document {
        doc! { "number": i64::try_from(self.number).unwrap_or(i64::MAX), "time": self.time }
    }

    pub(super) fn read(document: &Document) -> Option<Self> {
        let (number, time) = (document.get_i64("number").ok()?, *document.get_datetime("time").ok()?);
        Some(Self { number: u64::try_from(number).ok()?, time })
    }
}
