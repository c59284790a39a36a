use std::borrow::Cow;
use std::time::Instant;

use bson::{Bson, Document, RawDocumentBuf, doc};

use super::failure_report::{At, Standing};
use super::prepare::{Prepared, Sought, Step};
use super::request::{Moment, Write};
use crate::access::{Buffer, Decision, Outcome, Reason, Visible};
use crate::guarded::GuardedCollection;
use crate::guarded::error::{Denial, GuardedError, LimitExceeded, WriteKind};
use crate::guarded::redacted_cursor::project;
use crate::projection::Projection;
use crate::store::StoreError;
use crate::store::documents::{DocumentsError, Find, MAX_FOUND_BYTES, Transaction};
use crate::value::{Malformed, equal};

/// The result of one write.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The `_id`s of inserted documents, except that of an upsert.
    pub inserted: Vec<Bson>,
    /// The number of documents that an update or replacement matched.
    pub matched: u64,
    /// The number of documents that were modified. MongoDB does not report it for `findOneAnd…` outside of a
    /// transaction; it then equals `matched`.
    pub modified: u64,
    /// The `_id` of the document that an upsert inserted.
    pub upserted: Option<Bson>,
    /// The number of deleted documents.
    pub deleted: u64,
    /// The result of a `findOneAnd…`, redacted for the user; `None` if no document matched or the user may not read it.
    pub document: Option<RawDocumentBuf>,
}

/// The execution of the writes of one request.
pub(super) struct Writing<'w> {
    pub(super) collection: &'w GuardedCollection<'w>,
    pub(super) transaction: &'w mut dyn Transaction,
    pub(super) began: Instant,
    /// The number of documents that may still be written.
    pub(super) left: usize,
    /// The kind of the current write.
    pub(super) operation: WriteKind,
    pub(super) standing: Standing,
}

/// Why an attempt failed, and where.
struct Failed {
    error: GuardedError,
    at: At,
}

impl Failed {
    fn is_transient(&self) -> bool {
        matches!(&self.error, GuardedError::Store(error) if error.is_transient())
    }
}

/// The number of documents to read back with one query.
const READ_BACK: usize = 50;

/// The maximum number of documents to insert or delete with one command.
const WRITTEN_AT_ONCE: usize = 500;

impl GuardedCollection<'_> {
    /// Executes the writes of a request in order, all of them or none. Each is judged by the stored document at that
    /// time and by the result of the change, and no concurrent write can come in between. Transient failures, such as
    /// conflicting transactions, are retried within the [time limit](crate::guarded::Limits::time) of the request.
    ///
    /// If the database does not support transactions, a single document can be written by one command, provided that
    /// its query enforces all that the rules require.
    ///
    /// An update names fields and changes some of them. The user must be permitted to write all fields that change, and
    /// to write or at least read all fields that are named: otherwise, whether the update changed them would reveal
    /// their values.
    ///
    /// # Errors
    /// [`Denied`](GuardedError::Denied) by the rules. The request also fails if there are no rules, if a rule or the
    /// database fails, or if it exceeds a limit. It then has had no effect, unless the outcome is
    /// [unknown](DocumentsError::OutcomeUnknown). As far as an error might depend on hidden data, a user who may not
    /// make the change learns only that it is denied.
    pub async fn write(&self, writes: &[Write]) -> Result<Vec<Written>, GuardedError> {
        self.admit()?;
        let prepared = self.prepared(writes)?;
        let began = Instant::now();
        let (mut attempt, mut turn) = (0, None);
        loop {
            match self.attempt(&prepared, began).await {
                Ok(written) => return Ok(written),
                Err(Failed { error: GuardedError::Store(DocumentsError::NoTransactions), .. }) => {
                    return self.write_single(writes).await;
                }
                Err(failed) if failed.is_transient() && began.elapsed() < self.limits.time => {
                    attempt += 1;
                    match &turn {
                        None => turn = Some(self.store.turn(&self.namespace).await),
                        Some(_) => self.store.pause(attempt).await,
                    }
                }
                Err(Failed { error, at }) => return Err(self.disclosed(error, at)),
            }
        }
    }

    async fn attempt(&self, writes: &[Prepared<'_>], began: Instant) -> Result<Vec<Written>, Failed> {
        let (operation, standing) = (writes.last().map_or(WriteKind::Update, Prepared::operation), Standing::Permitted);
        let at = At { operation, standing, number: writes.len().saturating_sub(1), of: writes.len() };
        let in_all = |error: DocumentsError| Failed { error: error.into(), at };
        let before_all = |error: DocumentsError| Failed { error: error.into(), at: At { number: 0, ..at } };
        let mut transaction = self.store.begin().await.map_err(before_all)?;
        let left = self.limits.written_documents;
        let mut writing =
            Writing { collection: self, transaction: &mut *transaction, began, left, operation, standing };
        let mut done = Vec::with_capacity(writes.len());
        for (number, write) in writes.iter().enumerate() {
            match writing.perform(write).await {
                Ok(written) => done.push(written),
                Err(error) => {
                    let rest = writes.get(number + 1..).unwrap_or_default();
                    let at = writing.at(number, rest);
                    transaction.abort().await;
                    return Err(Failed { error, at });
                }
            }
        }
        transaction.commit().await.map_err(in_all)?;
        Ok(done)
    }
}

