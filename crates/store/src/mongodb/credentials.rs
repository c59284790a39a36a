use std::collections::HashMap;

use ::mongodb::Database;
use bson::{Document, RawDocumentBuf, doc};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::import::{BATCH, insert_all};
use super::managed_collection::{ManagedCollection, index, unique_index, unique_index_of_those_with};
use super::users::{ATTEMPTS, pause_before};
use crate::record::{Record, key};
use portcullis::BoxFuture;
use portcullis::store::{
    ApiKey, Credentials, KeyAddition, LoginAddition, OneTimeToken, PasswordLogin, StoreError, TokenPurpose,
};
use portcullis::value::DocumentRef;

/// The field with the slot of a key among the keys of its user.
const PLACE: &str = "place";

/// The passwords, one-time tokens and API keys of one application, in collections of Portcullis's own database, which
/// other applications may share. Unique indexes, created on first use, ensure that no two logins have the same
/// address.
///
/// Each key occupies one of a fixed number of slots of its user, under a unique index. This enforces the maximum
/// number of keys even on a server without transactions.
#[derive(Debug)]
pub struct MongoCredentials {
    logins: ManagedCollection,
    tokens: ManagedCollection,
    keys: ManagedCollection,
    application: String,
}

impl MongoCredentials {
    /// The names of the collections. A server that exposes the same database through rules must not open them.
    pub const COLLECTIONS: [&str; 3] = ["password_logins", "one_time_tokens", "api_keys"];

    /// The credentials of the application with this ID. Nothing is read or created yet.
    #[must_use]
    pub fn new(database: &Database, application: impl Into<String>) -> Self {
        let [logins, tokens, keys] = Self::COLLECTIONS;
        Self {
            logins: ManagedCollection::new(database, logins, || {
                vec![unique_index("address", doc! { "_id.application": 1, "email": 1 })]
            }),
            tokens: ManagedCollection::new(database, tokens, || {
                vec![index("login", doc! { "_id.application": 1, "login_id": 1, "purpose": 1 })]
            }),
            keys: ManagedCollection::new(database, keys, || {
                vec![
                    unique_index("name", doc! { "_id.application": 1, "user_id": 1, "name": 1 }),
                    unique_index_of_those_with(PLACE, "place", doc! { "_id.application": 1, "user_id": 1, PLACE: 1 }),
                ]
            }),
            application: application.into(),
        }
    }

    fn by_id(&self, id: &str) -> Document {
        doc! { "_id": key(&self.application, id) }
    }

    async fn add<R: Record>(&self, place: &ManagedCollection, record: &R) -> Result<bool, Failure> {
        let collection = place.ready().await?.clone_with_type::<Document>();
        match patiently(async { collection.insert_one(record.to_record(&self.application)).await }).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_duplicate_key() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn add_logins(&self, logins: &[PasswordLogin]) -> Result<Vec<LoginAddition>, Failure> {
        let collection = self.logins.ready().await?;
        let mut outcomes = Vec::with_capacity(logins.len());
        for batch in logins.chunks(BATCH) {
            let documents: Vec<Document> = batch.iter().map(|login| login.to_record(&self.application)).collect();
            let refused = insert_all(collection, &documents).await?;
            let known = self.addresses(batch.iter().zip(&refused).filter(|(_, refused)| **refused).map(|(one, _)| one));
            let known = known.await?;
            outcomes.extend(batch.iter().zip(refused).map(|(login, refused)| match known.get(&login.id) {
                _ if !refused => LoginAddition::Added,
                Some(address) if *address == login.email => LoginAddition::Unchanged,
                Some(_) => LoginAddition::IdTaken,
                None => LoginAddition::AddressTaken,
            }));
        }
        Ok(outcomes)
    }

    /// The email addresses of the password logins with the IDs of `logins`, as far as they exist.
    async fn addresses<'l>(
        &self,
        logins: impl Iterator<Item = &'l PasswordLogin>,
    ) -> Result<HashMap<String, String>, Failure> {
        let ids: Vec<Document> = logins.map(|login| key(&self.application, login.id.as_str())).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let found: Vec<PasswordLogin> = self.find_all(&self.logins, doc! { "_id": { "$in": ids } }).await?;
        Ok(found.into_iter().map(|login| (login.id, login.email)).collect())
    }

