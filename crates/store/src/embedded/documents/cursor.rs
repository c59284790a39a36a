use std::collections::BTreeSet;

use bson::RawDocumentBuf;
use redb::ReadTransaction;

use super::collection::{DOCUMENTS, IDS, Next, numbers, raw, scan};
use super::failure::broken;
use super::pipeline::{Need, Pipeline};
use super::stage::Search;
use crate::embedded::database::Failure;
use crate::in_place::in_place_if_large;
use portcullis::BoxFuture;
use portcullis::store::documents::{Cursor, DocumentsError, Namespace};
use portcullis::value::DocumentRef;

/// How many documents are read before the task yields.
const READ_AT_ONCE: usize = 500;

/// The maximum number of documents in a batch, and the number of bytes after which a batch ends.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 1024 * 1024;

type Ready = std::vec::IntoIter<RawDocumentBuf>;

/// A query on one snapshot of the file.
pub(super) struct Reading {
    transaction: ReadTransaction,
    namespace: Namespace,
    numbers: Option<BTreeSet<u64>>,
    /// The number of the next document; `None` at the end.
    next: Option<u64>,
    pipeline: Pipeline,
    /// Results that have not been returned yet.
    ready: Ready,
}

impl Reading {
    pub(super) fn new(
        transaction: ReadTransaction,
        namespace: &Namespace,
        search: Search,
    ) -> Result<Self, DocumentsError> {
        let numbers = match &search.ids {
            None => None,
            Some(wanted) => {
                let ids = transaction
                    .open_multimap_table(IDS)
                    .map_err(|error| broken("cannot read documents")(error.into()))?;
                Some(numbers(&ids, namespace, wanted)?)
            }
        };
        let pipeline = Pipeline::new(search.stages);
        Ok(Self {
            transaction,
            namespace: namespace.clone(),
            numbers,
            next: Some(0),
            pipeline,
            ready: Vec::new().into_iter(),
        })
    }

    /// Reads some more documents, starting from this number.
    fn read(&mut self, from: u64) -> Result<(), DocumentsError> {
        let table = self.transaction.open_table(DOCUMENTS);
        let table = table.map_err(|error| broken("cannot read documents")(Failure::from(error)))?;
        let pipeline = &mut self.pipeline;
        let mut visit = |_, bytes: &[u8]| {
            Ok(match pipeline.put(DocumentRef::Raw(raw(bytes)?))? {
                Need::Nothing => Next::Stop,
                Need::More if pipeline.out_bytes() >= BATCH_BYTES => Next::Pause,
                Need::More => Next::Go,
            })
        };
        self.next = scan(&table, &self.namespace, self.numbers.as_ref(), from, READ_AT_ONCE, &mut visit)?;
        if self.next.is_none() {
            let pipeline = &mut self.pipeline;
            in_place_if_large(pipeline.held_bytes(), || pipeline.finish())?;
        }
        Ok(())
    }
}

/// Splits off a batch of the results that are ready.
fn portion(ready: &mut Ready) -> Vec<RawDocumentBuf> {
    let mut portion = Vec::new();
    let mut bytes = 0;
    while portion.len() < BATCH && bytes < BATCH_BYTES {
        let Some(document) = ready.next() else { break };
        bytes += document.as_bytes().len();
        portion.push(document);
    }
    portion
}

impl Cursor for Reading {
    fn batch(&mut self) -> BoxFuture<'_, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        Box::pin(async move {
            loop {
                let portion = portion(&mut self.ready);
                if !portion.is_empty() {
                    return Ok(portion);
                }
                let Some(from) = self.next else { return Ok(Vec::new()) };
                self.read(from)?;
                self.ready = self.pipeline.take().into_iter();
                if self.ready.len() == 0 && self.next.is_some() {
                    tokio::task::yield_now().await;
                }
            }
        })
    }
}

/// The results of a pipeline over given documents.
pub(super) struct Given(Ready);

impl Given {
    pub(super) fn new(documents: &[RawDocumentBuf], search: Search) -> Result<Self, DocumentsError> {
        let bytes = documents.iter().map(|document| document.as_bytes().len()).sum();
        in_place_if_large(bytes, || {
            let mut pipeline = Pipeline::new(search.stages);
            for document in documents {
                if pipeline.put(DocumentRef::Raw(document))? == Need::Nothing {
                    break;
                }
            }
            pipeline.finish()?;
            Ok(Self(pipeline.take().into_iter()))
        })
    }
}

impl Cursor for Given {
    fn batch(&mut self) -> BoxFuture<'_, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        Box::pin(async move { Ok(portion(&mut self.0)) })
    }
}
