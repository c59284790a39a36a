use std::time::Duration;

use ::mongodb::{Client, Collection};
use bson::{Bson, Document, RawDocumentBuf, doc};

use super::index::{begins_with, explain, is_unique_on, reads_everything};
use crate::live_finding::{Examples, LiveCheck, LiveFinding, LiveFindingKind, Others};
use crate::mongodb::custom_data::{collection, simple_collation};
use crate::mongodb::deadline::{PATIENCE, patiently, within};
use crate::mongodb::failure::Failure;
use portcullis::auth::CustomDataSource;
use portcullis::json;
use portcullis::store::StoreError;
use portcullis::store::shown;
use portcullis::value::DocumentRef;

/// The error code of a command that exceeded `maxTimeMS`.
const TOO_SLOW: i32 = 50;

/// Checks an existing custom-data collection: whether lookups are fast, and which documents are problematic. The
/// server does the work and reads the collection up to six times, for at most `limit` each time. Checks that do not
/// finish are reported as findings.
///
/// # Errors
/// The server cannot be reached.
pub async fn check_live(
    client: &Client,
    source: &CustomDataSource,
    limit: Duration,
) -> Result<Vec<LiveFinding>, StoreError> {
    let kinds = kinds(client, source, limit).await;
    let kinds = kinds.map_err(|error| error.during("cannot check the custom data"))?;
    Ok(kinds.into_iter().map(|kind| LiveFinding { kind, source: source.clone() }).collect())
}

async fn kinds(client: &Client, source: &CustomDataSource, limit: Duration) -> Result<Vec<LiveFindingKind>, Failure> {
    match kind_of_collection(client, source).await?.as_deref() {
        None => return Ok(vec![LiveFindingKind::CollectionMissing]),
        Some("collection") => {}
        Some(other) => return Ok(vec![LiveFindingKind::CollectionUnsuitable { kind: other.to_owned() }]),
    }
    let mut findings = indexes(client, source).await?;
    let collection = collection(client, source);
    for check in LiveCheck::ALL {
        match examples(&collection, source, check, limit).await {
            Ok(examples) if examples.shown.is_empty() => {}
            Ok(examples) => findings.push(finding(check, examples)),
            Err(failure) if failure.code() == Some(TOO_SLOW) => findings.push(LiveFindingKind::Unfinished(check)),
            Err(failure) => return Err(failure),
        }
    }
    Ok(findings)
}

async fn kind_of_collection(client: &Client, source: &CustomDataSource) -> Result<Option<String>, Failure> {
    let database = client.database(&source.database);
    let list = doc! { "listCollections": 1, "filter": { "name": &source.collection } };
    let mut cursor = patiently(async { database.run_cursor_command(list).await }).await?;
    if !patiently(cursor.advance()).await? {
        return Ok(None);
    }
    let known = DocumentRef::Raw(cursor.current()).to_document()?;
    Ok(Some(known.get_str("type").unwrap_or("collection of an unknown type").to_owned()))
}

async fn indexes(client: &Client, source: &CustomDataSource) -> Result<Vec<LiveFindingKind>, Failure> {
    let database = client.database(&source.database);
    let field = source.user_id_field.to_string();
    let list = doc! { "listIndexes": &source.collection };
    let mut cursor = patiently(async { database.run_cursor_command(list).await }).await?;
    let mut indexes: Vec<Document> = Vec::new();
    while patiently(cursor.advance()).await? {
        indexes.push(DocumentRef::Raw(cursor.current()).to_document()?);
    }
    let plan = patiently(async { database.run_command(explain(source)).await }).await?;
    // The `_id` of a clustered collection has no separate index.
    let is_unique = field == "_id" || indexes.iter().any(|index| is_unique_on(index, &field));
    let mut findings = Vec::new();
    if reads_everything(&plan) {
        let unusable = indexes.iter().filter_map(|index| begins_with(index, &field)).collect();
        findings.push(LiveFindingKind::IndexMissing { unusable });
    }
    if !is_unique {
        findings.push(LiveFindingKind::IndexNotUnique);
    }
    Ok(findings)
}

async fn examples(
    collection: &Collection<RawDocumentBuf>,
    source: &CustomDataSource,
    check: LiveCheck,
    limit: Duration,
) -> Result<Examples, Failure> {
    let aggregate = collection
        .aggregate(check.pipeline(&source.user_id_field))
        .collation(simple_collation())
        .allow_disk_use(true)
        .max_time(limit);
    let mut cursor = within(limit.saturating_add(PATIENCE), async { aggregate.await }).await?;
    let mut shown_examples = Vec::new();
    while patiently(cursor.advance()).await? {
        let mut row = DocumentRef::Raw(cursor.current()).to_document()?;
        shown_examples.push(example(row.remove("example")));
    }
    let others = if shown_examples.len() > Examples::SHOWN { Others::Some } else { Others::None };
    shown_examples.truncate(Examples::SHOWN);
    Ok(Examples { shown: shown_examples, others })
}

fn example(value: Option<Bson>) -> String {
    match value {
        Some(Bson::String(id)) => shown(&id),
        Some(id) => shown(&json::from_bson(&id).to_string()),
        None => String::new(),
    }
}

const fn finding(check: LiveCheck, examples: Examples) -> LiveFindingKind {
    match check {
        LiveCheck::IdTwice => LiveFindingKind::IdTwice(examples),
        LiveCheck::IdInArray => LiveFindingKind::IdInArray(examples),
        LiveCheck::IdOfOtherType => LiveFindingKind::IdOfOtherType(examples),
        LiveCheck::IdMissing => LiveFindingKind::IdMissing(examples),
        LiveCheck::Large => LiveFindingKind::DocumentLarge(examples),
        LiveCheck::TooLarge => LiveFindingKind::DocumentTooLarge(examples),
    }
}
