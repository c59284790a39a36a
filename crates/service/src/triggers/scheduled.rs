use std::sync::Arc;

use bson::DateTime;
use portcullis::store::TriggerState;
use portcullis::trigger::{ScheduledTrigger, TriggerDefinition};
use tokio::time::{Duration, sleep};

use super::held::{Held, drained};
use super::shared::Shared;
use super::tally::{Ended, Tally};

/// How late a run may begin that is not one made up for, in milliseconds.
const LATE: i64 = 60_000;

/// How long is slept at most before the clock is looked at again, which may have been set.
const LOOK: Duration = Duration::from_secs(20);

/// Runs a trigger whenever its time has come. For all times that have passed meanwhile it is run once.
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
            // From its first day on; and after the clock was set back, no earlier.
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
        let is_late = now.timestamp_millis().saturating_sub(due.timestamp_millis()) >= LATE;
        if !(is_late && schedule.skips_missed) {
            tally.ran(shared.run(trigger, None).await);
        }
        tally.ran_until(now);
        tally.note(&*shared.stores.states, &held.lease).await?;
        until = Some(now);
    }
}

/// Until the clock shows a time.
async fn due_at(shared: &Shared, due: DateTime) {
    loop {
        let left = due.timestamp_millis().saturating_sub(shared.clock.now().timestamp_millis());
        let Ok(left) = u64::try_from(left) else { return };
        if left == 0 {
            return;
        }
        sleep(Duration::from_millis(left).min(LOOK).min(shared.options.pause)).await;
    }
}
