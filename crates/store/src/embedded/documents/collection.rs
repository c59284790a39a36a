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

/// By database, collection and number of the insertion a document, as BSON. In this order they are read.
pub(in crate::embedded) const DOCUMENTS: TableDefinition<'_, Place<'_>, &[u8]> = TableDefinition::new("documents");
/// By database, collection and key of an `_id` the numbers of the documents that may have it.
pub(in crate::embedded) const IDS: MultimapTableDefinition<'_, (&str, &str, &[u8]), u64> =
    MultimapTableDefinition::new("document_ids");

type Place<'a> = (&'a str, &'a str, u64);

const READ: &str = "cannot read documents";
const WRITE: &str = "cannot write a document";

/// The key of a document.
pub(super) fn place(namespace: &Namespace, number: u64) -> Place<'_> {
    (namespace.database(), namespace.collection(), number)
}

/// A stored document.
pub(super) fn raw(bytes: &[u8]) -> Result<&RawDocument, DocumentsError> {
    RawDocument::from_bytes(bytes).map_err(|error| broken(READ)(error.into()))
}

/// The numbers of the documents with one of these ids, in natural order.
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

/// What comes after a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next document.
    Go,
    /// The next one, but not now.
    Pause,
    /// Nothing.
    Stop,
}

/// Who is shown documents, with their numbers.
pub(super) type Visit<'v> = dyn FnMut(u64, &[u8]) -> Result<Next, DocumentsError> + 'v;

/// Shows the documents from one number on, or those of some numbers, in natural order.
///
/// The number from which on to go on; none if there are no more.
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

/// The tables of documents while they are changed.
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

    /// The number of the document with an `_id`.
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

    /// Puts a new document behind all others; its bytes.
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

    /// Puts a document in the place of another with an equal `_id`; its bytes.
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

    /// Deletes the document with an `_id`; what it was, if there was one.
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
