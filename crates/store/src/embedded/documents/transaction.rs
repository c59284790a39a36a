use bson::{Bson, Document, RawDocumentBuf};
use redb::WriteTransaction;
use tokio::sync::OwnedMutexGuard;

use super::changes::{Change as LoggedChange, Logged};
use super::collection::{Next, Tables, numbers, raw, scan};
use super::failure::{broken, check_namespace, refused};
use super::pipeline::{FIRST_STAGE_STEPS, Need, Pipeline};
use super::stage::Search;
use super::store::EmbeddedDocuments;
use crate::embedded::observers::Concerned;
use portcullis::BoxFuture;
use portcullis::eval::Errors;
use portcullis::mongo_query::{Filter, Position};
use portcullis::store::documents::{
    Change, ChangeOperation, DocumentStore, DocumentsError, Find, MAX_FOUND_BYTES, Namespace, Transaction, Updated,
};
use portcullis::update::{self, Moment, Update, UpdateError, UpdateErrorKind};
use portcullis::value::{DocumentRef, Steps};

/// A transaction; dropping it discards its changes.
pub(super) struct Writing {
    transaction: WriteTransaction,
    store: EmbeddedDocuments,
    /// The changes that it has added to the log.
    logged: Logged,
    /// The users whose custom data the transaction changes, per observer.
    concerned: Concerned,
    /// Dropped last, after the transaction has ended.
    _turn: OwnedMutexGuard<()>,
}

impl Writing {
    pub(super) fn new(transaction: WriteTransaction, turn: OwnedMutexGuard<()>, store: EmbeddedDocuments) -> Self {
        let concerned = store.file.observers.begin();
        Self { transaction, store, logged: Logged::default(), concerned, _turn: turn }
    }

    /// Adds a change to the log.
    fn log(
        &mut self,
        namespace: &Namespace,
        operation: ChangeOperation,
        before: Option<RawDocumentBuf>,
        after: Option<RawDocumentBuf>,
    ) -> Result<(), DocumentsError> {
        self.concerned.note(namespace, [&before, &after]);
        let (namespace, time) = (namespace.clone(), self.store.clock.now());
        self.logged.add(&self.transaction, LoggedChange { namespace, operation, time, before, after })
    }

    fn find_now(&self, namespace: &Namespace, find: &Find) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
        check_namespace(namespace)?;
        let search = Search::of_find(find)?;
        let tables = Tables::open(&self.transaction)?;
        let among = search.ids.as_ref().map(|wanted| numbers(&tables.ids, namespace, wanted)).transpose()?;
        let mut pipeline = Pipeline::new(search.stages);
        let mut visit = |_, bytes: &[u8]| match pipeline.put(DocumentRef::Raw(raw(bytes)?))? {
            Need::More if pipeline.out_bytes() > MAX_FOUND_BYTES => Err(DocumentsError::TooLarge),
            Need::More => Ok(Next::Go),
            Need::Nothing => Ok(Next::Stop),
        };
        scan(&tables.documents, namespace, among.as_ref(), 0, usize::MAX, &mut visit)?;
        pipeline.finish()?;
        Ok(pipeline.take())
    }

    fn insert_now(&mut self, namespace: &Namespace, document: &Document) -> Result<Bson, DocumentsError> {
        check_namespace(namespace)?;
        let mut document = update::check_document(document.clone(), self.store.clock.now())?;
        let id = match document.get("_id") {
            Some(id) => id.clone(),
            None => {
                let id = Bson::ObjectId(self.store.new_id());
                let mut with_id = Document::new();
                with_id.insert("_id", id.clone());
                with_id.extend(document);
                document = update::check_document(with_id, self.store.clock.now())?;
                id
            }
        };
        let after = Tables::open(&self.transaction)?.insert(namespace, &document)?;
        self.log(namespace, ChangeOperation::Insert, None, Some(after))?;
        Ok(id)
    }

    fn update_now(
        &mut self,
        namespace: &Namespace,
        filter: &Document,
        change: &Change,
        upsert: bool,
    ) -> Result<Updated, DocumentsError> {
        check_namespace(namespace)?;
        let changing = Changing::compile(change)?;
        let conditions = Filter::compile(filter)?;
        let mut tables = Tables::open(&self.transaction)?;
        let wanted = super::id_key::ids(filter);
        let among = wanted.as_ref().map(|wanted| numbers(&tables.ids, namespace, wanted)).transpose()?;
        let mut found = None;
        let mut visit = |number, bytes: &[u8]| {
            let document = raw(bytes)?;
            // The same limit as for a pipeline's first stage, since the conditions include those of the rules.
            if conditions.matches_within(document, &Errors::within(Steps::new(FIRST_STAGE_STEPS)))? {
                found = Some((number, document.to_owned()));
            }
            Ok(if found.is_none() { Next::Go } else { Next::Stop })
        };
        scan(&tables.documents, namespace, among.as_ref(), 0, usize::MAX, &mut visit)?;
        let mut moment = Moment::at(self.store.clock.now());
        let Some((number, before)) = found else {
            if !upsert {
                return Ok(Updated::default());
            }
            drop(tables);
            moment.inserts = true;
            let seed = update::upsert_document(filter, matches!(changing, Changing::Replacement(_)))?;
            let made = changing.apply(seed, &moment)?.document;
            return Ok(Updated { upserted: Some(self.insert_now(namespace, &made)?), ..Updated::default() });
        };
        let document = DocumentRef::Raw(&before).to_document()?;
        if let Changing::Operators(update) = &changing
            && update.needs_position()
        {
            moment.position = match conditions.position(&document)? {
                Position::Element(index) => Some(index),
                Position::Nowhere => None,
                Position::Unclear => return Err(UpdateError::from(UpdateErrorKind::PositionUnclear).into()),
            };
        }
        let applied = changing.apply(document, &moment)?;
        if applied.modified {
            let after = tables.put(namespace, number, &applied.document)?;
            drop(tables);
            let operation = changing.operation();
            self.log(namespace, operation, Some(before), Some(after))?;
        }
        Ok(Updated { matched: true, modified: applied.modified, upserted: None })
    }

    fn delete_now(&mut self, namespace: &Namespace, id: &Bson) -> Result<bool, DocumentsError> {
        check_namespace(namespace)?;
        let before = Tables::open(&self.transaction)?.delete(namespace, id.into())?;
        let Some(before) = before else { return Ok(false) };
        self.log(namespace, ChangeOperation::Delete, Some(before), None)?;
        Ok(true)
    }
}