    async fn add_key(&self, added: &ApiKey, most: usize) -> Result<KeyAddition, Failure> {
        let attempts = u32::try_from(most).unwrap_or(u32::MAX).saturating_add(ATTEMPTS);
        // Starts at a slot derived from the key's ID, so that concurrent additions rarely collide.
        let first = added.id.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        for attempt in 0..attempts {
            pause_before(attempt.min(4)).await;
            let taken = self.places(added.user_id.as_deref()).await?;
            if taken.iter().any(|(name, _)| *name == added.name) {
                return Ok(KeyAddition::NameTaken);
            }
            let is_free = |place: &i64| taken.iter().all(|(_, known)| known != place);
            let free: Vec<i64> = (0..i64::try_from(most).unwrap_or(i64::MAX)).filter(is_free).collect();
            let place = first.checked_rem(free.len()).and_then(|at| free.get(at));
            let Some(place) = place.filter(|_| taken.len() < most) else { return Ok(KeyAddition::LimitReached) };
            let mut record = added.to_record(&self.application);
            record.insert(PLACE, *place);
            let keys = self.keys.ready().await?.clone_with_type::<Document>();
            match patiently(async { keys.insert_one(record).await }).await {
                Ok(_) => return Ok(KeyAddition::Added),
                // Another key took the name or the slot concurrently.
                Err(error) if error.is_duplicate_key() => {}
                Err(error) => return Err(error),
            }
        }
        Err(Failure::new("other requests kept adding keys of the same user; try again"))
    }

    /// The names and slots of the keys of a user, or of servers.
    async fn places(&self, user_id: Option<&str>) -> Result<Vec<(String, i64)>, Failure> {
        let records = self.records(&self.keys, doc! { "_id.application": &self.application, "user_id": user_id });
        let place = |record: Document| {
            let name = record.get_str("name").unwrap_or_default().to_owned();
            (name, record.get_i64(PLACE).unwrap_or(-1))
        };
        Ok(records.await?.into_iter().map(place).collect())
    }

    async fn find<R: Record>(&self, place: &ManagedCollection, filter: Document) -> Result<Option<R>, Failure> {
        let collection = place.ready().await?;
        let found = patiently(async { collection.find_one(filter).max_time(SERVER_TIME).await }).await?;
        match found {
            None => Ok(None),
            Some(raw) => Ok(Some(R::from_record(DocumentRef::Raw(&raw).to_document()?, &self.application)?)),
        }
    }

    async fn set(&self, place: &ManagedCollection, filter: Document, fields: Document) -> Result<bool, Failure> {
        let collection = place.ready().await?;
        let updated = patiently(async { collection.update_one(filter, doc! { "$set": fields }).await }).await?;
        Ok(updated.matched_count > 0)
    }

    async fn remove(&self, place: &ManagedCollection, filter: Document) -> Result<u64, Failure> {
        let collection = place.ready().await?;
        Ok(patiently(async { collection.delete_many(filter).await }).await?.deleted_count)
    }

    async fn replace_token(&self, token: &OneTimeToken) -> Result<(), Failure> {
        let same = doc! {
            "_id.application": &self.application, "login_id": &token.login_id, "purpose": token.purpose.name(),
        };
        self.remove(&self.tokens, same).await?;
        self.add(&self.tokens, token).await.map(drop)
    }

    async fn take(&self, filter: Document) -> Result<Option<OneTimeToken>, Failure> {
        let tokens = self.tokens.ready().await?;
        let taken = patiently(async { tokens.find_one_and_delete(filter).await }).await?;
        match taken {
            None => Ok(None),
            Some(raw) => Ok(Some(OneTimeToken::from_record(DocumentRef::Raw(&raw).to_document()?, &self.application)?)),
        }
    }

    async fn keys_of(&self, user_id: Option<&str>) -> Result<Vec<ApiKey>, Failure> {
        self.find_all(&self.keys, doc! { "_id.application": &self.application, "user_id": user_id }).await
    }

    /// All records that match a filter, ordered by ID.
    async fn find_all<R: Record>(&self, place: &ManagedCollection, filter: Document) -> Result<Vec<R>, Failure> {
        let records = self.records(place, filter).await?;
        records.into_iter().map(|record| Ok(R::from_record(record, &self.application)?)).collect()
    }

