use redb::{MultimapTableDefinition, ReadableMultimapTable, ReadableTable, TableDefinition, WriteTransaction};

use super::database::{Embedded, Failure, Key, decode};
use crate::record::Record;
use portcullis::BoxFuture;
use portcullis::store::{
    ApiKey, Credentials, KeyAddition, LoginAddition, OneTimeToken, PasswordLogin, StoreError, TokenPurpose,
};

/// Maps the ID of a password login to the login, as BSON.
const LOGINS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("password_logins");
/// Maps an email address to the ID of its password login.
const ADDRESSES: TableDefinition<'_, Key<'_>, &str> = TableDefinition::new("addresses");
/// Maps the ID of a one-time token to the token, as BSON.
const TOKENS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("one_time_tokens");
/// Maps the ID of an API key to the key, as BSON.
const KEYS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("api_keys");
/// Maps a user's ID to the IDs of the user's API keys; those of servers are under the empty ID, which no user has.
const KEYS_OF_USER: MultimapTableDefinition<'_, Key<'_>, &str> = MultimapTableDefinition::new("api_keys_of_user");

type Records<'t> = TableDefinition<'t, Key<'t>, &'static [u8]>;

fn find<R: Record>(
    table: &impl ReadableTable<Key<'static>, &'static [u8]>,
    application: &str,
    id: &str,
) -> Result<Option<R>, Failure> {
    match table.get((application, id))? {
        None => Ok(None),
        Some(record) => Ok(Some(R::from_record(decode(record.value())?, application)?)),
    }
}

fn all<R: Record>(
    table: &impl ReadableTable<Key<'static>, &'static [u8]>,
    application: &str,
) -> Result<Vec<R>, Failure> {
    let mut found = Vec::new();
    for entry in table.range::<Key<'_>>((application, "")..)? {
        let (key, record) = entry?;
        if key.value().0 != application {
            break;
        }
        found.push(R::from_record(decode(record.value())?, application)?);
    }
    Ok(found)
}

impl Embedded {
    fn put<R: Record>(
        &self,
        transaction: &WriteTransaction,
        table: Records<'_>,
        id: &str,
        record: &R,
    ) -> Result<(), Failure> {
        let bytes = record.to_record(&self.application).to_vec()?;
        transaction.open_table(table)?.insert(self.key(id), bytes.as_slice())?;
        Ok(())
    }

    /// Adds a login within a transaction if its ID and address are free.
    fn insert_login(&self, transaction: &WriteTransaction, login: &PasswordLogin) -> Result<LoginAddition, Failure> {
        let known: Option<PasswordLogin> = find(&transaction.open_table(LOGINS)?, &self.application, &login.id)?;
        if let Some(known) = known {
            let is_same = known.email == login.email;
            return Ok(if is_same { LoginAddition::Unchanged } else { LoginAddition::IdTaken });
        }
        let mut addresses = transaction.open_table(ADDRESSES)?;
        if addresses.get(self.key(&login.email))?.is_some() {
            return Ok(LoginAddition::AddressTaken);
        }
        addresses.insert(self.key(&login.email), login.id.as_str())?;
        self.put(transaction, LOGINS, &login.id, login)?;
        Ok(LoginAddition::Added)
    }

    /// Changes a login in its own transaction; returns whether it exists and `change` returned a new version.
    async fn change_login(
        &self,
        action: &'static str,
        id: &str,
        change: impl FnOnce(PasswordLogin) -> Option<PasswordLogin> + Send,
    ) -> Result<bool, StoreError> {
        self.write(action, |transaction| {
            let known: Option<PasswordLogin> = find(&transaction.open_table(LOGINS)?, &self.application, id)?;
            let Some(changed) = known.and_then(change) else { return Ok(false) };
            self.put(transaction, LOGINS, id, &changed)?;
            Ok(true)
        })
        .await
    }