/// A compiled change.
enum Changing<'c> {
    Operators(Box<Update>),
    Pipeline(&'c [Document]),
    Replacement(&'c Document),
}

/// The stages that turn one document into exactly one other.
const UPDATE_STAGES: [&str; 6] = ["$addFields", "$project", "$replaceRoot", "$replaceWith", "$set", "$unset"];

impl<'c> Changing<'c> {
    fn compile(change: &'c Change) -> Result<Self, DocumentsError> {
        match change {
            Change::Operators { update, array_filters } => {
                Ok(Self::Operators(Box::new(Update::compile(update, array_filters)?)))
            }
            Change::Pipeline(stages) => {
                let mut names = stages.iter().flat_map(Document::keys);
                if let Some(name) = names.find(|name| !UPDATE_STAGES.contains(&name.as_str())) {
                    return Err(refused(72, format!("`{name}` is not a stage of an update")));
                }
                Search::of_pipeline(stages)?;
                Ok(Self::Pipeline(stages))
            }
            Change::Replacement(document) => Ok(Self::Replacement(document)),
        }
    }

    const fn operation(&self) -> ChangeOperation {
        match self {
            Self::Operators(_) => ChangeOperation::Update,
            Self::Pipeline(_) => ChangeOperation::Update,
            Self::Replacement(_) => ChangeOperation::Replace,
        }
    }

    fn apply(&self, document: Document, moment: &Moment) -> Result<update::Applied, DocumentsError> {
        Ok(match self {
            Self::Operators(update) => update.apply(document, moment)?,
            Self::Pipeline(stages) => update::replace(&document, &made(stages, &document)?, moment.now)?,
            Self::Replacement(new) => update::replace(&document, new, moment.now)?,
        })
    }
}

/// Applies the stages of an update to a document.
fn made(stages: &[Document], document: &Document) -> Result<Document, DocumentsError> {
    let mut pipeline = Pipeline::new(Search::of_pipeline(stages)?.stages);
    pipeline.put(DocumentRef::from(document))?;
    pipeline.finish()?;
    match pipeline.take().first() {
        Some(made) => Ok(DocumentRef::Raw(made).to_document()?),
        None => Ok(document.clone()),
    }
}

impl Transaction for Writing {
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        Box::pin(async move { self.find_now(namespace, find) })
    }

    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>> {
        Box::pin(async move { self.insert_now(namespace, document) })
    }

    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>> {
        Box::pin(async move { self.update_now(namespace, filter, change, upsert) })
    }

    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>> {
        Box::pin(async move { self.delete_now(namespace, id) })
    }

    fn commit<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            // Locals are dropped in reverse order: the turn must be the last, also after an error.
            let Self { _turn, concerned, logged, store, transaction } = *self;
            let has_changes = logged.finish(&transaction, store.change_log, store.clock.now())?;
            store.file.commit(transaction).map_err(broken("cannot commit documents"))?;
            if has_changes {
                store.file.observers.tell(concerned);
                store.file.announce();
            }
            Ok(())
        })
    }
}
