//! Data actions that go through the rules of a collection.

use bson::{Bson, Document, doc};
use portcullis::GuardedCollection;
use portcullis::guarded::{FindRequest, GuardedError, LimitExceeded, Pipeline, RedactedCursor, Written, parse_writes};
use portcullis::json::{self, Kind, Node};
use portcullis::store::documents::{DocumentsError, MAX_FOUND_BYTES};
use portcullis::text::{OneLine, excerpt};
use portcullis::value::ValueRef;

use super::action::Action;
use super::bulk;
use super::client_error::client_error;
use super::found::{Found, Outcome};
use super::nodes::{array, chosen, member, number, object, of_bson, present, renamed, size};
use crate::client::{ClientError, ErrorCode};

/// The most documents that one `find` returns.
pub(crate) const MAX_FOUND: u64 = 50_000;

/// The most characters of a request that a message quotes.
const MAX_SHOWN: usize = 128;

/// The most documents that one request replaces. Each replacement is a separate write with a copy of the new document.
const MAX_REPLACED: usize = 1000;

/// One action. Its options are named as in the requests of guarded collections: `filter`, `projection`, `sort`, `skip`,
/// `limit`, `update`, `replacement`, `upsert`, `arrayFilters`, `returnNewDocument`, `document`, `documents`,
/// `pipeline`, `key`, `operations`.
pub(crate) struct Guarded<'a> {
    pub(crate) action: Action,
    pub(crate) options: &'a Node,
    /// Whether the application itself acts, on the embedded store.
    pub(crate) is_own: bool,
}

