use std::collections::BTreeSet;

use bson::{Bson, Document, RawDocument, RawDocumentBuf};
use redb::{
    MultimapTable, MultimapTableDefinition, ReadableMultimapTable, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};

use super::failure::broken;
use super::id_key::id_key;
use crate::embedded::database::Failure;
use portcullis::store::documents::{DocumentsError, Namespace};
use portcullis::value::{DocumentRef, ValueRef, equal};

/// Maps database, collection and insertion number to the document, as BSON. Documents are read in this order.
pub(in crate::embedded) const DOCUMENTS: TableDefinition<'_, Place<'_>, &[u8]> = TableDefinition::new("documents");
/// Maps database, collection and the key of an `_id` to the numbers of the documents that may have this `_id`.
pub(in crate::embedded) const IDS: MultimapTableDefinition<'_, (&str, &str, &[u8]), u64> =
    MultimapTableDefinition::new("document_ids");

type Place<'a> = (&'a str, &'a str, u64);

const READ: &str = "cannot read documents";
const WRITE: &str = "cannot write a document";

/// The key of a document in the table of documents.
pub(super) fn place(namespace: &Namespace, number: u64) -> Place<'_> {
    (namespace.database(), namespace.collection(), number)
}

/// The bytes of a stored document as BSON.
pub(super) fn raw(bytes: &[u8]) -> Result<&RawDocument, DocumentsError> {
    RawDocument::from_bytes(bytes).map_err(|error| broken(READ)(error.into()))
}

/// The numbers of the documents that have one of these `_id`s, in natural order.
pub(super) fn numbers(
    ids: &impl ReadableMultimapTable<(&'static str, &'static str, &'static [u8]), u64>,
    namespace: &Namespace,
    wanted: &[Bson],
) -> Result<BTreeSet<u64>, DocumentsError> {
    let mut numbers = BTreeSet::new();
    for id in wanted {
        let key = id_key(id.into())?;
        let found = || -> Result<Vec<u64>, Failure> {
            let found = ids.get((namespace.database(), namespace.collection(), key.as_slice()))?;
            found.map(|number| Ok(number?.value())).collect()
        };
        numbers.extend(found().map_err(broken(READ))?);
    }
    Ok(numbers)
}

/// What a visitor wants after a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next document.
    Go,
    /// The next document, but later: the scan returns.
    Pause,
    /// No more documents.
    Stop,
}

/// A visitor that is called with the number and bytes of each document.
pub(super) type Visit<'v> = dyn FnMut(u64, &[u8]) -> Result<Next, DocumentsError> + 'v;

/// Visits the documents from number `from` on, or those with the given numbers, in natural order.
///
/// Returns the number from which to continue, or `None` at the end.
pub(super) fn scan(
    documents: &impl ReadableTable<Place<'static>, &'static [u8]>,
    namespace: &Namespace,
    numbers: Option<&BTreeSet<u64>>,
    from: u64,
    at_most: usize,
    visit: &mut Visit<'_>,
) -> Result<Option<u64>, DocumentsError> {
    let failed = |error: redb::StorageError| broken(READ)(error.into());
    if let Some(numbers) = numbers {
        for (count, number) in numbers.range(from..).enumerate() {
            if count >= at_most {
                return Ok(Some(*number));
            }
            let bytes = documents.get(place(namespace, *number)).map_err(failed)?;
            match bytes.map_or(Ok(Next::Go), |bytes| visit(*number, bytes.value()))? {
                Next::Go => {}
                Next::Pause => return Ok(number.checked_add(1)),
                Next::Stop => return Ok(None),
            }
        }
        return Ok(None);
    }
    let range = documents.range(place(namespace, from)..=place(namespace, u64::MAX)).map_err(failed)?;
    for (count, entry) in range.enumerate() {
        let (key, bytes) = entry.map_err(failed)?;
        let number = key.value().2;
        if count >= at_most {
            return Ok(Some(number));
        }
        match visit(number, bytes.value())? {
            Next::Go => {}
            Next::Pause => return Ok(number.checked_add(1)),
            Next::Stop => return Ok(None),
        }
    }
    Ok(None)
}

