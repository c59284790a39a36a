use std::time::Duration;

use bson::DateTime;
use redb::{ReadableTable, Table, WriteTransaction};

use super::database::{Embedded, Failure, Key, TRIGGERS, decode};
use crate::record::Record;
use crate::trigger_records::TriggerRecord;
use portcullis::BoxFuture;
use portcullis::store::{Lease, Progress, StoreError, Switch, TriggerState, Triggers};

type States<'t> = Table<'t, Key<'static>, &'static [u8]>;

fn state(states: &impl ReadableTable<Key<'static>, &'static [u8]>, key: Key<'_>) -> Result<TriggerState, Failure> {
    match states.get(key)? {
        None => Ok(TriggerState::default()),
        Some(record) => Ok(TriggerRecord::from_record(decode(record.value())?, key.0)?.state),
    }
}

/// The expiry of a lease that is granted now.
fn until(lifetime: Duration) -> DateTime {
    let millis = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(DateTime::now().timestamp_millis().saturating_add(millis))
}

impl Embedded {
    /// Changes the state of a trigger, if `change` asks for it.
    async fn change_trigger<T: Send>(
        &self,
        action: &'static str,
        trigger: &str,
        change: impl FnOnce(&mut TriggerState) -> Option<T> + Send,
    ) -> Result<Option<T>, StoreError> {
        self.write(action, |transaction: &WriteTransaction| {
            let mut states: States<'_> = transaction.open_table(TRIGGERS)?;
            let mut state = state(&states, self.key(trigger))?;
            let Some(changed) = change(&mut state) else { return Ok(None) };
            let record = TriggerRecord { name: trigger.to_owned(), state }.to_record(&self.application).to_vec()?;
            states.insert(self.key(trigger), record.as_slice())?;
            Ok(Some(changed))
        })
        .await
    }

    /// Changes the state under a lease; returns whether that lease is the latest one.
    async fn change_leased(
        &self,
        action: &'static str,
        lease: &Lease,
        change: impl FnOnce(&mut TriggerState) + Send,
    ) -> Result<bool, StoreError> {
        let changed = self.change_trigger(action, &lease.trigger, |state| {
            (state.lease.as_ref() == Some(lease)).then(|| change(state))
        });
        Ok(changed.await?.is_some())
    }
}

impl Triggers for Embedded {
    fn acquire<'a>(
        &'a self,
        trigger: &'a str,
        holder: &'a str,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            const ACTION: &str = "cannot lease the trigger";
            let is_free = |state: &TriggerState| state.leased_until.is_none_or(|until| until <= DateTime::now());
            // A write transaction takes longer, and a server that waits for a lease asks often.
            if !is_free(&self.state(trigger).await?) {
                return Ok(None);
            }
            self.change_trigger(ACTION, trigger, |state| {
                if !is_free(state) {
                    return None;
                }
                let fence = state.lease.as_ref().map_or(0, |lease| lease.fence).saturating_add(1);
                let lease = Lease { trigger: trigger.to_owned(), holder: holder.to_owned(), fence };
                state.lease = Some(lease.clone());
                state.leased_until = Some(until(lifetime));
                Some(lease)
            })
            .await
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease, lifetime: Duration) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let renew = |state: &mut TriggerState| state.leased_until = Some(until(lifetime));
            self.change_leased("cannot renew the lease of the trigger", lease, renew).await
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            // The lease is kept as expired, for the sake of its number, but without a holder, so that a renewal that is
            // still on its way does not extend it again.
            let release = |state: &mut TriggerState| {
                state.leased_until = Some(DateTime::now());
                if let Some(lease) = &mut state.lease {
                    lease.holder.clear();
                }
            };
            self.change_leased("cannot give back the lease of the trigger", lease, release).await
        })
    }

    fn note<'a>(&'a self, lease: &'a Lease, progress: &'a Progress) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.change_leased("cannot note the run of the trigger", lease, |state| state.advance(progress)).await
        })
    }

    fn state<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<TriggerState, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the state of the trigger", |transaction| {
                state(&transaction.open_table(TRIGGERS)?, self.key(trigger))
            })
        })
    }

    fn switch<'a>(&'a self, trigger: &'a str, switch: Switch) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let change = |state: &mut TriggerState| {
                state.switch(switch);
                Some(())
            };
            self.change_trigger("cannot switch the trigger", trigger, change).await.map(drop)
        })
    }
}
