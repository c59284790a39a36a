use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ::mongodb::change_stream::ChangeStream;
use ::mongodb::change_stream::event::ResumeToken;
use ::mongodb::options::FullDocumentType;
use ::mongodb::{Client, Collection};
use bson::{Document, RawDocument, RawDocumentBuf};
use tokio::time::{Instant, sleep};

use super::change::CustomDataChange;
use super::event::{Event, needs_a_look, pipeline, read};
use super::owners::Owner;
use super::scan::scan;
use super::state::{Rescan, State, WatchStateError};
use crate::mongodb::custom_data;
use crate::mongodb::deadline::patiently;
use crate::mongodb::failure::Failure;
use portcullis::auth::CustomDataSource;
use portcullis::path::FieldPath;
use portcullis::store::StoreError;
use portcullis::value::Malformed;

/// Reports which users' custom data changes, whether documents are inserted, updated, replaced, deleted or
/// transferred to another user. Requires a replica set.
///
/// It keeps track of which user each document names, for at most one million documents and 256 MiB of IDs; beyond
/// that, it fails. After a lost connection it resumes where it stopped. If that is impossible, because the server no
/// longer has the history or the collection was dropped, renamed or replaced, it scans the whole collection and
/// reports [`CustomDataChange::Everything`].
///
/// A change is returned again until it is [settled](Self::settle), also by a watcher that was resumed from the
/// [`state`](Self::state) of an earlier one. [`next`](Self::next) is cancel safe.
///
/// ```no_run
/// use portcullis::auth::CustomDataSource;
/// use portcullis_store::mongodb::CustomDataWatcher;
/// use portcullis::store::{Sessions, StoreError};
///
/// async fn end_stale_sessions(
///     client: &mongodb::Client,
///     source: &CustomDataSource,
///     sessions: &dyn Sessions,
/// ) -> Result<(), StoreError> {
///     let mut watcher = CustomDataWatcher::open(client, source).await?;
///     loop {
///         let change = watcher.next().await?;
///         change.end_sessions(sessions).await?;
///         watcher.settle();
///     }
/// }
/// ```
pub struct CustomDataWatcher {
    collection: Collection<RawDocumentBuf>,
    source: CustomDataSource,
    patience: Duration,
    state: State,
    /// `None` until it is needed, and after any failure.
    stream: Option<ChangeStream<RawDocumentBuf>>,
}

/// How long the server waits for an event before it returns an empty batch.
const AWAIT: Duration = Duration::from_secs(1);

/// How long `next` tries to reconnect by default before it returns an error.
const PATIENCE: Duration = Duration::from_secs(30);

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The error codes for a malformed token, the only part of the request that can cause them.
const MALFORMED_TOKEN: [i32; 4] = [2, 9, 14, 40414];

/// Error codes for which retrying is pointless: not authorized, unknown user, not a replica set, not a collection
/// that can be watched.
const HOPELESS: [i32; 5] = [13, 18, 73, 166, 40573];

impl CustomDataWatcher {
    /// Opens a watcher of all changes from now on.
    ///
    /// # Errors
    /// The collection cannot be read or watched.
    pub async fn open(client: &Client, source: &CustomDataSource) -> Result<Self, StoreError> {
        let mut watcher = Self::at(client, source, State { rescan: Some(Rescan::FromNow), ..State::default() });
        watcher.rescan(Rescan::FromNow).await.map_err(failed)?;
        Ok(watcher)
    }

    /// Resumes from the [`state`](Self::state) that another watcher saved.
    ///
    /// # Errors
    /// The document is not the state of a watcher of this collection and field.
    pub fn resume(client: &Client, source: &CustomDataSource, state: Document) -> Result<Self, WatchStateError> {
        Ok(Self::at(client, source, State::from_document(state, source)?))
    }

    fn at(client: &Client, source: &CustomDataSource, state: State) -> Self {
        let collection = custom_data::collection(client, source);
        Self { collection, source: source.clone(), patience: PATIENCE, state, stream: None }
    }

