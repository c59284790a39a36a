use std::sync::Arc;

use bson::oid::ObjectId;
use portcullis::store::documents::ChangeFeed;
use portcullis::store::{AccountEvents, Triggers};
use portcullis::{App, Clock, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::keeper::keep;
use super::plan::TriggerPlan;
use super::shared::Shared;
use super::{RunnerOptions, TriggerFunctions};

/// What the triggers of an application need to run.
pub struct RunnerParts {
    /// The application's id, for logs.
    pub application: String,
    /// The application.
    pub app: Arc<App>,
    /// What runs its functions.
    pub functions: Arc<dyn TriggerFunctions>,
    /// Where it is kept what happened and what was done.
    pub stores: TriggerStores,
}

/// The stores that triggers need.
#[derive(Clone)]
pub struct TriggerStores {
    /// The states of triggers.
    pub states: Arc<dyn Triggers>,
    /// What happened to users.
    pub events: Arc<dyn AccountEvents>,
    /// What happens to documents, if the store tells that.
    pub changes: Option<Arc<dyn ChangeFeed>>,
    /// The database of users and triggers, if it is on the server of the documents.
    pub accounts: Option<String>,
}

/// The triggers of an application, running. Where it is dropped they stop at once, and what they had begun is begun again by whoever runs
/// them next.
pub struct Runner {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    options: RunnerOptions,
    plan: TriggerPlan,
}

impl Runner {
    /// Runs the triggers of an application within the runtime of the caller.
    #[must_use]
    pub fn start(parts: RunnerParts, options: RunnerOptions) -> Self {
        Self::start_with_clock(parts, options, Arc::new(SystemClock))
    }

    /// As [`start`](Self::start), with another clock for schedules.
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
        Self { stop, tasks, options, plan }
    }

    /// Which triggers run, and why others do not.
    #[must_use]
    pub const fn plan(&self) -> &TriggerPlan {
        &self.plan
    }

    /// Begins nothing more, waits for what has begun for [`RunnerOptions::grace`] at most, and gives the leases back.
    pub async fn shut_down(mut self) {
        let _ = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(self.options.grace, ended).await.is_err() {
            tracing::warn!("functions of triggers did not end in time; they are run again later");
        }
    }
}
