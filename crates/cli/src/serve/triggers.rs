use std::sync::Arc;

use portcullis_service::client::ClientApi;
use portcullis_service::triggers::{Runner, RunnerOptions};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// The running triggers of the applications that are currently served.
#[derive(Clone, Default)]
pub(super) struct RunningTriggers(Arc<Mutex<Vec<Runner>>>);

impl RunningTriggers {
    /// Replaces the running triggers by those of these applications. Each trigger is taken over once the functions
    /// that it has started have ended.
    pub(super) async fn replace(&self, apis: &[ClientApi]) {
        let runners = apis.iter().map(|api| api.run_triggers(RunnerOptions::default())).collect();
        let replaced = std::mem::replace(&mut *self.0.lock().await, runners);
        shut_down(replaced).await;
    }

    /// Starts no more functions, and waits some seconds for running ones to end.
    pub(super) async fn shut_down(&self) {
        let running = std::mem::take(&mut *self.0.lock().await);
        shut_down(running).await;
    }
}

async fn shut_down(runners: Vec<Runner>) {
    let mut ending: JoinSet<()> = runners.into_iter().map(Runner::shut_down).collect();
    while ending.join_next().await.is_some() {}
}
