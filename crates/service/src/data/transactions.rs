//! Transactions that functions keep open across several actions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use portcullis::store::documents::DocumentsError;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::store::{DataStore, OpenTransaction};

/// The most open transactions, of all functions together.
const MAX_OPEN: usize = 1000;

/// The open transactions, by number.
pub(crate) struct Transactions {
    open: Arc<Lock<HashMap<u64, Held>>>,
    places: Arc<Semaphore>,
    last: AtomicU64,
}

/// One open transaction, used by one action at a time. `None` once it has ended.
pub(super) type Held = Arc<Mutex<Option<Standing>>>;

/// A transaction that has not ended.
pub(super) struct Standing {
    pub(super) transaction: OpenTransaction,
    /// Whether an operation in it failed or was refused halfway, so that it can only be aborted.
    pub(super) is_broken: bool,
    /// Its place among the most that may be open.
    _place: OwnedSemaphorePermit,
}

impl Transactions {
    pub(crate) fn new() -> Self {
        Self { open: Arc::default(), places: Arc::new(Semaphore::new(MAX_OPEN)), last: AtomicU64::new(0) }
    }

    /// Begins a transaction; returns its number. It is aborted if it does not end within the store's time limit.
    pub(super) async fn begin(&self, store: &DataStore) -> Result<u64, DocumentsError> {
        self.begin_within(store, store.transaction_time()).await
    }

    async fn begin_within(&self, store: &DataStore, time: Duration) -> Result<u64, DocumentsError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| DocumentsError::Conflict("too many transactions are open".to_owned()))?;
        let transaction = store.begin().await?;
        let number = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let held = Arc::new(Mutex::new(Some(Standing { transaction, is_broken: false, _place: place })));
        self.lock().insert(number, held);
        let open = Arc::downgrade(&self.open);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            let held =
                open.upgrade().and_then(|open| open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number));
            end(held).await;
        });
        Ok(number)
    }

    /// Waits until no other action uses the transaction, and takes it for one action.
    ///
    /// # Errors
    /// The transaction has ended, or can only be aborted.
    pub(super) async fn held(&self, number: u64) -> Result<Joined, DocumentsError> {
        let held = self.lock().get(&number).cloned().ok_or_else(ended)?;
        let standing = held.lock_owned().await;
        if standing.as_ref().is_none_or(|standing| standing.is_broken) {
            return Err(ended());
        }
        Ok(Joined { standing })
    }

    /// Commits a transaction.
    ///
    /// # Errors
    /// The transaction has ended, or can only be aborted, or the store cannot commit it.
    pub(super) async fn commit(&self, number: u64) -> Result<(), DocumentsError> {
        let held = self.lock().remove(&number).ok_or_else(ended)?;
        let standing = held.lock().await.take().ok_or_else(ended)?;
        if standing.is_broken {
            standing.transaction.abort().await;
            return Err(ended());
        }
        standing.transaction.commit().await
    }

    /// Aborts a transaction unless it has already ended.
    pub(super) async fn abort(&self, number: u64) {
        let held = self.lock().remove(&number);
        end(held).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Held>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn end(held: Option<Held>) {
    let Some(held) = held else { return };
    if let Some(standing) = held.lock().await.take() {
        standing.transaction.abort().await;
    }
}

/// The error for a transaction that has ended. 251 is MongoDB's `NoSuchTransaction`.
pub(super) fn ended() -> DocumentsError {
    DocumentsError::Refused { code: Some(251), message: "the transaction has been aborted, or has ended".to_owned() }
}

/// Exclusive use of a transaction for the duration of one action.
pub(super) struct Joined {
    standing: OwnedMutexGuard<Option<Standing>>,
}

impl Joined {
    /// The transaction.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn transaction(&mut self) -> Result<&mut OpenTransaction, DocumentsError> {
        self.standing.as_mut().map(|standing| &mut standing.transaction).ok_or_else(ended)
    }

    /// Marks the transaction as failed: it can only be aborted.
    pub(super) fn break_off(&mut self) {
        if let Some(standing) = self.standing.as_mut() {
            standing.is_broken = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use portcullis::store::documents::{Find, Namespace};
    use portcullis_store::EmbeddedDocuments;

    use super::*;

    #[tokio::test]
    async fn a_transaction_past_its_time_limit_is_aborted() {
        let store = DataStore::from(EmbeddedDocuments::in_memory().unwrap());
        let transactions = Transactions::new();
        let left = transactions.begin_within(&store, Duration::from_millis(20)).await.unwrap();
        let namespace = Namespace::parse("guild.quests").unwrap();
        let mut joined = transactions.held(left).await.unwrap();
        let inserted = joined.transaction().unwrap().as_transaction().insert(&namespace, &doc! { "_id": 1 }).await;
        assert!(inserted.is_ok());
        drop(joined);
        let next = transactions.begin(&store).await.unwrap();
        let mut joined = transactions.held(next).await.unwrap();
        // The embedded store permits one writer at a time, so this waits until the first transaction has ended.
        let found = joined.transaction().unwrap().as_transaction().find(&namespace, &Find::default()).await.unwrap();
        assert!(found.is_empty());
        assert!(transactions.held(left).await.is_err());
        assert!(transactions.commit(left).await.is_err());
        drop(joined);
        transactions.commit(next).await.unwrap();
    }
}