    /// The API keys of a user, or those of servers, ordered by ID.
    fn keys_of(
        &self,
        keys: &impl ReadableTable<Key<'static>, &'static [u8]>,
        of_user: &impl ReadableMultimapTable<Key<'static>, &'static str>,
        user_id: Option<&str>,
    ) -> Result<Vec<ApiKey>, Failure> {
        let mut found = Vec::new();
        for id in of_user.get(self.key(user_id.unwrap_or_default()))? {
            found.extend(find::<ApiKey>(keys, &self.application, id?.value())?);
        }
        Ok(found)
    }

    /// Reads from a table that may not exist, since it is created with its first record.
    fn read_credentials<T: Default>(
        &self,
        action: &'static str,
        table: Records<'static>,
        work: impl FnOnce(&redb::ReadOnlyTable<Key<'static>, &'static [u8]>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.read(action, |transaction| match transaction.open_table(table) {
            Ok(table) => work(&table),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(T::default()),
            Err(error) => Err(error.into()),
        })
    }

    fn forget_tokens(
        &self,
        transaction: &WriteTransaction,
        is_meant: impl Fn(&OneTimeToken) -> bool,
    ) -> Result<(), Failure> {
        let mut tokens = transaction.open_table(TOKENS)?;
        let known: Vec<OneTimeToken> = all(&tokens, &self.application)?;
        for token in known.iter().filter(|token| is_meant(token)) {
            tokens.remove(self.key(&token.id))?;
        }
        Ok(())
    }
}

impl Credentials for Embedded {
    fn add_login<'a>(&'a self, login: &'a PasswordLogin) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.write("cannot add the password", |transaction| {
                Ok(self.insert_login(transaction, login)? == LoginAddition::Added)
            })
            .await
        })
    }

    fn add_logins<'a>(&'a self, logins: &'a [PasswordLogin]) -> BoxFuture<'a, Result<Vec<LoginAddition>, StoreError>> {
        Box::pin(async move {
            self.write("cannot add the addresses", |transaction| {
                logins.iter().map(|login| self.insert_login(transaction, login)).collect()
            })
            .await
        })
    }

    fn login<'a>(&'a self, email: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the password", |transaction| {
                let addresses = match transaction.open_table(ADDRESSES) {
                    Ok(addresses) => addresses,
                    Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                    Err(error) => return Err(error.into()),
                };
                let Some(id) = addresses.get(self.key(email))? else { return Ok(None) };
                find(&transaction.open_table(LOGINS)?, &self.application, id.value())
            })
        })
    }

    fn login_by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>> {
        Box::pin(async move {
            self.read_credentials("cannot read the password", LOGINS, |logins| find(logins, &self.application, id))
        })
    }

    fn confirm_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let confirm = |known| Some(PasswordLogin { is_confirmed: true, ..known });
            self.change_login("cannot confirm the address", id, confirm).await
        })
    }

    fn replace_hash<'a>(
        &'a self,
        id: &'a str,
        expected: Option<&'a str>,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.change_login("cannot change the password", id, |known| {
                let is_meant =
                    known.hash.as_deref().is_some_and(|known| expected.is_none_or(|expected| expected == known));
                is_meant.then(|| PasswordLogin { hash: Some(hash.to_owned()), ..known })
            })
            .await
        })
    }

    fn set_hash<'a>(&'a self, id: &'a str, hash: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let set = |known| Some(PasswordLogin { hash: Some(hash.to_owned()), ..known });
            self.change_login("cannot set the password", id, set).await
        })
    }

    fn remove_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.write("cannot remove the password", |transaction| {
                let mut logins = transaction.open_table(LOGINS)?;
                let Some(known) = find::<PasswordLogin>(&logins, &self.application, id)? else { return Ok(false) };
                logins.remove(self.key(id))?;
                transaction.open_table(ADDRESSES)?.remove(self.key(&known.email))?;
                self.forget_tokens(transaction, |token| token.login_id == id)?;
                Ok(true)
            })
            .await
        })
    }

    fn put_token<'a>(&'a self, token: &'a OneTimeToken) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.write("cannot keep the one-time token", |transaction| {
                self.forget_tokens(transaction, |known| {
                    let is_replaced = known.login_id == token.login_id && known.purpose == token.purpose;
                    is_replaced || known.expires_at < bson::DateTime::now()
                })?;
                self.put(transaction, TOKENS, &token.id, token)
            })
            .await
        })
    }

    fn take_token<'a>(
        &'a self,
        id: &'a str,
        hash: &'a str,
        purpose: TokenPurpose,
    ) -> BoxFuture<'a, Result<Option<OneTimeToken>, StoreError>> {
        Box::pin(async move {
            self.write("cannot take the one-time token", |transaction| {
                let mut tokens = transaction.open_table(TOKENS)?;
                let token: Option<OneTimeToken> = find(&tokens, &self.application, id)?;
                let Some(token) = token.filter(|token| token.hash == hash && token.purpose == purpose) else {
                    return Ok(None);
                };
                tokens.remove(self.key(id))?;
                Ok(Some(token))
            })
            .await
        })
    }

    fn add_key<'a>(&'a self, key: &'a ApiKey, most: usize) -> BoxFuture<'a, Result<KeyAddition, StoreError>> {
        Box::pin(async move {
            self.write("cannot add the API key", |transaction| {
                let mut of_user = transaction.open_multimap_table(KEYS_OF_USER)?;
                let known = self.keys_of(&transaction.open_table(KEYS)?, &of_user, key.user_id.as_deref())?;
                if known.iter().any(|known| known.name == key.name) {
                    return Ok(KeyAddition::NameTaken);
                }
                if known.len() >= most {
                    return Ok(KeyAddition::LimitReached);
                }
                of_user.insert(self.key(key.user_id.as_deref().unwrap_or_default()), key.id.as_str())?;
                self.put(transaction, KEYS, &key.id, key)?;
                Ok(KeyAddition::Added)
            })
            .await
        })
    }

    fn key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<ApiKey>, StoreError>> {
        Box::pin(async move {
            self.read_credentials("cannot read the API key", KEYS, |keys| find(keys, &self.application, id))
        })
    }

    fn keys<'a>(&'a self, user_id: Option<&'a str>) -> BoxFuture<'a, Result<Vec<ApiKey>, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the API keys", |transaction| {
                match (transaction.open_table(KEYS), transaction.open_multimap_table(KEYS_OF_USER)) {
                    (Ok(keys), Ok(of_user)) => self.keys_of(&keys, &of_user, user_id),
                    // Both tables are created with the first key.
                    (Err(redb::TableError::TableDoesNotExist(_)), _) => Ok(Vec::new()),
                    (Err(error), _) | (_, Err(error)) => Err(error.into()),
                }
            })
        })
    }

    fn set_key_disabled<'a>(&'a self, id: &'a str, is_disabled: bool) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.write("cannot change the API key", |transaction| {
                let known: Option<ApiKey> = find(&transaction.open_table(KEYS)?, &self.application, id)?;
                let Some(known) = known else { return Ok(false) };
                self.put(transaction, KEYS, id, &ApiKey { is_disabled, ..known })?;
                Ok(true)
            })
            .await
        })
    }

    fn remove_key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.write("cannot remove the API key", |transaction| {
                let mut keys = transaction.open_table(KEYS)?;
                let Some(known) = find::<ApiKey>(&keys, &self.application, id)? else { return Ok(false) };
                keys.remove(self.key(id))?;
                let mut of_user = transaction.open_multimap_table(KEYS_OF_USER)?;
                of_user.remove(self.key(known.user_id.as_deref().unwrap_or_default()), id)?;
                Ok(true)
            })
            .await
        })
    }
}
