use std::sync::Arc;

use bson::DateTime;
use portcullis::store::TriggerState;
use portcullis::trigger::{ScheduledTrigger, TriggerDefinition};
use tokio::time::{Duration, sleep};

use super::held::{Held, drained};
use super::shared::Shared;
use super::tally::{Ended, Tally};

/// The delay, in milliseconds, from which a run counts as missed.
const MISSED_AFTER_MILLIS: i64 = 60_000;

/// The longest sleep before the clock is read again, since it may have been set.
const MAX_SLEEP: Duration = Duration::from_secs(20);

/// Runs a trigger at its scheduled times. If several have passed in the meantime, runs it once.
pub(super) async fn run(
    shared: &Arc<Shared>,
    trigger: &TriggerDefinition,
    schedule: &ScheduledTrigger,
    held: &Held,
    state: &TriggerState,
) -> Result<(), Ended> {
    let mut tally = Tally::new();
    let mut duty = held.duty.clone();
    let mut until = state.ran_until;
    loop {
        let dealt_with = match until {
            Some(until) => until,
            // A new schedule starts now. Storing that also keeps it from running for earlier times if the clock is set
            // back.
            None => {
                let now = shared.clock.now();
                tally.ran_until(now);
                tally.note(&*shared.stores.states, &held.lease).await?;
                now
            }
        };
        let Some(due) = schedule.schedule.next_after(dealt_with) else {
            drained(&mut duty).await;
            return Ok(());
        };
        tokio::select! {
            () = due_at(shared, due) => {}
            () = drained(&mut duty) => return Ok(()),
        }
        let now = shared.clock.now();
        let is_late = now.timestamp_millis().saturating_sub(due.timestamp_millis()) >= MISSED_AFTER_MILLIS;
        if !(is_late && schedule.skips_missed) {
            tally.ran(shared.run(trigger, None).await);
        }
        tally.ran_until(now);
        tally.note(&*shared.stores.states, &held.lease).await?;
        until = Some(now);
    }
}

/// Waits until the clock shows a time.
async fn due_at(shared: &Shared, due: DateTime) {
    loop {
        let left = due.timestamp_millis().saturating_sub(shared.clock.now().timestamp_millis());
        let Ok(left) = u64::try_from(left) else { return };
        if left == 0 {
            return;
        }
        sleep(Duration::from_millis(left).min(MAX_SLEEP).min(shared.options.pause)).await;
    }
}
