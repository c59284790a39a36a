//! Streams of changes: the changes of a collection that a user may read, until the session ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use portcullis::GuardedCollection;
use portcullis::access::{KnownUser, Query};
use portcullis::auth::token::AccessToken;
use portcullis::guarded::{ChangeEvent, VisibleChange, WatchEvent};
use portcullis::json::{self, Kind, Member, Node};
use portcullis::mongo_query::Filter;
use portcullis::store::documents::{Namespace, UpdateDescription, WatchStart};
use portcullis::text::Span;
use portcullis::value::DocumentRef;
use tokio::sync::{mpsc, oneshot};

use super::position_names::PositionNames;
use super::session_checks::Urgency;
use super::silence::Silence;
use super::{ClientApi, ClientError, ErrorCode};
use crate::data::{Asker, Target, client_error, log_unreadable, missing, misspelt_filter};

/// An item of a stream.
#[derive(Debug)]
pub enum StreamItem {
    /// A change event, to be written as canonical extended JSON.
    Change(Bson),
    /// Nothing has happened for a while; the connection must be kept open.
    Quiet,
    /// The stream ends with an error.
    Failed(ClientError),
}

/// The most items that are buffered for a slow client. Each may contain a document of 16 MiB.
const MAX_BUFFERED: usize = 4;

/// How long a stream without changes goes on after its token has expired until its user is looked up again. A change is
/// sent only after a look-up of its own.
const LOOK_UP: Duration = Duration::from_secs(30);

/// The longest time without an item.
const MAX_SILENCE: Duration = Duration::from_secs(10);

impl ClientApi {
    /// Streams the changes of a collection, from the present on, that the user of an access token may read. The stream
    /// ends when the receiver is dropped, or with an error when the session ends.
    ///
    /// # Errors
    /// The token is rejected, the call is not a valid `watch`, or the store does not report changes.
    pub async fn watch(
        self: Arc<Self>,
        access_token: &str,
        call: &Node,
    ) -> Result<mpsc::Receiver<StreamItem>, ClientError> {
        let token = self.access_bearer(access_token).await?;
        let invalid = ClientError::invalid_call;
        if call.get("name").and_then(Node::as_str) != Some("watch") || call.get("service").is_none() {
            return Err(ClientError::bad(ErrorCode::BadRequest, "only `watch` of a data source is streamed"));
        }
        let options = call.get("arguments").and_then(Node::as_array).and_then(<[Node]>::first).ok_or_else(invalid)?;
        let service = call.get("service").and_then(Node::as_str).ok_or_else(|| missing("service"))?;
        let asked = WatchOptions::read(self.target(service, options)?, options)?;
        let (items, receiver) = mpsc::channel(MAX_BUFFERED);
        let (begun, began) = oneshot::channel();
        let read_at = bson::DateTime::now();
        let user = self.bearer(access_token).await?;
        let watcher = Watcher { token, user, read_at };
        tokio::spawn(async move { self.stream(watcher, asked, begun, &items).await });
        // The response begins only once the change stream is open: clients take that as the moment from which they miss
        // nothing.
        began.await.map_err(|_| ClientError::internal("the stream ended before it began"))??;
        Ok(receiver)
    }