impl GuardedCollection<'_> {
    /// The part of a document that the user may read, with the requested projection applied.
    pub(super) fn shown(
        &self,
        document: &RawDocumentBuf,
        projection: Option<&Projection>,
    ) -> Result<Option<RawDocumentBuf>, GuardedError> {
        let mut buffer = Buffer::new();
        let Some(visible) = self.guard.read_into(document, &mut buffer).allowed() else { return Ok(None) };
        let visible = visible.to_owned();
        Ok(Some(match projection {
            Some(projection) => project(projection, &visible)?,
            None => visible,
        }))
    }

    pub(super) fn judged(&self, operation: WriteKind, decision: &Decision<'_, ()>) -> Result<(), GuardedError> {
        let Outcome::Deny(reason) = decision.outcome() else { return Ok(()) };
        let role = decision.role().map(str::to_owned);
        let is_schema_alone = operation == WriteKind::Insert && matches!(reason, Reason::Schema(_));
        let denial = Denial { role, errors: decision.errors().to_vec(), is_schema_alone, ..Denial::of(reason.clone()) };
        Err(denial.denies(operation))
    }

    /// Like [`judged`](Self::judged), for an update of a stored document.
    pub(super) fn judged_update(
        &self,
        before: &RawDocumentBuf,
        decision: &Decision<'_, ()>,
    ) -> Result<(), GuardedError> {
        let mut judged = self.judged(WriteKind::Update, decision);
        if let Err(GuardedError::Denied { reason, .. }) = &mut judged {
            reason.is_schema_alone = matches!(reason.reason, Reason::Schema(_)) && self.shows_whole(before);
        }
        judged
    }

    /// Whether the user may read the document as a whole, whatever fields it has.
    fn shows_whole(&self, document: &RawDocumentBuf) -> bool {
        matches!(self.guard.read(document).allowed(), Some(Visible::Whole(_)))
    }
}

