use std::sync::Arc;

use portcullis::store::{Position, Progress, StoreError, TriggerState};
use portcullis::trigger::{TriggerDefinition, TriggerEvent};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::held::{Held, stopped};
use super::shared::Shared;
use super::tally::{Ended, Tally};
use super::{authentication, database, scheduled};

/// Runs a trigger whenever its lease can be acquired, until `stop` is set.
pub(super) async fn keep(
    shared: Arc<Shared>,
    trigger: Arc<TriggerDefinition>,
    holder: String,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        if let Err(ended) = attempt(&shared, &trigger, &holder, &stop).await {
            match ended {
                Ended::LeaseLost => shared.warn(&trigger, "another server has taken over the trigger"),
                Ended::Failed(message) => shared.warn(&trigger, &message),
                Ended::Suspended(reason) => shared.warn(&trigger, &format!("the trigger is suspended: {reason}")),
            }
        }
        tokio::select! {
            () = sleep(shared.options.pause) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Makes a trigger that its configuration disables forget its position if it skips missed events, so that it continues
/// from the moment at which it is enabled again. A server on which it is still enabled has the lease until it stops.
pub(super) async fn forget_while_disabled(
    shared: Arc<Shared>,
    trigger: Arc<TriggerDefinition>,
    holder: String,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        match forgotten(&shared, &trigger, &holder).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => shared.warn(&trigger, &error.to_string()),
        }
        tokio::select! {
            () = sleep(shared.options.pause) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Forgets the position of a trigger if its lease is free; returns whether there is none any more.
async fn forgotten(shared: &Shared, trigger: &TriggerDefinition, holder: &str) -> Result<bool, StoreError> {
    let states = &*shared.stores.states;
    if !has_missed(trigger, &states.state(&trigger.name).await?) {
        return Ok(true);
    }
    let Some(lease) = states.acquire(&trigger.name, holder, shared.options.lease).await? else { return Ok(false) };
    let forget = Progress { position: Some(Position::Forgotten), ..Progress::default() };
    let noted = states.note(&lease, &forget).await;
    states.release(&lease).await?;
    noted
}

/// Acquires the lease if it is free, and runs the trigger for as long as permitted.
async fn attempt(
    shared: &Arc<Shared>,
    trigger: &Arc<TriggerDefinition>,
    holder: &str,
    stop: &watch::Receiver<bool>,
) -> Result<(), Ended> {
    let state = shared.stores.states.state(&trigger.name).await?;
    let may_run = state.may_run() || (state.is_paused && has_missed(trigger, &state));
    if !may_run {
        return Ok(());
    }
    let asked = Instant::now();
    let lease = shared.stores.states.acquire(&trigger.name, holder, shared.options.lease).await?;
    let Some(lease) = lease else { return Ok(()) };
    let held = Held::keep(shared, trigger, lease, asked, stop.clone());
    let mut duty = held.duty.clone();
    let ran = tokio::select! {
        ran = run(shared, trigger, &held) => ran,
        () = stopped(&mut duty) => Err(Ended::LeaseLost),
    };
    let lease = held.lease.clone();
    drop(held);
    if let Err(Ended::Suspended(reason)) = &ran {
        let mut tally = Tally::new();
        tally.suspended(reason.clone());
        tally.note(&*shared.stores.states, &lease).await?;
    }
    if !matches!(ran, Err(Ended::LeaseLost)) {
        shared.stores.states.release(&lease).await?;
    }
    ran
}

async fn run(shared: &Arc<Shared>, trigger: &Arc<TriggerDefinition>, held: &Held) -> Result<(), Ended> {
    // Reads the state again: with the lease held, no other server changes it.
    let state = shared.stores.states.state(&trigger.name).await?;
    if !state.may_run() {
        return forget_missed(shared, trigger, &state, held).await;
    }
    match &trigger.event {
        TriggerEvent::Scheduled(schedule) => scheduled::run(shared, trigger, schedule, held, &state).await,
        TriggerEvent::Authentication(_) => authentication::run(shared, trigger, held).await,
        TriggerEvent::Database(changes) => database::run(shared, trigger, changes, held, &state).await,
    }
}

/// Whether a paused or disabled trigger still has a stored position although it is to skip events that occur meanwhile.
/// Account events are never skipped, and a schedule determines from the time alone what it has missed.
fn has_missed(trigger: &TriggerDefinition, state: &TriggerState) -> bool {
    matches!(&trigger.event, TriggerEvent::Database(changes) if changes.skips_missed) && state.position.is_some()
}

/// Forgets the position of a paused trigger that skips missed events, so that it continues from the moment at which it
/// is resumed.
async fn forget_missed(
    shared: &Shared,
    trigger: &TriggerDefinition,
    state: &TriggerState,
    held: &Held,
) -> Result<(), Ended> {
    if state.is_paused && has_missed(trigger, state) {
        let mut tally = Tally::new();
        tally.position(Position::Forgotten);
        tally.note(&*shared.stores.states, &held.lease).await?;
    }
    Ok(())
}