    /// Sets how long [`next`](Self::next) tries to reconnect before it returns an error; 30 seconds by default.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The state to save for [`resume`](Self::resume): the position in the history, the user whom each document
    /// names, and the change that is not settled yet. At about 60 bytes per document it can exceed MongoDB's maximum
    /// document size, so save it to a file.
    #[must_use]
    pub fn state(&self) -> Document {
        self.state.to_document(&self.source)
    }

    /// Marks the last change as processed.
    pub fn settle(&mut self) {
        self.state.unsettled = None;
    }

    /// Waits for the next change, or returns the last one again if it is not settled.
    ///
    /// # Errors
    /// The collection cannot be watched. Changes go unnoticed until a later call succeeds.
    pub async fn next(&mut self) -> Result<CustomDataChange, StoreError> {
        let mut broken_since: Option<Instant> = None;
        let mut pause = SHORTEST_PAUSE;
        while self.state.unsettled.is_none() {
            match self.step().await {
                Ok(change) => {
                    self.state.unsettled = change;
                    broken_since = None;
                    pause = SHORTEST_PAUSE;
                }
                Err(failure) if is_lost(&failure) && self.state.rescan != Some(Rescan::FromNow) => {
                    self.state.rescan = Some(Rescan::FromNow);
                }
                Err(failure) => {
                    let since = *broken_since.get_or_insert_with(Instant::now);
                    if is_hopeless(&failure) || since.elapsed() + pause > self.patience {
                        return Err(failed(failure));
                    }
                    sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
        }
        self.state.unsettled.clone().ok_or_else(|| failed(Failure::new("nothing to tell")))
    }

    /// Like [`next`](Self::next), but returns `None` if nothing changes within about a second; all changes made before
    /// the call have then been returned. A lost connection is returned as an error, and the next call reconnects.
    ///
    /// # Errors
    /// Those of [`next`](Self::next).
    pub async fn next_if_any(&mut self) -> Result<Option<CustomDataChange>, StoreError> {
        while self.state.unsettled.is_none() {
            match self.step().await {
                Ok(Some(change)) => self.state.unsettled = Some(change),
                // The stream has ended and a rescan is due, so it is not known whether anything has changed.
                Ok(None) if self.state.rescan.is_some() => {}
                Ok(None) => return Ok(None),
                Err(failure) if is_lost(&failure) && self.state.rescan != Some(Rescan::FromNow) => {
                    self.state.rescan = Some(Rescan::FromNow);
                }
                Err(failure) => return Err(failed(failure)),
            }
        }
        Ok(self.state.unsettled.clone())
    }

    /// Reads at most one event. If the future is dropped, so is the stream, and the next call reopens it at the last
    /// position.
    async fn step(&mut self) -> Result<Option<CustomDataChange>, Failure> {
        if let Some(rescan) = self.state.rescan {
            return self.rescan(rescan).await.map(Some);
        }
        let mut stream = match (self.stream.take(), &self.state.token) {
            (Some(stream), _) => stream,
            (None, Some(token)) => {
                stream_after(&self.collection, &self.source.user_id_field, Some(token.clone())).await?
            }
            (None, None) => {
                self.state.rescan = Some(Rescan::FromNow);
                return Ok(None);
            }
        };
        let (users, token) = match patiently(stream.next_if_any()).await? {
            Some(event) => {
                let token = token_of(&event)?;
                (self.apply(&event)?, Some(token))
            }
            // The stream ended without an event that gives the reason.
            None if !stream.is_alive() => {
                self.state.rescan = Some(Rescan::FromNow);
                return Ok(None);
            }
            None => (BTreeSet::new(), stream.resume_token()),
        };
        if let Some(token) = token {
            self.state.token = Some(token);
        }
        self.stream = Some(stream);
        Ok(if users.is_empty() { None } else { Some(CustomDataChange::Users(users)) })
    }

    /// Updates the owners from an event; returns the users concerned.
    fn apply(&mut self, event: &RawDocument) -> Result<BTreeSet<String>, Failure> {
        let owners = &mut self.state.owners;
        let (key, before, after) = match read(event, &self.source.user_id_field)? {
            Event::Written(key, user) => {
                let before = owners.get(&key);
                (key, before, Owner::told(user))
            }
            Event::Updated { key, told, seen } => {
                let before = owners.get(&key);
                let told = told.map_or_else(|| before.told.clone(), |user| user.map(Into::into));
                let seen = seen.map_or_else(|| before.seen.clone(), |user| user.map(Into::into));
                (key, before, Owner { told, seen })
            }
            Event::Deleted(key) => {
                let before = owners.get(&key);
                (key, before, Owner::default())
            }
            Event::Announced => return Ok(BTreeSet::new()),
            Event::Invalidated => {
                self.state.rescan = Some(Rescan::FromToken);
                return Ok(BTreeSet::new());
            }
            Event::Unknown => {
                self.state.rescan = Some(Rescan::FromNow);
                return Ok(BTreeSet::new());
            }
        };
        let users = before.users().chain(after.users()).map(str::to_owned).collect();
        owners.set(key, after)?;
        Ok(users)
    }

    /// Scans the whole collection. The stream is opened first, so that it includes changes made during the scan.
    async fn rescan(&mut self, from: Rescan) -> Result<CustomDataChange, Failure> {
        self.stream = None;
        let token = match from {
            Rescan::FromToken => self.state.token.clone(),
            Rescan::FromNow => None,
        };
        let stream = stream_after(&self.collection, &self.source.user_id_field, token).await?;
        let owners = scan(&self.collection, &self.source).await?;
        let before = std::mem::replace(&mut self.state.owners, owners);
        self.state.token = stream.resume_token();
        self.state.rescan = None;
        self.stream = Some(stream);
        let after = &self.state.owners;
        let known = before.users().chain(after.users()).map(str::to_owned).collect();
        Ok(CustomDataChange::Everything { known, differing: before.differing(after) })
    }
}

/// Omits the state, which is large and names users.
impl fmt::Debug for CustomDataWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomDataWatcher").field("source", &self.source).finish_non_exhaustive()
    }
}

