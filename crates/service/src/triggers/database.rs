use std::collections::HashMap;
use std::sync::Arc;

use bson::{Bson, Document};
use portcullis::store::documents::DocumentsError;
use portcullis::store::{Position, TriggerState};
use portcullis::trigger::{DatabaseTrigger, TriggerDefinition};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Duration;

use super::feed::{Fed, Feed, is_passing};
use super::held::{Held, drained};
use super::pipeline::{argument, request};
use super::shared::Shared;
use super::tally::{Ended, Tally, until};
use super::window::Window;

/// The number of changes that may be in progress, or finished but waiting for an earlier one, before reading pauses.
const MAX_IN_PROGRESS: u64 = 1024;

/// How often the position is stored while the stream delivers no matching changes.
const IDLE_SAVE_INTERVAL: Duration = Duration::from_secs(10);

/// Handles changes of documents: one at a time in their order, or several concurrently.
pub(super) async fn run(
    shared: &Arc<Shared>,
    trigger: &Arc<TriggerDefinition>,
    changes: &DatabaseTrigger,
    held: &Held,
    state: &TriggerState,
) -> Result<(), Ended> {
    let feed =
        shared.stores.changes.as_ref().ok_or_else(|| Ended::Failed("this store does not report changes".to_owned()))?;
    let request = request(changes, shared.stores.accounts.as_deref(), state.position.clone());
    let mut handling = Handling {
        shared,
        trigger,
        changes,
        held,
        at_once: if changes.is_unordered { shared.options.at_once.max(1) } else { 1 },
        begun: HashMap::new(),
        tasks: JoinSet::new(),
        window: Window::default(),
        tally: Tally::new(),
        // The first position is stored at once: from then on, no change after it can be missed.
        interval: state.position.as_ref().map_or(Duration::ZERO, |_| IDLE_SAVE_INTERVAL),
    };
    let ended = handling.follow(Feed::open(Arc::clone(feed), request)).await;
    // Functions that are running may finish, unless the lease is lost: then another server may run them again.
    if !matches!(ended, Err(Ended::LeaseLost)) {
        while let Some(done) = handling.tasks.join_next_with_id().await {
            handling.end(done);
        }
        handling.note(Duration::ZERO).await?;
    }
    ended
}

struct Handling<'r> {
    shared: &'r Arc<Shared>,
    trigger: &'r Arc<TriggerDefinition>,
    changes: &'r DatabaseTrigger,
    held: &'r Held,
    at_once: usize,
    /// For each running task, the number of its change.
    begun: HashMap<Id, u64>,
    tasks: JoinSet<Result<(), String>>,
    window: Window,
    tally: Tally,
    interval: Duration,
}

impl Handling<'_> {
    /// Handles the items of a stream until the trigger has to drain, or the stream fails.
    async fn follow(&mut self, mut feed: Feed) -> Result<(), Ended> {
        let mut duty = self.held.duty.clone();
        loop {
            let has_room = self.tasks.len() < self.at_once && self.window.len() < MAX_IN_PROGRESS;
            tokio::select! {
                Some(done) = self.tasks.join_next_with_id() => {
                    self.end(done);
                    self.note(self.shared.options.noting).await?;
                }
                fed = feed.next(), if has_room => match fed {
                    Some(Fed::Event(event, position)) => self.begin(event, position),
                    Some(Fed::Quiet(position)) => {
                        self.window.quiet(position);
                        let interval = if self.tasks.is_empty() { self.interval } else { IDLE_SAVE_INTERVAL };
                        self.note(interval).await?;
                        self.interval = IDLE_SAVE_INTERVAL;
                    }
                    Some(Fed::Invalidated(position)) => {
                        self.window.quiet(position);
                        let reason = "the collection or the database was dropped, or renamed".to_owned();
                        return Err(Ended::Suspended(reason));
                    }
                    Some(Fed::Failed(error)) => return self.failed(error).await,
                    None => return Err(Ended::Failed("the stream of changes ended".to_owned())),
                },
                // Without this, the last events of a burst would stay unmarked until the stream delivers something.
                () = until(self.tally.due(self.shared.options.noting)) => self.note(Duration::ZERO).await?,
                () = drained(&mut duty) => return Ok(()),
            }
        }
    }

    fn begin(&mut self, event: Document, position: Option<Document>) {
        let number = self.window.begin(position);
        let argument = argument(self.changes, event);
        let (shared, trigger) = (Arc::clone(self.shared), Arc::clone(self.trigger));
        let task = self.tasks.spawn(handle(shared, trigger, argument));
        self.begun.insert(task.id(), number);
    }

    fn end(&mut self, done: Result<(Id, Result<(), String>), JoinError>) {
        let (task, ran) = match done {
            Ok((task, ran)) => (task, ran),
            Err(error) => (error.id(), Err("the runtime of functions panicked".to_owned())),
        };
        if let Some(number) = self.begun.remove(&task) {
            self.window.end(number);
            self.tally.ran(ran);
        }
    }

    /// Stores the position reached so far, if the interval has passed since that was last done.
    async fn note(&mut self, interval: Duration) -> Result<(), Ended> {
        if let Some(position) = self.window.take() {
            self.tally.position(Position::After(position));
        }
        self.tally.note_after(interval, &*self.shared.stores.states, &self.held.lease).await
    }

    async fn failed(&mut self, error: DocumentsError) -> Result<(), Ended> {
        match error {
            DocumentsError::HistoryLost if self.changes.tolerates_lost_events => {
                self.shared.warn(self.trigger, &format!("{error}; the trigger resumes from now"));
                // The position reached cannot be used: it is the one whose history is lost.
                self.window = Window::default();
                self.tally.position(Position::Forgotten);
                self.tally.note(&*self.shared.stores.states, &self.held.lease).await?;
                Err(Ended::Failed("the change stream is opened again".to_owned()))
            }
            error if is_passing(&error) => Err(Ended::Failed(error.to_string())),
            error => Err(Ended::Suspended(error.to_string())),
        }
    }
}

async fn handle(shared: Arc<Shared>, trigger: Arc<TriggerDefinition>, argument: Bson) -> Result<(), String> {
    shared.run(&trigger, Some(argument)).await
}
