//! Data actions on a MongoDB server: each is sent as the corresponding database command, so all of MongoDB's language
//! is available.

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::guarded::{parse_limit, parse_skip};
use portcullis::store::documents::{DocumentsError, Namespace};
use portcullis::value::{Number, ValueRef};
use portcullis_store::mongodb::{MongoCommands, MongoTransaction};

use super::action::Action;
use super::bulk::EMPTY;
use super::client_error::failed;
use super::found::documents;
use super::guarded::{MAX_FOUND, check_count, missing, mistyped, updated};
use super::store::OpenTransaction;
use super::transactions::Joined;
use crate::client::{ClientError, ErrorCode};

/// One action on a collection. The options have the names that [`Guarded`](super::guarded::Guarded) lists.
pub(super) struct Commanded<'a> {
    pub(super) commands: MongoCommands,
    pub(super) namespace: &'a Namespace,
    pub(super) options: &'a Document,
    /// The transaction in which the action runs, if any.
    pub(super) joined: Option<Joined>,
}

/// The most writes in one command, and their most bytes.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 12 << 20;

impl Commanded<'_> {
    pub(super) async fn carry_out(mut self, action: Action) -> Result<Bson, ClientError> {
        let done = self.act(action).await;
        // The server has aborted the transaction, so it must not be used further.
        if let (Err(_), Some(joined)) = (&done, &mut self.joined) {
            joined.break_off();
        }
        done
    }

    async fn act(&mut self, action: Action) -> Result<Bson, ClientError> {
        match action {
            Action::Find => {
                self.number("skip", parse_skip)?;
                let limit = self.most()?;
                self.find(limit).await
            }
            Action::FindOne => Ok(first(self.find(1).await?)),
            Action::Aggregate => {
                let pipeline = self.options.get("pipeline").ok_or_else(|| missing("pipeline"))?;
                let command = doc! { "aggregate": self.collection(), "pipeline": pipeline, "cursor": {} };
                documents(self.cursor(command).await?)
            }
            Action::Count => self.count().await,
            Action::Distinct => {
                let key = self.options.get_str("key").map_err(|_| missing("key"))?;
                let command = doc! { "distinct": self.collection(), "key": key, "query": self.filter() };
                Ok(self.read(command).await?.remove("values").unwrap_or(Bson::Null))
            }
            Action::InsertOne => {
                let document = self.options.get_document("document").map_err(|_| missing("document"))?.clone();
                let id = self.insert(vec![document], true).await?.into_iter().next();
                Ok(Bson::Document(doc! { "insertedId": id }))
            }
            Action::InsertMany => {
                let documents = self.array("documents")?;
                if documents.is_empty() {
                    return Err(ClientError::bad(ErrorCode::InvalidParameter, "must provide at least one element"));
                }
                let documents = documents.iter().map(|one| one.as_document().cloned()).collect::<Option<Vec<_>>>();
                let ids = self.insert(documents.ok_or_else(|| missing("documents"))?, self.is_ordered()).await?;
                Ok(Bson::Document(doc! { "insertedIds": ids }))
            }
            Action::UpdateOne | Action::UpdateMany | Action::ReplaceOne => self.update(action).await,
            Action::DeleteOne | Action::DeleteMany => {
                let limit = i32::from(action == Action::DeleteOne);
                let command = doc! {
                    "delete": self.collection(), "deletes": [{ "q": self.filter(), "limit": limit }],
                };
                let deleted = self.write(command).await?.get("n").cloned();
                Ok(Bson::Document(doc! { "deletedCount": count(deleted.as_ref()) }))
            }
            Action::FindOneAndUpdate | Action::FindOneAndReplace | Action::FindOneAndDelete => {
                self.find_and_modify(action).await
            }
            Action::BulkWrite => self.bulk().await,
        }
    }

    async fn find(&mut self, limit: i64) -> Result<Bson, ClientError> {
        let mut command = doc! { "find": self.collection(), "filter": self.filter(), "limit": limit };
        self.copy(&mut command, &[("projection", "projection"), ("sort", "sort")]);
        command.extend(self.number("skip", parse_skip)?.map(|skip| ("skip".to_owned(), Bson::Int64(skip))));
        if limit == 1 {
            command.insert("singleBatch", true);
        }
        documents(self.cursor(command).await?)
    }

    /// The request's `limit`, capped at [`MAX_FOUND`].
    fn most(&self) -> Result<i64, ClientError> {
        let most = i64::try_from(MAX_FOUND).unwrap_or(i64::MAX);
        let limit = self.number("limit", parse_limit)?;
        Ok(limit.filter(|limit| *limit > 0).map_or(most, |limit| limit.min(most)))
    }

    async fn count(&mut self) -> Result<Bson, ClientError> {
        check_count(self.options.get("limit"))?;
        let (skip, limit) = (self.number("skip", parse_skip)?, self.number("limit", parse_limit)?);
        // Transactions do not support `count`. And `count` without a filter reads collection metadata, which includes
        // uncommitted writes of other transactions.
        if self.joined.is_some() || self.filter().is_empty() {
            let mut stages = vec![doc! { "$match": self.filter() }];
            stages.extend(skip.filter(|number| *number > 0).map(|number| doc! { "$skip": number }));
            stages.extend(limit.filter(|number| *number > 0).map(|number| doc! { "$limit": number }));
            stages.push(doc! { "$count": "n" });
            let command = doc! { "aggregate": self.collection(), "pipeline": stages, "cursor": {} };
            let counted = first(documents(self.cursor(command).await?)?);
            let counted = counted.as_document().and_then(|found| ValueRef::from(found.get("n")?).number());
            return Ok(Bson::Int64(counted.and_then(Number::integer).unwrap_or_default()));
        }
        let mut command = doc! { "count": self.collection(), "query": self.filter() };
        for (name, number) in [("limit", limit), ("skip", skip)] {
            command.extend(number.map(|number| (name.to_owned(), Bson::Int64(number))));
        }
        let counted = self.read(command).await?;
        let counted = counted.get("n").and_then(|n| ValueRef::from(n).number()).and_then(Number::integer);
        Ok(Bson::Int64(counted.unwrap_or_default()))
    }

    /// Inserts documents; returns their `_id`s.
    async fn insert(&mut self, documents: Vec<Document>, is_ordered: bool) -> Result<Vec<Bson>, ClientError> {
        let documents: Vec<Document> = documents.into_iter().map(with_id).collect();
        let ids = documents.iter().map(|document| document.get("_id").cloned().unwrap_or(Bson::Null)).collect();
        self.batches("insert", "documents", documents, is_ordered).await?;
        Ok(ids)
    }

    /// Splits writes into as many commands as their size requires; returns the server's replies. If unordered,
    /// continues after a failure and returns the first one at the end.
    async fn batches(
        &mut self,
        command: &str,
        name: &str,
        writes: Vec<Document>,
        is_ordered: bool,
    ) -> Result<Vec<Document>, ClientError> {
        let (mut answers, mut failure) = (Vec::new(), None);
        for batch in batched(writes)? {
            let command = doc! { command: self.collection(), name: batch, "ordered": is_ordered };
            match self.write(command).await {
                Ok(answer) => answers.push(answer),
                Err(error) if is_ordered => return Err(error),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(answers), Err)
    }

    async fn update(&mut self, action: Action) -> Result<Bson, ClientError> {
        let (name, many) = match action {
            Action::ReplaceOne => ("replacement", false),
            action => ("update", action == Action::UpdateMany),
        };
        let change = change(self.options, name)?;
        if name == "replacement" && change != Change::Replaces {
            return Err(operators_in_a_replacement());
        }
        let update = self.options.get(name).cloned().unwrap_or(Bson::Null);
        if many && change == Change::Replaces {
            return self.replace_many(&update).await;
        }
        let mut statement = doc! { "q": self.filter(), "u": update, "multi": many };
        self.copy(&mut statement, &[("upsert", "upsert"), ("arrayFilters", "arrayFilters")]);
        let answer = self.write(doc! { "update": self.collection(), "updates": [statement] }).await?;
        Ok(Bson::Document(changed([&answer])))
    }

    /// Replaces every matching document, keeping each `_id`. MongoDB itself has no multi-document replacement.
    async fn replace_many(&mut self, replacement: &Bson) -> Result<Bson, ClientError> {
        let most = i64::try_from(MAX_FOUND).unwrap_or(i64::MAX);
        let command = doc! {
            "find": self.collection(), "filter": self.filter(), "projection": { "_id": 1 }, "limit": most,
        };
        let found = self.cursor(command).await?;
        let ids: Vec<Bson> = found.iter().filter_map(|raw| raw.get("_id").ok().flatten()?.try_into().ok()).collect();
        if ids.is_empty() {
            let mut statement = doc! { "q": self.filter(), "u": replacement };
            self.copy(&mut statement, &[("upsert", "upsert")]);
            let answer = self.write(doc! { "update": self.collection(), "updates": [statement] }).await?;
            return Ok(Bson::Document(changed([&answer])));
        }
        let filter = self.filter();
        let statement = |id: Bson| {
            let by_id = doc! { "_id": { "$eq": id } };
            // The filter is repeated because the document may have stopped matching in the meantime.
            doc! { "q": { "$and": [by_id, filter.clone()] }, "u": replacement }
        };
        let statements = ids.into_iter().map(statement).collect();
        let answers = self.batches("update", "updates", statements, true).await?;
        Ok(Bson::Document(changed(&answers)))
    }

    async fn find_and_modify(&mut self, action: Action) -> Result<Bson, ClientError> {
        let mut command = doc! { "findAndModify": self.collection(), "query": self.filter() };
        self.copy(&mut command, &[("sort", "sort"), ("projection", "fields")]);
        match action {
            Action::FindOneAndDelete => drop(command.insert("remove", true)),
            action => {
                let name = if action == Action::FindOneAndReplace { "replacement" } else { "update" };
                if change(self.options, name)? != Change::Replaces && name == "replacement" {
                    return Err(operators_in_a_replacement());
                }
                let names = [(name, "update"), ("upsert", "upsert"), ("returnNewDocument", "new")];
                self.copy(&mut command, &names);
                if action == Action::FindOneAndUpdate {
                    self.copy(&mut command, &[("arrayFilters", "arrayFilters")]);
                }
            }
        }
        Ok(self.write(command).await?.remove("value").unwrap_or(Bson::Null))
    }

    /// Writes the operations in order; consecutive operations of the same kind share a command.
    async fn bulk(&mut self) -> Result<Bson, ClientError> {
        let is_ordered = self.is_ordered();
        let operations = self.array("operations")?;
        if operations.is_empty() {
            return Err(ClientError::bad(ErrorCode::InvalidParameter, EMPTY));
        }
        let statements = operations.iter().map(statement).collect::<Result<Vec<_>, _>>()?;
        let mut failure = None;
        let mut statements = statements.into_iter().peekable();
        while let Some((kind, first)) = statements.next() {
            let mut same = vec![first];
            while let Some((_, next)) = statements.next_if(|(next, _)| *next == kind) {
                same.push(next);
            }
            let (command, name) = match kind {
                Kind::Insert => ("insert", "documents"),
                Kind::Update => ("update", "updates"),
                Kind::Delete => ("delete", "deletes"),
            };
            if let Err(error) = self.batches(command, name, same, is_ordered).await {
                if is_ordered {
                    return Err(error);
                }
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(Bson::Null), Err)
    }

    fn collection(&self) -> &str {
        self.namespace.collection()
    }

    fn filter(&self) -> Document {
        self.options.get_document("filter").cloned().unwrap_or_default()
    }

    fn is_ordered(&self) -> bool {
        self.options.get_bool("ordered").unwrap_or(true)
    }

    fn array(&self, name: &str) -> Result<Vec<Bson>, ClientError> {
        self.options.get_array(name).cloned().map_err(|_| missing(name))
    }

    /// The value of `skip` or `limit`, if given. As in the embedded store, it is not left to the server, which takes a
    /// negative `limit` in one command and refuses it in the other.
    fn number(&self, name: &str, parse: fn(ValueRef<'_>) -> Option<u64>) -> Result<Option<i64>, ClientError> {
        let given = match self.options.get(name) {
            None | Some(Bson::Null | Bson::Undefined) => return Ok(None),
            Some(given) => given,
        };
        let number = parse(given.into()).and_then(|number| i64::try_from(number).ok());
        let message = "`skip` and `limit` are numbers, and `skip` is not negative";
        number.map(Some).ok_or_else(|| ClientError::bad(ErrorCode::InvalidParameter, message))
    }

    /// Copies those of the options that are present and not null into a command, under the command's own names.
    fn copy(&self, command: &mut Document, names: &[(&str, &str)]) {
        for (from, to) in names {
            match self.options.get(from) {
                None | Some(Bson::Null | Bson::Undefined) => {}
                Some(value) => drop(command.insert(*to, value.clone())),
            }
        }
    }

    fn transaction(joined: &mut Option<Joined>) -> Result<Option<&mut MongoTransaction>, DocumentsError> {
        let Some(joined) = joined else { return Ok(None) };
        match joined.transaction()? {
            OpenTransaction::Server(transaction) => Ok(Some(transaction)),
            OpenTransaction::Embedded(_) => Err(DocumentsError::NoTransactions),
        }
    }

    async fn cursor(&mut self, command: Document) -> Result<Vec<RawDocumentBuf>, ClientError> {
        let transaction = Self::transaction(&mut self.joined).map_err(failed)?;
        self.commands.find(self.namespace.database(), command, transaction).await.map_err(failed)
    }

    async fn read(&mut self, command: Document) -> Result<Document, ClientError> {
        let transaction = Self::transaction(&mut self.joined).map_err(failed)?;
        self.commands.read(self.namespace.database(), command, transaction).await.map_err(failed)
    }

    async fn write(&mut self, command: Document) -> Result<Document, ClientError> {
        let transaction = Self::transaction(&mut self.joined).map_err(failed)?;
        self.commands.write(self.namespace.database(), command, transaction).await.map_err(failed)
    }
}

/// The two forms of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Update operators or a pipeline.
    Operates,
    /// A replacement document.
    Replaces,
}

/// The form of the update in an option. An update that mixes operators with plain fields is an error: it would store
/// the operators as fields.
fn change(options: &Document, name: &str) -> Result<Change, ClientError> {
    match options.get(name) {
        Some(Bson::Array(_)) => Ok(Change::Operates),
        Some(Bson::Document(update)) => {
            let operators = update.keys().filter(|key| key.starts_with('$')).count();
            match operators {
                0 => Ok(Change::Replaces),
                some if some == update.len() => Ok(Change::Operates),
                _ => {
                    let message = "an update has either operators or the fields of a replacement";
                    Err(ClientError::bad(ErrorCode::InvalidParameter, message))
                }
            }
        }
        None => Err(missing(name)),
        Some(_) => Err(mistyped(name, "a document or an array")),
    }
}

fn operators_in_a_replacement() -> ClientError {
    let message = "the replace operation document must not contain atomic operators";
    ClientError::bad(ErrorCode::InvalidParameter, message)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Insert,
    Update,
    Delete,
}

/// Converts an operation of a `bulkWrite` into a statement of an insert, update or delete command.
fn statement(operation: &Bson) -> Result<(Kind, Document), ClientError> {
    let wrong = |message: &str| ClientError::bad(ErrorCode::InvalidParameter, message);
    let single = operation.as_document().filter(|operation| operation.len() == 1);
    let (name, value) = single
        .and_then(|operation| operation.iter().next())
        .ok_or_else(|| wrong("an operation of a bulk write is an object with one member, such as `updateOne`"))?;
    let value = value.as_document().ok_or_else(|| wrong("an operation of a bulk write takes an object"))?;
    // Among several writes, a missing filter is most likely a mistake, and would change an arbitrary document.
    let filter = || value.get_document("filter").cloned().map_err(|_| missing("filter"));
    Ok(match name.as_str() {
        "insertOne" => {
            let document = value.get_document("document").ok().filter(|_| value.len() == 1);
            (Kind::Insert, with_id(document.unwrap_or(value).clone()))
        }
        "deleteOne" => (Kind::Delete, doc! { "q": filter()?, "limit": 1 }),
        "deleteMany" => (Kind::Delete, doc! { "q": filter()?, "limit": 0 }),
        "updateOne" | "updateMany" | "replaceOne" => {
            let by = if name == "replaceOne" { "replacement" } else { "update" };
            match change(value, by)? {
                Change::Replaces if name == "updateMany" => {
                    return Err(wrong("`updateMany` of a bulk write takes update operators or a pipeline"));
                }
                Change::Operates if name == "replaceOne" => return Err(operators_in_a_replacement()),
                _ => {}
            }
            let mut statement = doc! { "q": filter()?, "u": value.get(by).cloned(), "multi": name == "updateMany" };
            for option in ["upsert", "arrayFilters"] {
                if let Some(given) = value.get(option).filter(|given| **given != Bson::Null) {
                    statement.insert(option, given.clone());
                }
            }
            (Kind::Update, statement)
        }
        _ => {
            let known = "`insertOne`, `updateOne`, `updateMany`, `replaceOne`, `deleteOne` and `deleteMany`";
            return Err(wrong(&format!("the operations of a bulk write are {known}")));
        }
    })
}

/// Adds an `_id` as the first field if the document has none.
fn with_id(document: Document) -> Document {
    if document.contains_key("_id") {
        return document;
    }
    let mut with_id = doc! { "_id": ObjectId::new() };
    with_id.extend(document);
    with_id
}

/// Splits writes into batches that each fit into one command.
fn batched(writes: Vec<Document>) -> Result<Vec<Vec<Document>>, ClientError> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for write in writes {
        let raw = RawDocumentBuf::try_from(&write);
        let size = raw.map_err(|error| ClientError::bad(ErrorCode::InvalidParameter, error.to_string()))?;
        let size = size.as_bytes().len();
        if !batch.is_empty() && (batch.len() >= BATCH || bytes.saturating_add(size) > BATCH_BYTES) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes = bytes.saturating_add(size);
        batch.push(write);
    }
    batches.push(batch);
    Ok(batches)
}