    async fn stream(
        self: &Arc<Self>,
        mut watcher: Watcher,
        asked: WatchOptions,
        begun: oneshot::Sender<Result<(), ClientError>>,
        items: &mpsc::Sender<StreamItem>,
    ) {
        let asker = Asker { user: Arc::clone(&watcher.user), request: None };
        let opened = || {
            let missing = || ClientError::bad(ErrorCode::ServiceCommandNotFound, "this store does not report changes");
            let changes = self.changes.as_ref().ok_or_else(missing)?;
            self.check_service(&asked.service, "watch")?;
            let query = Query::compile(asked.query.as_ref(), None, None)
                .map_err(|error| ClientError::bad(ErrorCode::MongoDBError, error.to_string()))?;
            let guard = self.data.guard(&asker, &asked.service, &asked.namespace)?;
            Ok::<_, ClientError>((changes, query, guard))
        };
        let (changes, query, mut guard) = match opened() {
            Ok(opened) => opened,
            Err(error) => return drop(begun.send(Err(error))),
        };
        // Which filters apply must be known before the stream begins.
        let began = Instant::now();
        while guard.rebound().is_some() {
            let calls = guard.context().pending();
            match self.data.answer(&mut guard, &asker, calls, began).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return drop(begun.send(Err(error))),
            }
        }
        let collection = GuardedCollection::new(&**self.data.documents(), asked.namespace.clone(), &guard);
        let mut watched = match collection.watch(&**changes, &query, WatchStart::Now, None).await {
            Ok(watched) => watched,
            Err(error) => return drop(begun.send(Err(client_error(&error, None)))),
        };
        if begun.send(Ok(())).is_err() {
            return;
        }
        let (mut silence, mut looked) = (Silence::of(MAX_SILENCE), Instant::now());
        loop {
            let keep_open = || async { items.send(StreamItem::Quiet).await.is_ok() };
            let Some(happened) = silence.during(watched.next(), keep_open).await else { return };
            match &happened {
                Err(error) if error.waits() => {
                    match self.data.supply(&guard, &asker, guard.context().pending(), Instant::now()).await {
                        Ok(true) => continue,
                        Ok(false) => {}
                        Err(error) => return drop(items.send(StreamItem::Failed(error)).await),
                    }
                }
                // Results of functions are valid for one change only: the next one may come much later.
                _ => guard.context().forget_calls(),
            }
            log_unreadable(guard.take_unreadable(), &asked.namespace);
            // The stream may outlive the token, but not the session: no change is sent once the session has ended.
            let is_change = matches!(happened, Ok(WatchEvent::Change(_)));
            if is_change || looked.elapsed() >= Duration::from_secs(1) {
                looked = Instant::now();
                let urgency = if is_change { Urgency::Urgent } else { Urgency::HasTime };
                if let Err(error) = self.still_watches(&mut watcher, urgency).await {
                    return drop(items.send(StreamItem::Failed(error)).await);
                }
            }
            let item = match happened {
                Ok(WatchEvent::Nothing) if items.is_closed() => return,
                Ok(WatchEvent::Nothing) => continue,
                Ok(WatchEvent::Change(change)) => match shown(*change, &asked, &self.position_names) {
                    Ok(Some(event)) => StreamItem::Change(event),
                    Ok(None) => continue,
                    Err(error) => StreamItem::Failed(error),
                },
                Ok(WatchEvent::Ended) => StreamItem::Failed(ClientError::internal("the collection is gone")),
                Err(error) => StreamItem::Failed(client_error(&error, None)),
            };
            silence.broken();
            let is_over = matches!(item, StreamItem::Failed(_));
            if items.send(item).await.is_err() || is_over {
                return;
            }
        }
    }
}

/// The reader of a stream.
struct Watcher {
    token: AccessToken,
    /// The user whose permissions decide which changes are sent.
    user: Arc<KnownUser>,
    /// When the user was last known to be unchanged.
    read_at: bson::DateTime,
}

impl ClientApi {
    /// Fails if the session has ended, or if the reader's user has changed. The user is looked up only if the token has
    /// expired or custom data have changed, since until then requests are served as the same user; and without urgency
    /// not each time, since thousands of streams may be older than their tokens.
    async fn still_watches(self: &Arc<Self>, watcher: &mut Watcher, urgency: Urgency) -> Result<(), ClientError> {
        let Watcher { token, user, read_at } = watcher;
        self.session_lasts(token, urgency).await?;
        let now = bson::DateTime::now();
        let has_time = urgency == Urgency::HasTime && now.saturating_duration_since(*read_at) < LOOK_UP;
        let is_current = now < token.expires_at || has_time;
        if is_current && !self.authenticator.has_changed_since(&user.id, *read_at) {
            return Ok(());
        }
        if !self.is_still(user).await {
            return Err(ClientError::session("invalid session: the user has changed"));
        }
        *read_at = now;
        Ok(())
    }
}

/// The known options of `watch`.
const KNOWN_OPTIONS: [&str; 6] = ["database", "collection", "schema_name", "ids", "filter", "useCompactEvents"];

/// The parsed options of `watch`.
struct WatchOptions {
    service: String,
    namespace: Namespace,
    /// The documents, if only those with certain `_id`s are wanted.
    query: Option<Node>,
    /// The condition on events.
    filter: Option<Filter>,
    /// Whether events have the short names of the Stitch clients, and only the fields that these read.
    is_compact: bool,
}

