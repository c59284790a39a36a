use std::collections::HashMap;
use std::sync::Arc;

use bson::Bson;
use portcullis::trigger::TriggerDefinition;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Duration, Instant, sleep};

use super::account_queues::{AccountQueues, Next};
use super::held::{Held, drained};
use super::shared::Shared;
use super::tally::{Ended, Tally, until};

/// The page size for reading events, each of which may have megabytes.
const PAGE: usize = 32;

/// The page size after a page of small events.
const LARGE_PAGE: usize = 128;

/// The average size, in bytes, below which the events of a page count as small.
const SMALL: usize = 16 << 10;

/// The number of known events at which reading stops, provided that enough users have an event to handle.
const ENOUGH_EVENTS: usize = 1024;

/// The number of handled events at which they are removed before the interval has passed.
const REMOVAL_BATCH: usize = 512;

/// The minimum time between two searches for events while others are being handled.
const LONG_AGO: Duration = Duration::from_millis(100);

/// The pause between two full searches, as a multiple of the time that the last one took, so that searching does not
/// starve handling.
const REST_FACTOR: u32 = 10;

/// Handles account events: those of one user in order, those of different users concurrently.
pub(super) async fn run(shared: &Arc<Shared>, trigger: &Arc<TriggerDefinition>, held: &Held) -> Result<(), Ended> {
    let mut duty = held.duty.clone();
    let mut handling = Handling {
        shared,
        trigger,
        held,
        queues: AccountQueues::default(),
        begun: HashMap::new(),
        tasks: JoinSet::new(),
        looked: None,
        tally: Tally::new(),
        noted_at: Instant::now(),
    };
    loop {
        // Subscribes before reading, so that no event added in between is missed.
        let added = shared.stores.events.added();
        let wait = handling.begin().await?;
        if handling.tasks.is_empty() {
            handling.note(Duration::ZERO).await?;
        }
        tokio::select! {
            Some(ended) = handling.tasks.join_next_with_id() => {
                handling.end(ended);
                handling.note(shared.options.noting).await?;
            }
            () = added => {}
            () = sleep(wait) => {}
            () = until(handling.tally.due(shared.options.noting)) => handling.note(Duration::ZERO).await?,
            () = drained(&mut duty) => break,
        }
    }
    // Events that are still being handled may be abandoned, so the outcomes of the others are recorded first.
    handling.note(Duration::ZERO).await?;
    while let Some(ended) = handling.tasks.join_next_with_id().await {
        handling.end(ended);
        handling.note(Duration::ZERO).await?;
    }
    Ok(())
}

/// The events that are being handled or waiting.
struct Handling<'r> {
    shared: &'r Arc<Shared>,
    trigger: &'r Arc<TriggerDefinition>,
    held: &'r Held,
    queues: AccountQueues,
    /// The event ID and the user ID that each task handles.
    begun: HashMap<Id, (String, String)>,
    tasks: JoinSet<Result<(), String>>,
    /// When the last search for events ended, and how long it took.
    looked: Option<(Instant, Duration)>,
    tally: Tally,
    noted_at: Instant,
}

/// The result of a task.
type Ran = Result<(Id, Result<(), String>), JoinError>;

impl Handling<'_> {
    /// Starts to handle as many events as may be handled at once, at most one per user, and searches for more if
    /// necessary. Returns how long to wait before the next call.
    async fn begin(&mut self) -> Result<Duration, Ended> {
        let pause = self.shared.options.pause;
        self.start();
        if self.tasks.len() >= self.shared.options.at_once {
            return Ok(pause);
        }
        if let (false, Some((time, took))) = (self.tasks.is_empty(), self.looked) {
            let rest = took.saturating_mul(REST_FACTOR).max(LONG_AGO).saturating_sub(time.elapsed());
            if !rest.is_zero() {
                return Ok(rest.min(pause));
            }
        }
        self.look().await?;
        self.start();
        Ok(pause)
    }

    fn start(&mut self) {
        while self.tasks.len() < self.shared.options.at_once {
            let Some(Next { id, user_id, event }) = self.queues.next() else { return };
            let (shared, trigger) = (Arc::clone(self.shared), Arc::clone(self.trigger));
            let task = self.tasks.spawn(async move { shared.run(&trigger, Some(Bson::Document(event))).await });
            self.begun.insert(task.id(), (id, user_id));
        }
    }

    /// Reads waiting events, oldest first, until enough are known.
    async fn look(&mut self) -> Result<(), Ended> {
        let began = Instant::now();
        let mut after: Option<String> = None;
        let mut limit = PAGE;
        while !self.queues.is_full() {
            let has_users = self.queues.ready().saturating_add(self.tasks.len()) >= self.shared.options.at_once;
            if has_users && self.queues.len() >= ENOUGH_EVENTS {
                break;
            }
            let page = self.shared.stores.events.waiting(&self.trigger.name, after.as_deref(), limit).await?;
            let (read, before) = (page.len(), self.queues.bytes());
            after = page.last().map(|last| last.id.clone());
            page.into_iter().for_each(|event| self.queues.add(event));
            if read < limit {
                break;
            }
            let is_small = self.queues.bytes().saturating_sub(before) < SMALL.saturating_mul(read);
            limit = if is_small { LARGE_PAGE } else { PAGE };
        }
        self.looked = Some((Instant::now(), began.elapsed()));
        Ok(())
    }

    /// Records the outcome of a task, and of all others that have ended.
    fn end(&mut self, ended: Ran) {
        let mut next = Some(ended);
        while let Some(ended) = next {
            let (task, ran) = match ended {
                Ok((task, ran)) => (task, ran),
                Err(error) => (error.id(), Err("the runtime of functions panicked".to_owned())),
            };
            if let Some((id, user_id)) = self.begun.remove(&task) {
                self.queues.end(id, user_id);
                self.tally.ran(ran);
            }
            next = self.tasks.try_join_next_with_id();
        }
    }

    /// Removes the handled events and records their outcomes if there are many or if `interval` has passed since the
    /// last time.
    async fn note(&mut self, interval: Duration) -> Result<(), Ended> {
        if self.noted_at.elapsed() < interval && self.queues.handled().len() < REMOVAL_BATCH {
            return Ok(());
        }
        if !self.queues.handled().is_empty() {
            self.shared.stores.events.remove(&self.trigger.name, self.queues.handled()).await?;
            self.queues.removed();
        }
        self.tally.note(&*self.shared.stores.states, &self.held.lease).await?;
        self.noted_at = Instant::now();
        Ok(())
    }
}
