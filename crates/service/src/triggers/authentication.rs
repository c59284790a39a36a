use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bson::Bson;
use portcullis::store::{AccountEvent, WaitingEvent};
use portcullis::trigger::TriggerDefinition;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Duration, Instant, sleep};

use super::held::{Held, drained};
use super::shared::Shared;
use super::tally::{Ended, Tally};

/// The page size for reading events, each of which may have megabytes.
const PAGE: usize = 32;

/// The most waiting events that are searched for one that can be handled. Behind this many events of a single user,
/// those of other users are not found.
const FAR: usize = 5000;

/// The limit of the search instead of [`FAR`], while other events are being handled and a full search was made
/// recently.
const NEAR: usize = 128;

/// The minimum pause between two full searches.
const LONG_AGO: Duration = Duration::from_millis(100);

/// The pause between two full searches, as a multiple of the time that the last one took, so that searching does not
/// starve handling.
const REST: u32 = 10;

/// Handles account events: those of one user in order, those of different users concurrently.
pub(super) async fn run(shared: &Arc<Shared>, trigger: &Arc<TriggerDefinition>, held: &Held) -> Result<(), Ended> {
    let mut duty = held.duty.clone();
    let mut handling = Handling { shared, trigger, begun: HashMap::new(), tasks: JoinSet::new(), looked_far: None };
    let mut tally = Tally::new();
    loop {
        // Subscribes before reading, so that no event added in between is missed.
        let added = shared.stores.events.added();
        handling.begin().await?;
        if handling.tasks.is_empty() {
            tally.note(&*shared.stores.states, &held.lease).await?;
        }
        tokio::select! {
            Some(ended) = handling.tasks.join_next_with_id() => {
                handling.end(ended, &mut tally).await?;
                tally.note_after(shared.options.noting, &*shared.stores.states, &held.lease).await?;
            }
            () = added => {}
            () = sleep(shared.options.pause) => {}
            () = drained(&mut duty) => break,
        }
    }
    while let Some(ended) = handling.tasks.join_next_with_id().await {
        handling.end(ended, &mut tally).await?;
    }
    tally.note(&*shared.stores.states, &held.lease).await
}

/// The events that are being handled.
struct Handling<'r> {
    shared: &'r Arc<Shared>,
    trigger: &'r Arc<TriggerDefinition>,
    begun: HashMap<Id, Begun>,
    tasks: JoinSet<Result<(), String>>,
    /// When the last full search ended, and how long it took.
    looked_far: Option<(Instant, Duration)>,
}

/// The result of a task.
type Ran = Result<(Id, Result<(), String>), JoinError>;

/// An event that is being handled.
struct Begun {
    id: String,
    user_id: String,
}

impl Handling<'_> {
    /// Starts handling as many events as permitted, at most one for each user: that user's first.
    async fn begin(&mut self) -> Result<(), Ended> {
        let mut passed: HashSet<String> = self.begun.values().map(|begun| begun.user_id.clone()).collect();
        let mut after: Option<String> = None;
        let mut looked_at = 0;
        let is_recent = |(time, took): (Instant, Duration)| time.elapsed() < took.saturating_mul(REST).max(LONG_AGO);
        let is_near = !self.tasks.is_empty() && self.looked_far.is_some_and(is_recent);
        let most = if is_near { NEAR } else { FAR };
        let began = Instant::now();
        while self.tasks.len() < self.shared.options.at_once && looked_at < most {
            let page = self.shared.stores.events.waiting(&self.trigger.name, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            looked_at += page.len();
            for WaitingEvent { id, event: AccountEvent { user_id, event, .. } } in page {
                if self.tasks.len() < self.shared.options.at_once && passed.insert(user_id.clone()) {
                    let (shared, trigger) = (Arc::clone(self.shared), Arc::clone(self.trigger));
                    let task = self.tasks.spawn(async move { shared.run(&trigger, Some(Bson::Document(event))).await });
                    self.begun.insert(task.id(), Begun { id, user_id });
                }
            }
        }
        if !is_near {
            self.looked_far = Some((Instant::now(), began.elapsed()));
        }
        Ok(())
    }

    /// Removes an event that has been handled, whether or not its function failed, together with those that have
    /// finished since.
    async fn end(&mut self, ended: Ran, tally: &mut Tally) -> Result<(), Ended> {
        let mut ids = Vec::new();
        let mut next = Some(ended);
        while let Some(ended) = next {
            let (task, ran) = match ended {
                Ok((task, ran)) => (task, ran),
                Err(error) => (error.id(), Err("the runtime of functions panicked".to_owned())),
            };
            if let Some(begun) = self.begun.remove(&task) {
                ids.push(begun.id);
                tally.ran(ran);
            }
            next = self.tasks.try_join_next_with_id();
        }
        self.shared.stores.events.remove(&self.trigger.name, &ids).await?;
        Ok(())
    }
}
