use crate::record::{Record, account_fault, is_unchanged, key};
use std::collections::HashMap;

use ::mongodb::Collection;
use ::mongodb::error::{Error, ErrorKind};
use bson::{Document, RawDocumentBuf, doc};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::stored_users::StoredUsers;
use super::users::{ATTEMPTS, contended, pause_before};
use portcullis::store::shown;
use portcullis::store::{Account, ImportOutcome};

/// The number of users that are written at once.
pub(super) const BATCH: usize = 500;

const DUPLICATE_KEY: i32 = 11000;

/// Adds users that do not exist yet. After an error, users of earlier batches have been added; repeating the whole
/// import finds them unchanged.
pub(super) async fn import(users: StoredUsers<'_>, accounts: &[Account]) -> Result<Vec<ImportOutcome>, Failure> {
    for account in accounts {
        if let Some(fault) = account_fault(account) {
            return Err(Failure::new(format!("the user `{}` {fault}", shown(&account.id))));
        }
    }
    let mut outcomes = Vec::with_capacity(accounts.len());
    for batch in accounts.chunks(BATCH) {
        outcomes.extend(import_batch(users, batch).await?);
    }
    Ok(outcomes)
}

async fn import_batch(users: StoredUsers<'_>, batch: &[Account]) -> Result<Vec<ImportOutcome>, Failure> {
    let mut outcomes: Vec<Option<ImportOutcome>> = vec![None; batch.len()];
    for attempt in 0..ATTEMPTS {
        pause_before(attempt).await;
        let open: Vec<(&Account, &mut Option<ImportOutcome>)> =
            batch.iter().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none()).collect();
        if open.is_empty() {
            break;
        }
        let accounts: Vec<&Account> = open.iter().map(|(account, _)| *account).collect();
        let documents: Vec<Document> = accounts.iter().map(|account| account.to_record(users.application)).collect();
        let refused = insert_all(users.collection, &documents).await?;
        let known =
            by_id(users, accounts.iter().zip(&refused).filter(|(_, refused)| **refused).map(|(a, _)| *a)).await?;
        for ((account, outcome), refused) in open.into_iter().zip(refused) {
            *outcome = match (refused, known.get(&account.id)) {
                (false, _) => Some(ImportOutcome::Added),
                (true, Some(stored)) if is_unchanged(stored, account) => Some(ImportOutcome::Unchanged),
                (true, Some(_)) => Some(ImportOutcome::IdTaken),
                // The conflicting user may have been removed since; if so, the insertion is retried.
                (true, None) => taken_identity(users, account).await?,
            };
        }
    }
    outcomes.into_iter().collect::<Option<_>>().ok_or_else(contended)
}

/// Inserts all documents that the unique indexes permit; returns for each document whether it was refused.
pub(super) async fn insert_all(
    collection: &Collection<RawDocumentBuf>,
    documents: &[Document],
) -> Result<Vec<bool>, Failure> {
    let collection = collection.clone_with_type::<Document>();
    let refused = patiently(async {
        match collection.insert_many(documents).ordered(false).await {
            Ok(_) => Ok(Vec::new()),
            Err(error) => duplicates(error),
        }
    });
    let refused = refused.await?;
    Ok((0..documents.len()).map(|at| refused.contains(&at)).collect())
}

/// The indexes of the documents that were refused as duplicates, provided that there was no other error.
fn duplicates(error: Error) -> Result<Vec<usize>, Error> {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(failed) if failed.write_concern_error.is_none() => {
            let errors = failed.write_errors.as_deref().unwrap_or_default();
            if !errors.is_empty() && errors.iter().all(|error| error.code == DUPLICATE_KEY) {
                return Ok(errors.iter().map(|error| error.index).collect());
            }
            Err(error)
        }
        _ => Err(error),
    }
}

async fn by_id<'a>(
    users: StoredUsers<'_>,
    accounts: impl Iterator<Item = &'a Account>,
) -> Result<HashMap<String, Account>, Failure> {
    let ids: Vec<Document> = accounts.map(|account| key(users.application, account.id.as_str())).collect();
    let mut known = HashMap::new();
    if ids.is_empty() {
        return Ok(known);
    }
    let find = users.collection.find(doc! { "_id": { "$in": ids } }).max_time(SERVER_TIME);
    let mut cursor = patiently(async { find.await }).await?;
    while patiently(cursor.advance()).await? {
        let account = users.read(cursor.current())?;
        known.insert(account.id.clone(), account);
    }
    Ok(known)
}

/// The first identity of the account that belongs to another user.
async fn taken_identity(users: StoredUsers<'_>, account: &Account) -> Result<Option<ImportOutcome>, Failure> {
    for identity in &account.identities {
        let owner = users.find_one(users.by_identity(identity)).await?;
        if owner.is_some_and(|owner| owner.id != account.id) {
            let (provider_type, id) = (identity.provider_type, identity.id.clone());
            return Ok(Some(ImportOutcome::IdentityTaken { provider_type, id }));
        }
    }
    Ok(None)
}
