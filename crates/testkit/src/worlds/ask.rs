//! Performs the requests of a case on a guarded collection, and converts everything that the user learns to text.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bson::oid::ObjectId;
use bson::{Bson, Document};
use portcullis::guarded::{FindRequest, GuardedError, Pipeline, RedactedCursor, Write, Written, parse_writes};
use portcullis::json::{self, Node};
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{Guard, GuardedCollection};
use regex::{Captures, Regex};
use serde_json::{Value as Json, json};

/// A parsed request.
pub enum Request {
    Find(FindRequest),
    Count(FindRequest),
    Distinct(String, FindRequest),
    Aggregate(Pipeline),
    Write(Vec<Write>),
}

/// The kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request succeeded; `some` is whether it found or changed anything.
    Done { some: bool },
    /// The rules denied it.
    Denied,
    /// The database failed, whatever the user learns about that.
    Failed,
    /// Any other error.
    Refused,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub kind: Kind,
    /// Equal for two answers only if the user cannot distinguish them.
    pub text: String,
}

fn node(json: &Json) -> Node {
    json::parse(&json.to_string()).unwrap()
}

impl Request {
    /// Parses `{"find": …}`, `{"count": …}`, `{"distinct": path, "filter": …}`, `{"aggregate": […]}` or
    /// `{"write": …}`.
    pub fn parse(request: &Json) -> Result<Self, GuardedError> {
        if let Some(find) = request.get("find") {
            return Ok(Self::Find(FindRequest::parse(&node(find))?));
        }
        if let Some(count) = request.get("count") {
            return Ok(Self::Count(FindRequest::parse(&node(count))?));
        }
        if let Some(path) = request.get("distinct") {
            let filter = request.get("filter").cloned().unwrap_or_else(|| json!({}));
            let path = path.as_str().unwrap_or_default().to_owned();
            return Ok(Self::Distinct(path, FindRequest::parse(&node(&json!({"filter": filter})))?));
        }
        if let Some(pipeline) = request.get("aggregate") {
            return Ok(Self::Aggregate(Pipeline::parse(&node(pipeline))?));
        }
        let nothing = json!({});
        Ok(Self::Write(parse_writes(&node(request.get("write").unwrap_or(&nothing)))?))
    }

    pub const fn writes(&self) -> bool {
        matches!(self, Self::Write(_))
    }
}

/// The beginning of the message for a database failure without further details.
const NOT_DONE: &str = "the database did not carry out the request";

/// What the log says about a database failure that the user sees as a denial.
const UNJUDGED: &str = "failed before it could be checked";

/// Performs a request and returns what the user learns.
pub async fn answer(store: &dyn DocumentStore, namespace: &Namespace, guard: &Guard, request: &Request) -> Answer {
    let collection = GuardedCollection::new(store, namespace.clone(), guard);
    match told(&collection, request).await {
        Ok((text, some)) => Answer { kind: Kind::Done { some }, text },
        Err(error) => {
            let private = error.private().unwrap_or_default();
            let kind = match &error {
                GuardedError::Store(_) | GuardedError::Disclosed(_) => Kind::Failed,
                _ if error.to_string().starts_with(NOT_DONE) || private.contains(UNJUDGED) => Kind::Failed,
                GuardedError::Denied { .. } => Kind::Denied,
                _ => Kind::Refused,
            };
            Answer { kind, text: steady_text(&format!("error: {error}")) }
        }
    }
}

/// Everything that the user can read.
pub async fn view(store: &dyn DocumentStore, namespace: &Namespace, guard: &Guard) -> Answer {
    answer(store, namespace, guard, &Request::parse(&json!({"find": {}})).unwrap()).await
}

async fn told(collection: &GuardedCollection<'_>, request: &Request) -> Result<(String, bool), GuardedError> {
    match request {
        Request::Find(find) => shown(collection.find(find).await?).await,
        Request::Count(count) => {
            let count = collection.count(count).await?;
            Ok((count.to_string(), count > 0))
        }
        Request::Distinct(path, request) => {
            let values = collection.distinct(path, request).await?;
            let values: Vec<Bson> = values.into_iter().map(steady).collect();
            Ok((format!("{values:?}"), !values.is_empty()))
        }
        Request::Aggregate(pipeline) => shown(collection.aggregate(pipeline).await?).await,
        Request::Write(writes) => {
            let written = collection.write(writes).await?;
            let some = written
                .iter()
                .any(|one| one.modified + one.deleted > 0 || !one.inserted.is_empty() || one.upserted.is_some());
            Ok((written.into_iter().map(|one| format!("{:?}\n", report(one))).collect(), some))
        }
    }
}

async fn shown(found: RedactedCursor<'_>) -> Result<(String, bool), GuardedError> {
    let all = found.all().await?;
    let text = all.iter().map(|one| format!("{:?}\n", steady(Document::try_from(one).unwrap().into()))).collect();
    Ok((text, !all.is_empty()))
}

fn report(written: Written) -> impl std::fmt::Debug {
    let Written { inserted, matched, modified, upserted, deleted, document } = written;
    let inserted: Vec<Bson> = inserted.into_iter().map(steady).collect();
    let document = document.map(|document| steady(Document::try_from(&document).unwrap().into()));
    (matched, modified, deleted, inserted, upserted.map(steady), document)
}

/// The value with everything that depends on the time of the request replaced: times and new `_id`s.
fn steady(value: Bson) -> Bson {
    match value {
        Bson::ObjectId(id) if is_now(u64::from(u32::from_be_bytes(id.bytes()[..4].try_into().unwrap()))) => {
            Bson::ObjectId(ObjectId::from_bytes([0xee; 12]))
        }
        Bson::DateTime(time) if is_now(u64::try_from(time.timestamp_millis() / 1000).unwrap_or(0)) => {
            Bson::String("now".to_owned())
        }
        Bson::Timestamp(time) if is_now(u64::from(time.time)) => Bson::String("now".to_owned()),
        Bson::Array(elements) => Bson::Array(elements.into_iter().map(steady).collect()),
        Bson::Document(document) => {
            Bson::Document(document.into_iter().map(|(name, value)| (name, steady(value))).collect())
        }
        other => other,
    }
}

/// The message of an error, which may quote values as MongoDB prints them, with the same replacements.
fn steady_text(message: &str) -> String {
    static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"Timestamp\((\d+), \d+\)|new Date\((\d+)\d{3}\)|ObjectId\('([0-9a-f]{8})[0-9a-f]{16}'\)").unwrap()
    });
    let replaced = QUOTED.replace_all(message, |quoted: &Captures<'_>| {
        let seconds = quoted.get(1).or(quoted.get(2)).map(|decimal| decimal.as_str().parse().ok());
        let seconds = seconds.or_else(|| quoted.get(3).map(|hex| u64::from_str_radix(hex.as_str(), 16).ok()));
        if seconds.flatten().is_some_and(is_now) { "now".to_owned() } else { quoted[0].to_owned() }
    });
    replaced.into_owned()
}

fn is_now(seconds: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.abs_diff(seconds) < 100_000
}
