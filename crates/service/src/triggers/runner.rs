use std::sync::Arc;

use bson::oid::ObjectId;
use portcullis::store::documents::ChangeFeed;
use portcullis::store::{AccountEvents, Triggers};
use portcullis::{App, Clock, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::keeper::{forget_while_disabled, keep};
use super::plan::TriggerPlan;
use super::shared::Shared;
use super::{RunnerOptions, TriggerFunctions};

/// Everything needed to run the triggers of an application.
pub struct RunnerParts {
    /// The application's ID, for logs.
    pub application: String,
    /// The application.
    pub app: Arc<App>,
    /// Runs the functions of the application.
    pub functions: Arc<dyn TriggerFunctions>,
    /// The stores of events and of progress.
    pub stores: TriggerStores,
}

/// The stores that triggers need.
#[derive(Clone)]
pub struct TriggerStores {
    /// The states of triggers.
    pub states: Arc<dyn Triggers>,
    /// The account events that have not been handled.
    pub events: Arc<dyn AccountEvents>,
    /// The change streams of documents, if the store supports them.
    pub changes: Option<Arc<dyn ChangeFeed>>,
    /// The database of users and triggers, if it is on the same server as the documents.
    pub accounts: Option<String>,
}

/// Runs the triggers of an application until it is dropped. Dropping stops them at once: functions that were running
/// are run again by the next runner.
pub struct Runner {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    options: RunnerOptions,
    plan: TriggerPlan,
}

impl Runner {
    /// Starts the triggers of an application on the caller's tokio runtime.
    #[must_use]
    pub fn start(parts: RunnerParts, options: RunnerOptions) -> Self {
        Self::start_with_clock(parts, options, Arc::new(SystemClock))
    }

    /// Like [`start`](Self::start), with another clock for schedules.
    #[must_use]
    pub fn start_with_clock(parts: RunnerParts, options: RunnerOptions, clock: Arc<dyn Clock>) -> Self {
        let RunnerParts { application, app, functions, stores } = parts;
        let plan = TriggerPlan::within(&app, &stores, &*functions);
        let (stop, stopping) = watch::channel(false);
        let kept = options.clone();
        let shared = Arc::new(Shared { application, functions, stores, clock, options: kept });
        let holder = ObjectId::new().to_hex();
        let mut tasks = JoinSet::new();
        for planned in &plan.runs {
            let trigger = Arc::new(planned.definition.clone());
            tasks.spawn(keep(Arc::clone(&shared), trigger, holder.clone(), stopping.clone()));
        }
        for planned in &plan.disabled {
            let trigger = Arc::new(planned.definition.clone());
            tasks.spawn(forget_while_disabled(Arc::clone(&shared), trigger, holder.clone(), stopping.clone()));
        }
        Self { stop, tasks, options, plan }
    }

    /// Which triggers run, and why others do not.
    #[must_use]
    pub const fn plan(&self) -> &TriggerPlan {
        &self.plan
    }

    /// Starts nothing new, waits at most [`RunnerOptions::grace`] for running functions, and releases the leases.
    pub async fn shut_down(mut self) {
        let _ = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(self.options.grace, ended).await.is_err() {
            tracing::warn!("trigger functions did not end in time; they will run again later");
        }
    }
}