impl Writing<'_> {
    async fn perform(&mut self, write: &Prepared<'_>) -> Result<Written, GuardedError> {
        (self.operation, self.standing) = (write.operation(), Standing::Unjudged);
        self.in_time()?;
        match &write.step {
            Step::Insert(documents) => self.insert(documents).await,
            Step::Change(sought, changing) => self.change(sought, changing, write.returns).await,
            Step::Delete(sought) => self.delete(sought, write.returns).await,
        }
    }

    /// Where the current write failed, with `rest` being the writes after it. If anything is hidden, the failure is
    /// reported as one of a permitted write only if `rest` is permitted too: otherwise, the report would reveal that
    /// the request got this far.
    fn at(&self, number: usize, rest: &[Prepared<'_>]) -> At {
        let standing = match self.standing {
            Standing::Permitted if !self.collection.guard.hides_nothing() => {
                Standing::of(rest.iter().all(|write| write.is_permitted))
            }
            standing => standing,
        };
        At { operation: self.operation, standing, number, of: number + 1 + rest.len() }
    }

    async fn delete(&mut self, sought: &Sought<'_>, returns: Option<Moment>) -> Result<Written, GuardedError> {
        let stored = self.matched(sought).await?;
        self.take(stored.len())?;
        for document in &stored {
            self.in_time()?;
            self.collection.judged(WriteKind::Delete, &self.collection.guard.delete(document))?;
        }
        self.standing = Standing::Permitted;
        let mut written = Written::default();
        for documents in stored.chunks(WRITTEN_AT_ONCE) {
            self.in_time()?;
            let ids = documents.iter().map(id).collect::<Result<Vec<_>, _>>()?;
            written.deleted += self.transaction.delete_many(&self.collection.namespace, &ids).await?;
        }
        if returns == Some(Moment::Before)
            && let Some(document) = stored.first()
        {
            written.document = self.collection.shown(document, sought.selection.request.query.projection())?;
        }
        Ok(written)
    }

    /// Inserts documents that have been judged, then judges them again as stored.
    async fn insert(&mut self, documents: &[Cow<'_, Document>]) -> Result<Written, GuardedError> {
        self.standing = Standing::Permitted;
        self.take(documents.len())?;
        let mut inserted = Vec::with_capacity(documents.len());
        for documents in documents.chunks(WRITTEN_AT_ONCE) {
            self.in_time()?;
            let documents: Vec<&Document> = documents.iter().map(|document| &**document).collect();
            inserted.extend(self.transaction.insert_many(&self.collection.namespace, &documents).await?);
        }
        for document in self.by_ids(&inserted).await? {
            self.collection.judged(WriteKind::Insert, &self.collection.guard.insert(&document))?;
        }
        Ok(Written { inserted, ..Written::default() })
    }

    /// The stored documents with these `_id`s, in this order.
    pub(super) async fn by_ids(&mut self, ids: &[Bson]) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let (mut found, mut bytes) = (Vec::with_capacity(ids.len()), 0_usize);
        for ids in ids.chunks(READ_BACK) {
            self.in_time()?;
            let find = Find::by(doc! { "_id": { "$in": ids } });
            let documents = self.transaction.find(&self.collection.namespace, &find).await?;
            bytes = documents.iter().fold(bytes, |bytes, one| bytes.saturating_add(one.as_bytes().len()));
            if bytes > MAX_FOUND_BYTES {
                return Err(DocumentsError::TooLarge.into());
            }
            let mut documents =
                documents.into_iter().map(|one| Ok((id(&one)?, one))).collect::<Result<Vec<_>, Malformed>>()?;
            for wanted in ids {
                // Ids are compared by value, because a replacement may have changed the numeric type of an `_id`.
                let mut place = None;
                for (at, (id, _)) in documents.iter().enumerate() {
                    if equal(id.into(), wanted.into())? {
                        place = Some(at);
                        break;
                    }
                }
                found.push(documents.swap_remove(place.ok_or_else(vanished)?).1);
            }
        }
        Ok(found)
    }

    /// Counts documents towards the limit on written documents.
    pub(super) fn take(&mut self, documents: usize) -> Result<(), GuardedError> {
        let too_many = LimitExceeded::Written(self.collection.limits.written_documents);
        self.left = self.left.checked_sub(documents).ok_or(too_many)?;
        self.in_time()
    }

    pub(super) fn in_time(&self) -> Result<(), GuardedError> {
        let limit = self.collection.limits.time;
        if self.began.elapsed() > limit { Err(LimitExceeded::Time(limit).into()) } else { Ok(()) }
    }
}

/// The `_id` of a stored document.
pub(super) fn id(document: &RawDocumentBuf) -> Result<Bson, Malformed> {
    let id = document.get("_id")?.map(Bson::try_from).transpose()?;
    Ok(id.unwrap_or(Bson::Null))
}

/// The error for documents that the transaction has written but cannot find.
pub(super) fn vanished() -> GuardedError {
    DocumentsError::from(StoreError::new("cannot read back what was written", "a document is not there")).into()
}
