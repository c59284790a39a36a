use std::ops::Bound;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::database::{Embedded, Failure, SESSIONS, decode};
use super::users::Tables;
use crate::trigger_records::{event_from_record, event_to_record};
use portcullis::BoxFuture;
use portcullis::auth::ProviderType;
use portcullis::store::{
    Account, AccountEvent, AccountEvents, AccountState, Identity, Removed, StoreError, Telling, UsersError,
    WaitingEvent,
};

/// Maps application, trigger and number to the event, as BSON.
pub(super) const ACCOUNT_EVENTS: TableDefinition<'_, (&str, &str, u64), &[u8]> = TableDefinition::new("account_events");

/// Maps application and trigger to the number of the latest event. The entry outlives the event: if a number were
/// reused, removing one event could remove another.
const LAST_NUMBERS: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("account_event_numbers");

/// The number of digits in an event's ID: enough for every `u64`, so that IDs sort in the order of the numbers.
const DIGITS: usize = 20;

impl Embedded {
    fn append(&self, transaction: &WriteTransaction, events: &[AccountEvent]) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        let (mut table, mut numbers) = (transaction.open_table(ACCOUNT_EVENTS)?, transaction.open_table(LAST_NUMBERS)?);
        for event in events {
            let (application, trigger) = (self.application.as_str(), event.trigger.as_str());
            let last = numbers.get((application, trigger))?.map_or(0, |number| number.value());
            let number = last.saturating_add(1);
            let record = event_to_record(event).to_vec()?;
            table.insert((application, trigger, number), record.as_slice())?;
            numbers.insert((application, trigger), number)?;
        }
        Ok(())
    }

    fn read_events(
        &self,
        transaction: &ReadTransaction,
        trigger: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<WaitingEvent>, Failure> {
        let table = transaction.open_table(ACCOUNT_EVENTS)?;
        let application = self.application.as_str();
        let from = match after {
            None => Bound::Included((application, trigger, 0)),
            Some(after) => Bound::Excluded((application, trigger, after.parse()?)),
        };
        let until = Bound::Included((application, trigger, u64::MAX));
        let mut waiting = Vec::new();
        for entry in table.range::<(&str, &str, u64)>((from, until))?.take(limit) {
            let (key, record) = entry?;
            let event = event_from_record(decode(record.value())?, trigger)?;
            waiting.push(WaitingEvent { id: format!("{:0DIGITS$}", key.value().2), event });
        }
        Ok(waiting)
    }
}

impl AccountEvents for Embedded {
    fn activate<'a>(&'a self, id: &'a str, telling: Telling<'a>) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            let activated = self.write("cannot activate the user", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let Some(account) = tables.find(id)? else { return Ok(Err(UsersError::Unknown(id.to_owned()))) };
                if account.state != AccountState::Pending {
                    return Ok(Ok(()));
                }
                let account = Account { state: AccountState::Active, ..account };
                tables.put(&account)?;
                drop(tables);
                self.append(transaction, &telling(&account))?;
                Ok(Ok(()))
            });
            let activated = activated.await?;
            self.notify_events();
            activated
        })
    }

    fn delete<'a>(
        &'a self,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>> {
        Box::pin(async move {
            let deleted = self.write("cannot delete the user", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let Some(account) = tables.find(id)? else { return Ok(None) };
                tables.remove(&account)?;
                drop(tables);
                self.append(transaction, &telling(&account))?;
                Ok(Some(account.identities))
            });
            let deleted = deleted.await?;
            self.notify_events();
            Ok(deleted)
        })
    }

    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>> {
        Box::pin(async move {
            let removed = self.write("cannot remove the identity", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let Some((removed, account)) = tables.remove_identity(&self.application, provider_type, id)? else {
                    return Ok(None);
                };
                drop(tables);
                if matches!(removed, Removed::WithUser(_)) {
                    self.append(transaction, &telling(&account))?;
                }
                Ok(Some(removed))
            });
            let removed = removed.await?;
            self.notify_events();
            Ok(removed)
        })
    }

    fn logged_in<'a>(
        &'a self,
        session_id: &'a str,
        events: &'a [AccountEvent],
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let noted = self.write("cannot note the login", |transaction| {
                if transaction.open_table(SESSIONS)?.get(self.key(session_id))?.is_none() {
                    return Ok(false);
                }
                self.append(transaction, events)?;
                Ok(true)
            });
            let noted = noted.await?;
            self.notify_events();
            Ok(noted)
        })
    }

    fn waiting<'a>(
        &'a self,
        trigger: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<WaitingEvent>, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the events of the trigger", |transaction| {
                self.read_events(transaction, trigger, after, limit)
            })
        })
    }

    fn count<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            self.read("cannot count the events of the trigger", |transaction| {
                let table = transaction.open_table(ACCOUNT_EVENTS)?;
                let application = self.application.as_str();
                let all = table.range((application, trigger, 0)..=(application, trigger, u64::MAX))?;
                Ok(u64::try_from(all.count()).unwrap_or(u64::MAX))
            })
        })
    }

    fn remove<'a>(&'a self, trigger: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            self.write("cannot remove events", |transaction| {
                let mut table = transaction.open_table(ACCOUNT_EVENTS)?;
                let mut count = 0;
                for id in ids {
                    let removed = table.remove((self.application.as_str(), trigger, id.parse()?))?;
                    count += u64::from(removed.is_some());
                }
                Ok(count)
            })
            .await
        })
    }

    fn forget<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            self.write("cannot remove the events of the trigger", |transaction| {
                let mut table = transaction.open_table(ACCOUNT_EVENTS)?;
                let application = self.application.as_str();
                let mut count = 0;
                table.retain_in((application, trigger, 0)..=(application, trigger, u64::MAX), |_, _| {
                    count += 1;
                    false
                })?;
                Ok(count)
            })
            .await
        })
    }

    fn added(&self) -> BoxFuture<'_, ()> {
        // The future is created here rather than on its first poll, so that events added from this moment on are
        // noticed.
        let added = self.events_added();
        Box::pin(added)
    }
}
