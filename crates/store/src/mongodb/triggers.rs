use std::time::Duration;

use ::mongodb::Database;
use ::mongodb::options::ReturnDocument;
use bson::{Bson, Document, doc};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::managed_collection::ManagedCollection;
use crate::record::{Record, key};
use crate::trigger_records::TriggerRecord;
use portcullis::BoxFuture;
use portcullis::store::{Lease, Position, Progress, StoreError, Switch, TriggerState, Triggers};
use portcullis::value::DocumentRef;

/// The states of one application's triggers, in the collection `triggers` of Portcullis's own database, which other
/// applications may share. Leases are granted and expire by the server's clock.
#[derive(Debug)]
pub struct MongoTriggers {
    triggers: ManagedCollection,
    application: String,
}

impl MongoTriggers {
    /// The name of the collection. A server that exposes the same database through rules must not open it.
    pub const COLLECTION: &str = "triggers";

    /// The states of the triggers of the application with this ID. Nothing is read or created yet.
    #[must_use]
    pub fn new(database: &Database, application: impl Into<String>) -> Self {
        // All queries are by `_id`.
        let triggers = ManagedCollection::new(database, Self::COLLECTION, Vec::new);
        Self { triggers, application: application.into() }
    }

    fn by_name(&self, trigger: &str) -> Document {
        doc! { "_id": key(&self.application, trigger) }
    }

    fn by_lease(&self, lease: &Lease) -> Document {
        doc! {
            "_id": key(&self.application, lease.trigger.as_str()),
            "lease.holder": &lease.holder,
            "lease.fence": lease.fence,
        }
    }

    async fn acquire(&self, trigger: &str, holder: &str, lifetime: Duration) -> Result<Option<Lease>, Failure> {
        let triggers = self.triggers.ready().await?;
        let mut free = self.by_name(trigger);
        // Also matches a missing `lease.until`, which sorts before every date.
        free.insert("$expr", doc! { "$lte": ["$lease.until", "$$NOW"] });
        let lease = doc! {
            "holder": { "$literal": holder },
            "fence": { "$add": [{ "$ifNull": ["$lease.fence", 0_i64] }, 1_i64] },
            "until": { "$add": ["$$NOW", millis(lifetime)] },
        };
        let take = async || {
            let update = triggers.find_one_and_update(free.clone(), vec![doc! { "$set": { "lease": lease.clone() } }]);
            let update = update.return_document(ReturnDocument::After).max_time(SERVER_TIME);
            patiently(async { update.await }).await
        };
        let mut taken = take().await?;
        if taken.is_none() && self.make(trigger).await? {
            taken = take().await?;
        }
        Ok(taken.map(|taken| self.read(&taken)).transpose()?.and_then(|state| state.lease))
    }

    /// Creates the state of a trigger that has none; returns whether it has just been created.
    async fn make(&self, trigger: &str) -> Result<bool, Failure> {
        let triggers = self.triggers.ready().await?;
        let made = doc! { "$setOnInsert": { "paused": false } };
        let update = triggers.update_one(self.by_name(trigger), made).upsert(true);
        match patiently(async { update.await }).await {
            Ok(result) => Ok(result.upserted_id.is_some()),
            // Another server has created it concurrently.
            Err(error) if error.is_duplicate_key() => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn read(&self, raw: &bson::RawDocument) -> Result<TriggerState, Failure> {
        Ok(TriggerRecord::from_record(DocumentRef::Raw(raw).to_document()?, &self.application)?.state)
    }

    /// Frees a lease; returns whether it was the latest one. Its holder is removed, so that a renewal that is still on its
    /// way does not extend it again.
    async fn free(&self, lease: &Lease) -> Result<bool, Failure> {
        let triggers = self.triggers.ready().await?;
        let freed = vec![doc! { "$set": { "lease.until": "$$NOW", "lease.holder": "" } }];
        let update = async { triggers.update_one(self.by_lease(lease), freed).await };
        Ok(patiently(update).await?.matched_count > 0)
    }

    /// Extends a lease; returns whether it is the latest one.
    async fn extend(&self, lease: &Lease, lifetime: Duration) -> Result<bool, Failure> {
        let triggers = self.triggers.ready().await?;
        let until = vec![doc! { "$set": { "lease.until": { "$add": ["$$NOW", millis(lifetime)] } } }];
        let update = async { triggers.update_one(self.by_lease(lease), until).await };
        Ok(patiently(update).await?.matched_count > 0)
    }

    async fn note(&self, lease: &Lease, progress: &Progress) -> Result<bool, Failure> {
        let triggers = self.triggers.ready().await?;
        let mut set = Document::new();
        match &progress.position {
            None => {}
            Some(Position::After(position)) => _ = set.insert("position", position.clone()),
            Some(Position::Forgotten) => _ = set.insert("position", Bson::Null),
        }
        set.extend(progress.ran_until.map(|time| ("ran_until".to_owned(), time.into())));
        for (name, text) in [("last_failure", &progress.last_failure), ("suspended", &progress.suspended)] {
            set.extend(text.as_ref().map(|text| (name.to_owned(), text.into())));
        }
        let mut update = doc! { "$inc": { "runs": progress.runs, "failures": progress.failures } };
        if !set.is_empty() {
            update.insert("$set", set);
        }
        let update = async { triggers.update_one(self.by_lease(lease), update).await };
        Ok(patiently(update).await?.matched_count > 0)
    }

    async fn state(&self, trigger: &str) -> Result<TriggerState, Failure> {
        let triggers = self.triggers.ready().await?;
        let find = triggers.find_one(self.by_name(trigger)).max_time(SERVER_TIME);
        let found = patiently(async { find.await }).await?;
        found.map_or_else(|| Ok(TriggerState::default()), |found| self.read(&found))
    }

    async fn switch(&self, trigger: &str, switch: Switch) -> Result<(), Failure> {
        let triggers = self.triggers.ready().await?;
        let mut set = doc! { "paused": switch == Switch::Pause };
        if switch != Switch::Pause {
            set.insert("suspended", Bson::Null);
        }
        if switch == Switch::ResumeFromNow {
            set.insert("position", Bson::Null);
            set.insert("ran_until", Bson::Null);
        }
        let update = triggers.update_one(self.by_name(trigger), doc! { "$set": set }).upsert(true);
        patiently(async { update.await }).await.map(drop)
    }
}

fn millis(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)
}

impl Triggers for MongoTriggers {
    fn acquire<'a>(
        &'a self,
        trigger: &'a str,
        holder: &'a str,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            self.acquire(trigger, holder, lifetime).await.map_err(|error| error.during("cannot lease the trigger"))
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease, lifetime: Duration) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let renewed = self.extend(lease, lifetime).await;
            renewed.map_err(|error| error.during("cannot renew the lease of the trigger"))
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.free(lease).await.map_err(|error| error.during("cannot give back the lease of the trigger"))
        })
    }

    fn note<'a>(&'a self, lease: &'a Lease, progress: &'a Progress) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.note(lease, progress).await.map_err(|error| error.during("cannot note the run of the trigger"))
        })
    }

    fn state<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<TriggerState, StoreError>> {
        Box::pin(async move {
            self.state(trigger).await.map_err(|error| error.during("cannot read the state of the trigger"))
        })
    }

    fn switch<'a>(&'a self, trigger: &'a str, switch: Switch) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.switch(trigger, switch).await.map_err(|error| error.during("cannot switch the trigger"))
        })
    }
}
