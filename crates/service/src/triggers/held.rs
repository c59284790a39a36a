use std::sync::Arc;

use portcullis::store::{Lease, Triggers};
use portcullis::trigger::TriggerDefinition;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::shared::Shared;

/// What the task that runs a trigger must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Continue.
    Run,
    /// Start nothing new, and let running functions finish.
    Drain,
    /// Stop at once: another server may already be running the trigger.
    Stop,
}

/// A lease that is renewed by its own task, so that it does not expire while the trigger's work blocks a thread.
pub(super) struct Held {
    pub(super) lease: Lease,
    pub(super) duty: watch::Receiver<Duty>,
    task: JoinHandle<()>,
}

impl Held {
    /// Keeps renewing a lease that was requested at the time `asked`.
    pub(super) fn keep(
        shared: &Arc<Shared>,
        trigger: &Arc<TriggerDefinition>,
        lease: Lease,
        asked: Instant,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (sender, duty) = watch::channel(Duty::Run);
        let keeping = keep(Arc::clone(shared), Arc::clone(trigger), lease.clone(), asked, sender, stop);
        Self { lease, duty, task: tokio::spawn(keeping) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until nothing new may be started.
pub(super) async fn drained(duty: &mut watch::Receiver<Duty>) {
    // An error means that the sender is gone, and nobody renews the lease.
    let _ = duty.wait_for(|duty| *duty != Duty::Run).await;
}

/// Waits until everything must stop.
pub(super) async fn stopped(duty: &mut watch::Receiver<Duty>) {
    let _ = duty.wait_for(|duty| *duty == Duty::Stop).await;
}

async fn keep(
    shared: Arc<Shared>,
    trigger: Arc<TriggerDefinition>,
    lease: Lease,
    asked: Instant,
    duty: watch::Sender<Duty>,
    mut stop: watch::Receiver<bool>,
) {
    let lifetime = shared.options.lease;
    // A lower bound: the store's clock starts counting when it receives the request.
    let mut end = asked + lifetime;
    loop {
        tokio::select! {
            () = sleep(lifetime / 3) => {}
            () = sleep_until(end) => {}
            _ = stop.wait_for(|stop| *stop), if *duty.borrow() == Duty::Run => {
                let _ = duty.send(Duty::Drain);
                continue;
            }
        }
        let asked = Instant::now();
        let renewed = tokio::time::timeout_at(end, renew(&*shared.stores.states, &lease, lifetime)).await;
        match renewed {
            Ok(Ok(Renewed::Runs)) => end = asked + lifetime,
            Ok(Ok(Renewed::Switched)) => {
                end = asked + lifetime;
                duty.send_if_modified(|duty| std::mem::replace(duty, Duty::Drain) == Duty::Run);
            }
            Ok(Ok(Renewed::Lost)) => break,
            Ok(Err(error)) => {
                shared.warn(&trigger, &error.to_string());
                if Instant::now() >= end {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    let _ = duty.send(Duty::Stop);
    shared.warn(&trigger, "the lease is lost; another server may run the trigger");
}

enum Renewed {
    Runs,
    /// The trigger has been paused.
    Switched,
    Lost,
}

async fn renew(
    states: &dyn Triggers,
    lease: &Lease,
    lifetime: Duration,
) -> Result<Renewed, portcullis::store::StoreError> {
    if !states.renew(lease, lifetime).await? {
        return Ok(Renewed::Lost);
    }
    Ok(if states.state(&lease.trigger).await?.may_run() { Renewed::Runs } else { Renewed::Switched })
}