impl Guarded<'_> {
    /// Performs the action and returns its result for clients and functions.
    pub(crate) async fn carry_out(&self, collection: &GuardedCollection<'_>) -> Result<Outcome, ClientError> {
        match self.action {
            Action::Find => {
                let request = self.request(&["filter", "projection", "sort", "skip", "limit"])?;
                let limit = request.most().map_or(MAX_FOUND, |limit| limit.min(MAX_FOUND));
                let found = collection.find(&request.limit(Some(limit))).await;
                self.all(found.map_err(|error| self.client_error(&error))?).await
            }
            Action::FindOne => {
                let request = self.request(&["filter", "projection", "sort"])?;
                Ok(Outcome::of_found(collection.find_one(&request).await.map_err(|error| self.client_error(&error))?))
            }
            Action::Count => {
                check_count(present(self.options, "limit").and_then(|limit| json::to_bson(limit).ok()).as_ref())?;
                let request = self.request(&["filter", "skip", "limit"])?;
                let count = collection.count(&request).await.map_err(|error| self.client_error(&error))?;
                Ok(Bson::Int64(i64::try_from(count).unwrap_or(i64::MAX)).into())
            }
            Action::Distinct => {
                let field = present(self.options, "key").and_then(Node::as_str);
                let field = field.ok_or_else(|| missing("key"))?;
                let values = collection.distinct(field, &self.request(&["filter"])?).await;
                Ok(Bson::Array(values.map_err(|error| self.client_error(&error))?).into())
            }
            Action::Aggregate => {
                let pipeline = Pipeline::parse(self.options.get("pipeline").ok_or_else(|| missing("pipeline"))?);
                let pipeline = pipeline.map_err(|error| self.client_error(&error))?;
                let found =
                    Box::pin(collection.aggregate(&pipeline)).await.map_err(|error| self.client_error(&error))?;
                self.all(found).await
            }
            Action::UpdateMany if !self.is_operators()? => Box::pin(self.replace_many(collection)).await,
            Action::BulkWrite => {
                let writes = bulk::writes(self.options)?;
                if writes.as_array().is_some_and(<[Node]>::is_empty) {
                    return Err(ClientError::bad(ErrorCode::InvalidParameter, bulk::EMPTY));
                }
                self.write(collection, &writes).await?;
                Ok(Bson::Null.into())
            }
            _ => {
                let written = self.write(collection, &self.as_write()?).await?;
                Ok(self.result(written.into_iter().next().unwrap_or_default()))
            }
        }
    }

    fn request(&self, names: &[&str]) -> Result<FindRequest, ClientError> {
        FindRequest::of_options(names.iter().filter_map(|name| Some((*name, present(self.options, name)?))))
            .map_err(|error| self.client_error(&error))
    }

    async fn write(&self, collection: &GuardedCollection<'_>, writes: &Node) -> Result<Vec<Written>, ClientError> {
        let writes = parse_writes(writes).map_err(|error| self.client_error(&error))?;
        // Boxed to keep the futures of reads small.
        Box::pin(collection.write(&writes)).await.map_err(|error| self.client_error(&error))
    }

    async fn all(&self, mut cursor: RedactedCursor<'_>) -> Result<Outcome, ClientError> {
        let mut found = Found::default();
        loop {
            let batch = cursor.batch().await.map_err(|error| self.client_error(&error))?;
            if batch.is_empty() {
                return Ok(Outcome::Documents(found.all()));
            }
            found.add(batch)?;
        }
    }

    /// Whether `update` contains operators or is a pipeline, as opposed to a replacement document.
    fn is_operators(&self) -> Result<bool, ClientError> {
        is_operators(self.options.get("update"))
    }

    /// Converts the action into a write request of guarded collections.
    fn as_write(&self) -> Result<Node, ClientError> {
        let named = |name: &str, options: Node| object(vec![member(name, options)]);
        let name = self.action.name();
        Ok(match self.action {
            Action::InsertOne => {
                present(self.options, "document").ok_or_else(|| missing("document"))?;
                named(name, chosen(self.options, &["document"]))
            }
            Action::InsertMany => {
                present(self.options, "documents").ok_or_else(|| missing("documents"))?;
                if self.options.get("documents").and_then(Node::as_array).is_some_and(<[Node]>::is_empty) {
                    return Err(ClientError::bad(ErrorCode::InvalidParameter, "must provide at least one element"));
                }
                named(name, chosen(self.options, &["documents"]))
            }
            Action::DeleteOne | Action::DeleteMany => named(name, with_filter(chosen(self.options, &["filter"]))),
            Action::ReplaceOne => {
                self.refuse_operators()?;
                named("replaceOne", self.replacing("replacement", &[]))
            }
            Action::UpdateOne if !self.is_operators()? => named("replaceOne", self.replacing("update", &[])),
            Action::UpdateOne | Action::UpdateMany => {
                let options = chosen(self.options, &["filter", "update", "upsert", "arrayFilters"]);
                named(name, with_filter(options))
            }
            Action::FindOneAndUpdate if !self.is_operators()? => {
                named("findOneAndReplace", self.replacing("update", &RETURNED))
            }
            Action::FindOneAndUpdate => {
                let options = ["filter", "update", "projection", "sort", "upsert", "arrayFilters", "returnNewDocument"];
                named(name, with_filter(chosen(self.options, &options)))
            }
            Action::FindOneAndReplace => {
                self.refuse_operators()?;
                named(name, self.replacing("replacement", &RETURNED))
            }
            _ => named("findOneAndDelete", with_filter(chosen(self.options, &["filter", "projection", "sort"]))),
        })
    }

    fn refuse_operators(&self) -> Result<(), ClientError> {
        let replacement = self.options.get("replacement");
        let has_operators = |node: &Node| node.as_object().unwrap_or_default().iter().any(|m| m.key.starts_with('$'));
        if is_operators(replacement)? || replacement.is_some_and(has_operators) {
            let message = "the replace operation document must not contain atomic operators";
            return Err(ClientError::bad(ErrorCode::InvalidParameter, message));
        }
        Ok(())
    }

    /// The options of a replacement, whose new document is in the option `by`.
    fn replacing(&self, by: &str, others: &[(&str, &str)]) -> Node {
        let names = [("filter", "filter"), (by, "replacement"), ("upsert", "upsert")];
        with_filter(renamed(self.options, &[&names, others].concat()))
    }

    /// Replaces every document that matches; each keeps its `_id`. MongoDB has no such operation.
    async fn replace_many(&self, collection: &GuardedCollection<'_>) -> Result<Outcome, ClientError> {
        let mut request = chosen(self.options, &["filter"]);
        if let Kind::Object(members) = &mut request.kind {
            members.push(member("projection", object(vec![member("_id", number(1))])));
        }
        // One more than may be written, so that exceeding the limit is detected before anything is written.
        let request = FindRequest::parse(&request).map_err(|error| self.client_error(&error))?;
        let request = request.limit(u64::try_from(MAX_REPLACED.saturating_add(1)).ok());
        let found = collection.find(&request).await.map_err(|error| self.client_error(&error))?;
        let found = found.all().await.map_err(|error| self.client_error(&error))?;
        if found.len() > MAX_REPLACED {
            return Err(self.client_error(&LimitExceeded::Written(MAX_REPLACED).into()));
        }
        let ids: Vec<Bson> = found.iter().filter_map(|raw| raw.get("_id").ok().flatten()?.try_into().ok()).collect();
        if ids.is_empty() {
            let upsert = self.options.get("upsert").and_then(Node::as_bool) == Some(true);
            if !upsert {
                return Ok(doc! { "matchedCount": 0, "modifiedCount": 0 }.into());
            }
            let one = Guarded { action: Action::UpdateOne, ..*self };
            return Box::pin(one.carry_out(collection)).await;
        }
        let query = self.options.get("filter").cloned().unwrap_or_else(|| object(Vec::new()));
        let replacement = self.options.get("update").cloned().unwrap_or_else(|| object(Vec::new()));
        let bytes = size(&query).saturating_add(size(&replacement));
        if bytes.saturating_mul(ids.len()) > MAX_FOUND_BYTES {
            return Err(self.client_error(&DocumentsError::TooLarge.into()));
        }
        let write = |id: Bson| {
            let id = of_bson(&id).map_err(ClientError::internal)?;
            let by_id = object(vec![member("_id", object(vec![member("$eq", id)]))]);
            // The filter is repeated because the document may have stopped matching in the meantime.
            let filter = object(vec![member("$and", array(vec![by_id, query.clone()]))]);
            let options = vec![member("filter", filter), member("replacement", replacement.clone())];
            Ok(object(vec![member("replaceOne", object(options))]))
        };
        let writes = ids.into_iter().map(write).collect::<Result<_, ClientError>>()?;
        let written = self.write(collection, &array(writes)).await?;
        let total = |of: fn(&Written) -> u64| written.iter().map(of).sum::<u64>();
        let (matched, modified) = (total(|one| one.matched), total(|one| one.modified));
        Ok(doc! { "matchedCount": int(matched), "modifiedCount": int(modified) }.into())
    }

    fn result(&self, written: Written) -> Outcome {
        match self.action {
            Action::InsertOne => doc! { "insertedId": written.inserted.into_iter().next() }.into(),
            Action::InsertMany => doc! { "insertedIds": written.inserted }.into(),
            Action::DeleteOne | Action::DeleteMany => doc! { "deletedCount": int(written.deleted) }.into(),
            Action::UpdateOne | Action::UpdateMany | Action::ReplaceOne => {
                updated(written.matched, written.modified, written.upserted).into()
            }
            _ => Outcome::of_found(written.document),
        }
    }

    fn client_error(&self, error: &GuardedError) -> ClientError {
        match error {
            // The reasons are about users, whom rules restrict.
            GuardedError::Unsupported { what, place: Some(place), .. } if self.is_own => {
                let message = format!(
                    "`{}` is not supported in {place} on the embedded store",
                    OneLine(excerpt(what, MAX_SHOWN))
                );
                ClientError::bad(ErrorCode::MongoDBError, message)
            }
            error => client_error(error, Some(self.options)),
        }
    }
}

