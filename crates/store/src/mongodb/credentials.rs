use ::mongodb::Database;
use bson::{Document, doc};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::managed_collection::{ManagedCollection, index, unique_index};
use crate::record::{Record, key};
use portcullis::future::BoxFuture;
use portcullis::store::{ApiKey, Credentials, OneTimeToken, PasswordLogin, StoreError, TokenPurpose};
use portcullis::value::DocumentRef;

/// The passwords, one-time tokens and API keys of one application, in collections of a database of ours that other applications
/// may share. Unique indexes, made on first use, keep two logins from having one address.
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

    /// The credentials of the application with this id in a database; nothing is read or made yet.
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
                vec![unique_index("name", doc! { "_id.application": 1, "user_id": 1, "name": 1 })]
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
        let keys = self.keys.ready().await?;
        let filter = doc! { "_id.application": &self.application, "user_id": user_id };
        let found = patiently(async {
            let mut cursor = keys.find(filter).sort(doc! { "_id": 1 }).max_time(SERVER_TIME).await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(cursor.deserialize_current()?);
            }
            Ok(found)
        })
        .await?;
        found
            .iter()
            .map(|raw| Ok(ApiKey::from_record(DocumentRef::Raw(raw).to_document()?, &self.application)?))
            .collect()
    }
}

impl Credentials for MongoCredentials {
    fn add_login<'a>(&'a self, login: &'a PasswordLogin) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(
            async move { self.add(&self.logins, login).await.map_err(|error| error.during("cannot add the password")) },
        )
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
            filter.extend(expected.map(|expected| ("hash".to_owned(), doc! { "$eq": expected }.into())));
            let updated = self.set(&self.logins, filter, doc! { "hash": hash }).await;
            updated.map_err(|error| error.during("cannot change the password"))
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

    fn add_key<'a>(&'a self, key: &'a ApiKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { self.add(&self.keys, key).await.map_err(|error| error.during("cannot add the API key")) })
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