/// Sums up the server's replies to update commands as `matchedCount`, `modifiedCount` and `upsertedId`.
fn changed<'a>(answers: impl IntoIterator<Item = &'a Document>) -> Document {
    let (mut matched, mut modified, mut upserted) = (0_u64, 0_u64, None);
    for answer in answers {
        let inserted = answer.get_array("upserted").map_or(&[][..], Vec::as_slice);
        let found = u64::try_from(count(answer.get("n"))).unwrap_or_default();
        matched += found.saturating_sub(u64::try_from(inserted.len()).unwrap_or_default());
        modified += u64::try_from(count(answer.get("nModified"))).unwrap_or_default();
        upserted = upserted.or_else(|| inserted.first()?.as_document()?.get("_id").cloned());
    }
    updated(matched, modified, upserted)
}

/// A count from the server's reply; 0 if absent, capped at `i32::MAX`.
fn count(value: Option<&Bson>) -> i32 {
    let number = value.and_then(|value| ValueRef::from(value).number()).and_then(Number::integer);
    i32::try_from(number.unwrap_or_default()).unwrap_or(i32::MAX)
}

fn first(documents: Bson) -> Bson {
    match documents {
        Bson::Array(documents) => documents.into_iter().next().unwrap_or(Bson::Null),
        _ => Bson::Null,
    }
}
