use crate::record::{Record, account_fault, is_unchanged};
use std::ops::Bound;

use bson::DateTime;
use bson::oid::ObjectId;
use redb::{ReadableTable, Table, WriteTransaction};

use super::database::{Embedded, Failure, IDENTITIES, Key, USERS, decode};
use portcullis::BoxFuture;
use portcullis::auth::ProviderType;
use portcullis::store::shown;
use portcullis::store::{Account, AccountState, Identity, ImportOutcome, Removed, StoreError, Users, UsersError};

/// The tables of users, opened for writing on behalf of one application.
pub(super) struct Tables<'t> {
    application: &'t str,
    users: Table<'t, Key<'static>, &'static [u8]>,
    identities: Table<'t, (&'static str, &'static str, &'static str), &'static str>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, application: &'t str) -> Result<Self, Failure> {
        let (users, identities) = (transaction.open_table(USERS)?, transaction.open_table(IDENTITIES)?);
        Ok(Self { application, users, identities })
    }

    pub(super) fn find(&self, id: &str) -> Result<Option<Account>, Failure> {
        find(&self.users, (self.application, id))
    }

    /// The key of an identity.
    fn key_of<'a>(&'a self, identity: &'a Identity) -> (&'a str, &'a str, &'a str) {
        (self.application, identity.provider_type.name(), &identity.id)
    }

    /// The ID of the user who has an identity.
    fn owner(&self, identity: &Identity) -> Result<Option<String>, Failure> {
        Ok(self.identities.get(self.key_of(identity))?.map(|id| id.value().to_owned()))
    }

    /// Removes a user and the user's entries in the index of identities.
    pub(super) fn remove(&mut self, account: &Account) -> Result<(), Failure> {
        for identity in &account.identities {
            let key = (self.application, identity.provider_type.name(), identity.id.as_str());
            self.identities.remove(key)?;
        }
        self.users.remove((self.application, account.id.as_str()))?;
        Ok(())
    }

    /// Writes a user and the user's entries in the index of identities.
    pub(super) fn put(&mut self, account: &Account) -> Result<(), Failure> {
        let record = account.to_record(self.application).to_vec()?;
        self.users.insert((self.application, account.id.as_str()), record.as_slice())?;
        for identity in &account.identities {
            let key = (self.application, identity.provider_type.name(), identity.id.as_str());
            self.identities.insert(key, account.id.as_str())?;
        }
        Ok(())
    }

    /// Removes an identity from its user or, if it is the only one, the user. Returns what was removed and the user
    /// as it was before.
    pub(super) fn remove_identity(
        &mut self,
        application: &str,
        provider_type: ProviderType,
        id: &str,
    ) -> Result<Option<(Removed, Account)>, Failure> {
        let key = (application, provider_type.name(), id);
        let owner = self.identities.get(key)?.map(|owner| owner.value().to_owned());
        let Some(owner) = owner else { return Ok(None) };
        let Some(account) = self.find(&owner)? else { return Ok(None) };
        let is_other = |known: &Identity| known.provider_type != provider_type || known.id != id;
        if !account.identities.iter().any(is_other) {
            self.remove(&account)?;
            return Ok(Some((Removed::WithUser(owner), account)));
        }
        let mut left = account.clone();
        left.identities.retain(is_other);
        self.identities.remove(key)?;
        self.put(&left)?;
        Ok(Some((Removed::FromUser(owner), account)))
    }

    fn import(&mut self, account: &Account) -> Result<ImportOutcome, Failure> {
        if let Some(known) = self.find(&account.id)? {
            return Ok(if is_unchanged(&known, account) { ImportOutcome::Unchanged } else { ImportOutcome::IdTaken });
        }
        for identity in &account.identities {
            if self.owner(identity)?.is_some() {
                let Identity { provider_type, id, .. } = identity.clone();
                return Ok(ImportOutcome::IdentityTaken { provider_type, id });
            }
        }
        self.put(account)?;
        Ok(ImportOutcome::Added)
    }
}

fn find(users: &impl ReadableTable<Key<'static>, &'static [u8]>, key: Key<'_>) -> Result<Option<Account>, Failure> {
    match users.get(key)? {
        None => Ok(None),
        Some(record) => Ok(Some(Account::from_record(decode(record.value())?, key.0)?)),
    }
}