impl WatchOptions {
    fn read(target: Target, options: &Node) -> Result<Self, ClientError> {
        for member in options.as_object().into_iter().flatten() {
            if !KNOWN_OPTIONS.contains(&member.key.as_str()) {
                let shown: String = member.key.chars().take(64).collect();
                return Err(ClientError::bad(ErrorCode::InvalidParameter, format!("'watch' takes no '{shown}'")));
            }
        }
        let present = |name: &str| options.get(name).filter(|node| !matches!(node.kind, Kind::Null));
        let (ids, filter) = (present("ids"), present("filter"));
        if ids.is_some() && filter.is_some() {
            let message = "`ids` and `filter` cannot be combined";
            return Err(ClientError::bad(ErrorCode::BadRequest, message));
        }
        if ids.is_some_and(|ids| ids.as_array().is_none()) {
            return Err(ClientError::bad(ErrorCode::InvalidParameter, "'ids' must be an array"));
        }
        let object = |key: &str, value: Node| {
            let member = Member { key: key.to_owned(), key_span: Span::default(), value };
            Node { span: Span::default(), kind: Kind::Object(vec![member]) }
        };
        let query = ids.map(|ids| object("_id", object("$in", ids.clone())));
        let wrong = |error: &dyn std::error::Error| ClientError::bad(ErrorCode::MongoDBError, error.to_string());
        let filter = match filter {
            None => None,
            Some(filter) => {
                let known = misspelt_filter(filter);
                let filter = json::to_document(filter).map_err(|error| wrong(&error))?;
                let compiled = Filter::compile(&filter).map_err(|error| match known {
                    Some(known) => ClientError::bad(ErrorCode::MongoDBError, known),
                    None => wrong(&error),
                });
                Some(compiled?)
            }
        };
        let is_compact = present("useCompactEvents").and_then(Node::as_bool) == Some(true);
        Ok(Self { service: target.service, namespace: target.namespace, query, filter, is_compact })
    }
}

/// A change event for clients; `None` if it does not match the options. Contains only what the user may read.
fn shown(happened: ChangeEvent, asked: &WatchOptions, names: &PositionNames) -> Result<Option<Bson>, ClientError> {
    let ChangeEvent { change, time, position } = happened;
    let whole = |raw: &bson::RawDocumentBuf| -> Result<Document, ClientError> {
        DocumentRef::Raw(raw).to_document().map_err(ClientError::internal)
    };
    let id = |document: &Document| document.get("_id").cloned().unwrap_or(Bson::Null);
    let (operation, id, document, description) = match change {
        VisibleChange::Inserted(document) => {
            let document = whole(&document)?;
            ("insert", id(&document), Some(document), None)
        }
        VisibleChange::Replaced(document) => {
            let document = whole(&document)?;
            ("replace", id(&document), Some(document), None)
        }
        VisibleChange::Updated { document, description } => {
            let document = whole(&document)?;
            ("update", id(&document), Some(document), Some(description))
        }
        VisibleChange::Deleted { id } => ("delete", id.unwrap_or(Bson::Null), None, None),
    };
    let mut event = doc! {
        "_id": { "_data": names.name(&position)? },
        "operationType": operation,
        "clusterTime": time,
        "ns": { "db": asked.namespace.database(), "coll": asked.namespace.collection() },
        "documentKey": { "_id": id },
    };
    if let Some(document) = document {
        event.insert("fullDocument", document);
    }
    if let Some(UpdateDescription { updated, removed }) = description {
        event.insert("updateDescription", doc! { "updatedFields": updated, "removedFields": removed });
    }
    let is_asked = asked.filter.as_ref().map_or(Ok(true), |filter| filter.matches(&event));
    let event = is_asked.map_err(ClientError::internal)?.then_some(event);
    Ok(event.map(|event| Bson::Document(if asked.is_compact { compact(event) } else { event })))
}

/// The names in compact events, and the corresponding names in full events.
const COMPACT_NAMES: [(&str, &str); 5] =
    [("ot", "operationType"), ("ns", "ns"), ("dk", "documentKey"), ("fd", "fullDocument"), ("ud", "updateDescription")];

fn compact(mut event: Document) -> Document {
    COMPACT_NAMES.iter().filter_map(|(short, name)| Some(((*short).to_owned(), event.remove(name)?))).collect()
}