const RETURNED: [(&str, &str); 3] =
    [("projection", "projection"), ("sort", "sort"), ("returnNewDocument", "returnNewDocument")];

/// Whether an update contains operators or is a pipeline, as opposed to a replacement document.
pub(super) fn is_operators(update: Option<&Node>) -> Result<bool, ClientError> {
    match update.map(|node| &node.kind) {
        Some(Kind::Object(members)) => Ok(members.first().is_some_and(|member| member.key.starts_with('$'))),
        Some(Kind::Array(_)) => Ok(true),
        None => Err(missing("update")),
        Some(_) => Err(mistyped("update", "a document or an array")),
    }
}

/// Rejects a limit of `count` that is not a whole number. MongoDB cuts off the fractions of other limits.
pub(super) fn check_count(limit: Option<&Bson>) -> Result<(), ClientError> {
    match limit.and_then(|limit| ValueRef::from(limit).number()) {
        Some(number) if number.integer().is_none() => Err(mistyped("limit", "a whole number")),
        _ => Ok(()),
    }
}

/// The result of an update.
pub(super) fn updated(matched: u64, modified: u64, upserted: Option<Bson>) -> Document {
    let mut result = doc! { "matchedCount": int(matched), "modifiedCount": int(modified) };
    result.extend(upserted.map(|id| ("upsertedId".to_owned(), id)));
    result
}

/// The error for a request that lacks a required parameter.
pub(crate) fn missing(what: &str) -> ClientError {
    ClientError::bad(ErrorCode::MissingParameter, format!("missing required parameter '{what}'"))
}

/// The error for a parameter of the wrong type.
pub(crate) fn mistyped(what: &str, expected: &str) -> ClientError {
    ClientError::bad(ErrorCode::InvalidParameter, format!("'{what}' must be {expected}"))
}

/// Adds an empty filter, which matches all documents, if there is none.
pub(super) fn with_filter(mut options: Node) -> Node {
    if options.get("filter").is_none()
        && let Kind::Object(members) = &mut options.kind
    {
        members.push(member("filter", object(Vec::new())));
    }
    options
}

/// A count in the type that results use; capped at `i32::MAX`.
pub(super) fn int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