/// The tables of documents, opened for writing.
pub(super) struct Tables<'t> {
    pub(super) documents: Table<'t, Place<'static>, &'static [u8]>,
    pub(super) ids: MultimapTable<'t, (&'static str, &'static str, &'static [u8]), u64>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, DocumentsError> {
        let open = || -> Result<Self, Failure> {
            Ok(Self { documents: transaction.open_table(DOCUMENTS)?, ids: transaction.open_multimap_table(IDS)? })
        };
        open().map_err(broken(WRITE))
    }

    /// The number of the document with this `_id`.
    pub(super) fn find(&self, namespace: &Namespace, id: ValueRef<'_>) -> Result<Option<u64>, DocumentsError> {
        let wanted = id.to_bson()?;
        for number in numbers(&self.ids, namespace, std::slice::from_ref(&wanted))? {
            let bytes = self.documents.get(place(namespace, number));
            if let Some(bytes) = bytes.map_err(|error| broken(READ)(error.into()))?
                && let Some(found) = DocumentRef::Raw(raw(bytes.value())?).get("_id")?
                && equal(found, id)?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Appends a new document after all others; returns its bytes.
    pub(super) fn insert(
        &mut self,
        namespace: &Namespace,
        document: &Document,
    ) -> Result<RawDocumentBuf, DocumentsError> {
        let id = document.get("_id").map_or(ValueRef::Null, ValueRef::from);
        if self.find(namespace, id)?.is_some() {
            return Err(DocumentsError::DuplicateKey);
        }
        let key = id_key(id)?;
        let bytes = RawDocumentBuf::try_from(document).map_err(|error| broken(WRITE)(error.into()))?;
        let mut write = || -> Result<(), Failure> {
            let last =
                self.documents.range(place(namespace, 0)..=place(namespace, u64::MAX))?.next_back().transpose()?;
            let number = last.map_or(Some(0), |(key, _)| key.value().2.checked_add(1));
            let number = number.ok_or("the collection has no number left")?;
            self.documents.insert(place(namespace, number), bytes.as_bytes())?;
            self.ids.insert((namespace.database(), namespace.collection(), key.as_slice()), number)?;
            Ok(())
        };
        write().map_err(broken(WRITE))?;
        Ok(bytes)
    }

    /// Replaces a document by one with an equal `_id`; returns the new document's bytes.
    pub(super) fn put(
        &mut self,
        namespace: &Namespace,
        number: u64,
        document: &Document,
    ) -> Result<RawDocumentBuf, DocumentsError> {
        let bytes = RawDocumentBuf::try_from(document).map_err(|error| broken(WRITE)(error.into()))?;
        let put = self.documents.insert(place(namespace, number), bytes.as_bytes()).map(|_| ());
        put.map_err(|error| broken(WRITE)(error.into()))?;
        Ok(bytes)
    }

    /// Deletes the document with this `_id`; returns it if there was one.
    pub(super) fn delete(
        &mut self,
        namespace: &Namespace,
        id: ValueRef<'_>,
    ) -> Result<Option<RawDocumentBuf>, DocumentsError> {
        let Some(number) = self.find(namespace, id)? else { return Ok(None) };
        let key = id_key(id)?;
        let mut delete = || -> Result<Option<Vec<u8>>, Failure> {
            let removed = self.documents.remove(place(namespace, number))?.map(|bytes| bytes.value().to_owned());
            self.ids.remove((namespace.database(), namespace.collection(), key.as_slice()), number)?;
            Ok(removed)
        };
        let removed = delete().map_err(broken(WRITE))?;
        let removed = removed.map(RawDocumentBuf::from_bytes).transpose();
        removed.map_err(|error| broken(READ)(error.into()))
    }
}