fn token_of(event: &RawDocument) -> Result<ResumeToken, Failure> {
    let id = event.get("_id").map_err(Malformed::from)?;
    let id = id.and_then(|id| bson::Bson::try_from(id).ok()).and_then(|id| bson::deserialize_from_bson(id).ok());
    id.ok_or_else(|| Failure::new("an event of the change stream has no token"))
}

/// Whether the change stream would fail again if it resumed with the same token.
fn is_lost(failure: &Failure) -> bool {
    failure.is_position_lost() || failure.code().is_some_and(|code| MALFORMED_TOKEN.contains(&code))
}

fn is_hopeless(failure: &Failure) -> bool {
    failure.is_authentication() || failure.code().is_some_and(|code| HOPELESS.contains(&code))
}

fn failed(failure: Failure) -> StoreError {
    failure.during("cannot watch the custom data")
}

/// Opens a stream that resumes after a token or, without one, begins now.
async fn stream_after(
    collection: &Collection<RawDocumentBuf>,
    field: &FieldPath,
    token: Option<ResumeToken>,
) -> Result<ChangeStream<RawDocumentBuf>, Failure> {
    let mut watch = collection.watch().pipeline(pipeline(field)).max_await_time(AWAIT);
    // Unlike `resumeAfter`, this also accepts the token of an `invalidate` event.
    if let Some(token) = token {
        watch = watch.start_after(token);
    }
    if needs_a_look(field) {
        watch = watch.full_document(FullDocumentType::UpdateLookup);
    }
    Ok(patiently(async { watch.await }).await?.with_type())
}