impl Embedded {
    /// Changes an existing user; fails if there is none.
    async fn change<T>(
        &self,
        action: &'static str,
        id: &str,
        change: impl FnOnce(&mut Tables<'_>, Account) -> Result<Result<T, UsersError>, Failure> + Send,
    ) -> Result<T, UsersError> {
        self.write(action, |transaction| {
            let mut tables = Tables::open(transaction, &self.application)?;
            match tables.find(id)? {
                None => Ok(Err(UsersError::Unknown(id.to_owned()))),
                Some(account) => change(&mut tables, account),
            }
        })
        .await?
    }

    async fn link_identity(&self, id: &str, identity: &Identity) -> Result<Account, UsersError> {
        self.change("cannot link the identity", id, |tables, mut account| {
            if account.has_another(identity) {
                return Ok(Err(UsersError::SecondIdentity(identity.provider_type)));
            }
            if tables.owner(identity)?.is_some_and(|owner| owner != id) {
                let Identity { provider_type, id, .. } = identity.clone();
                return Ok(Err(UsersError::IdentityTaken { provider_type, id }));
            }
            account.put_identity(identity);
            account.is_unclaimed = false;
            tables.put(&account)?;
            Ok(Ok(account))
        })
        .await
    }
}

impl Users for Embedded {
    fn find_or_create<'a>(
        &'a self,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Account, StoreError>> {
        Box::pin(async move {
            self.write("cannot find or create the user", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let account = match tables.owner(identity)? {
                    None => Account::new(ObjectId::new().to_hex(), identity.clone(), now),
                    Some(id) => {
                        let lost = || {
                            Failure::from(format!("an identity leads to the user `{}`, who does not exist", shown(&id)))
                        };
                        let mut account = tables.find(&id)?.ok_or_else(lost)?;
                        if account.state.is_disabled() {
                            return Ok(account);
                        }
                        account.put_identity(identity);
                        account.last_login_at = Some(now);
                        account.is_unclaimed = false;
                        account
                    }
                };
                tables.put(&account)?;
                Ok(account)
            })
            .await
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the user", |transaction| find(&transaction.open_table(USERS)?, self.key(id)))
        })
    }

    fn owner<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the user", |transaction| {
                let identities = transaction.open_table(IDENTITIES)?;
                let key = (self.application.as_str(), provider_type.name(), id);
                Ok(identities.get(key)?.map(|id| id.value().to_owned()))
            })
        })
    }

    fn link<'a>(&'a self, id: &'a str, identity: &'a Identity) -> BoxFuture<'a, Result<Account, UsersError>> {
        Box::pin(self.link_identity(id, identity))
    }

    fn take_over<'a>(
        &'a self,
        id: &'a str,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async move {
            self.write("cannot take over the user", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let found = tables.find(id)?.filter(Account::can_be_taken_over);
                let Some(mut account) = found.filter(|account| !account.has_another(identity)) else { return Ok(None) };
                if tables.owner(identity)?.is_some() {
                    return Ok(None);
                }
                account.put_identity(identity);
                account.last_login_at = Some(now);
                account.is_unclaimed = false;
                tables.put(&account)?;
                Ok(Some(account))
            })
            .await
        })
    }

    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>> {
        Box::pin(async move {
            self.write("cannot remove the identity", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let removed = tables.remove_identity(&self.application, provider_type, id)?;
                Ok(removed.map(|(removed, _)| removed))
            })
            .await
        })
    }

    fn touch<'a>(&'a self, id: &'a str, now: DateTime) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.write("cannot note the user's visit", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let Some(mut account) = tables.find(id)? else { return Ok(false) };
                account.last_login_at = Some(account.last_login_at.map_or(now, |known| known.max(now)));
                tables.put(&account)?;
                Ok(true)
            })
            .await
        })
    }

    fn set_state<'a>(&'a self, id: &'a str, state: AccountState) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            self.change("cannot change the user's state", id, |tables, account| {
                tables.put(&Account { state, ..account })?;
                Ok(Ok(()))
            })
            .await
        })
    }

    fn activate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            self.change("cannot activate the user", id, |tables, account| {
                if account.state == AccountState::Pending {
                    tables.put(&Account { state: AccountState::Active, ..account })?;
                }
                Ok(Ok(()))
            })
            .await
        })
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>> {
        Box::pin(async move {
            self.write("cannot delete the user", |transaction| {
                let mut tables = Tables::open(transaction, &self.application)?;
                let Some(account) = tables.find(id)? else { return Ok(None) };
                tables.remove(&account)?;
                Ok(Some(account.identities))
            })
            .await
        })
    }

    fn import<'a>(&'a self, accounts: &'a [Account]) -> BoxFuture<'a, Result<Vec<ImportOutcome>, StoreError>> {
        Box::pin(async move {
            self.write("cannot import users", |transaction| {
                for account in accounts {
                    if let Some(fault) = account_fault(account) {
                        return Err(Failure::from(format!("the user `{}` {fault}", shown(&account.id))));
                    }
                }
                let mut tables = Tables::open(transaction, &self.application)?;
                accounts.iter().map(|account| tables.import(account)).collect()
            })
            .await
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Account>, StoreError>> {
        Box::pin(async move {
            self.read("cannot list the users", |transaction| {
                let users = transaction.open_table(USERS)?;
                let from = after.map_or(Bound::Included(self.key("")), |after| Bound::Excluded(self.key(after)));
                let mut accounts = Vec::new();
                for entry in users.range::<Key<'_>>((from, Bound::Unbounded))?.take(limit) {
                    let (key, record) = entry?;
                    if key.value().0 != self.application {
                        break;
                    }
                    accounts.push(Account::from_record(decode(record.value())?, &self.application)?);
                }
                Ok(accounts)
            })
        })
    }
}