    async fn records(&self, place: &ManagedCollection, filter: Document) -> Result<Vec<Document>, Failure> {
        let collection = place.ready().await?;
        let found = patiently(async {
            let mut cursor = collection.find(filter).sort(doc! { "_id": 1 }).max_time(SERVER_TIME).await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(cursor.deserialize_current()?);
            }
            Ok(found)
        });
        found.await?.iter().map(|raw: &RawDocumentBuf| Ok(DocumentRef::Raw(raw).to_document()?)).collect()
    }
}

impl Credentials for MongoCredentials {
    fn add_login<'a>(&'a self, login: &'a PasswordLogin) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(
            async move { self.add(&self.logins, login).await.map_err(|error| error.during("cannot add the password")) },
        )
    }

    fn add_logins<'a>(&'a self, logins: &'a [PasswordLogin]) -> BoxFuture<'a, Result<Vec<LoginAddition>, StoreError>> {
        Box::pin(async move { self.add_logins(logins).await.map_err(|error| error.during("cannot add the addresses")) })
    }

    fn login<'a>(&'a self, email: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>> {
        Box::pin(async move {
            let filter = doc! { "_id.application": &self.application, "email": { "$eq": email } };
            self.find(&self.logins, filter).await.map_err(|error| error.during("cannot read the password"))
        })
    }

    fn login_by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>> {
        Box::pin(async move {
            self.find(&self.logins, self.by_id(id)).await.map_err(|error| error.during("cannot read the password"))
        })
    }

    fn confirm_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let updated = self.set(&self.logins, self.by_id(id), doc! { "confirmed": true }).await;
            updated.map_err(|error| error.during("cannot confirm the address"))
        })
    }

    fn replace_hash<'a>(
        &'a self,
        id: &'a str,
        expected: Option<&'a str>,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let mut filter = self.by_id(id);
            let condition = expected.map_or_else(|| doc! { "$type": "string" }, |expected| doc! { "$eq": expected });
            filter.insert("hash", condition);
            let updated = self.set(&self.logins, filter, doc! { "hash": hash }).await;
            updated.map_err(|error| error.during("cannot change the password"))
        })
    }

    fn set_hash<'a>(&'a self, id: &'a str, hash: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let updated = self.set(&self.logins, self.by_id(id), doc! { "hash": hash }).await;
            updated.map_err(|error| error.during("cannot set the password"))
        })
    }

    fn remove_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let tokens = doc! { "_id.application": &self.application, "login_id": id };
            let removed = async {
                self.remove(&self.tokens, tokens).await?;
                self.remove(&self.logins, self.by_id(id)).await
            };
            Ok(removed.await.map_err(|error| error.during("cannot remove the password"))? > 0)
        })
    }

    fn put_token<'a>(&'a self, token: &'a OneTimeToken) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.replace_token(token).await.map_err(|error| error.during("cannot keep the one-time token"))
        })
    }

    fn take_token<'a>(
        &'a self,
        id: &'a str,
        hash: &'a str,
        purpose: TokenPurpose,
    ) -> BoxFuture<'a, Result<Option<OneTimeToken>, StoreError>> {
        Box::pin(async move {
            let mut filter = self.by_id(id);
            filter.extend(doc! { "hash": { "$eq": hash }, "purpose": purpose.name() });
            self.take(filter).await.map_err(|error| error.during("cannot take the one-time token"))
        })
    }

    fn add_key<'a>(&'a self, key: &'a ApiKey, most: usize) -> BoxFuture<'a, Result<KeyAddition, StoreError>> {
        Box::pin(async move { self.add_key(key, most).await.map_err(|error| error.during("cannot add the API key")) })
    }

    fn key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<ApiKey>, StoreError>> {
        Box::pin(async move {
            self.find(&self.keys, self.by_id(id)).await.map_err(|error| error.during("cannot read the API key"))
        })
    }

    fn keys<'a>(&'a self, user_id: Option<&'a str>) -> BoxFuture<'a, Result<Vec<ApiKey>, StoreError>> {
        Box::pin(async move { self.keys_of(user_id).await.map_err(|error| error.during("cannot read the API keys")) })
    }

    fn set_key_disabled<'a>(&'a self, id: &'a str, is_disabled: bool) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let updated = self.set(&self.keys, self.by_id(id), doc! { "disabled": is_disabled }).await;
            updated.map_err(|error| error.during("cannot change the API key"))
        })
    }

    fn remove_key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let removed = self.remove(&self.keys, self.by_id(id)).await;
            Ok(removed.map_err(|error| error.during("cannot remove the API key"))? > 0)
        })
    }
}
