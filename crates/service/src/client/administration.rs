//! Administration of users and keys.

use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{DateTime, doc};
use portcullis::App;
use portcullis::auth::ProviderType;
use portcullis::login::{Accounts, LoginError};
use portcullis::store::{Account, ApiKey, Credentials, Identity, ImportOutcome, LoginAddition, PasswordLogin};

use super::keys::{PER_APP, make_key, remove_key, view};
use super::passwords::{MAX_ADDRESS, check_address, check_length};
use super::takeover::{PasswordSet, set_password};
use super::{ClientApi, ClientError, CreatedKey, ErrorClass, ErrorCode, Hashing, KeyView};
use crate::places::AccountStores;

/// The users and keys of an application, for its administrator.
pub struct Administration {
    accounts: Accounts,
    credentials: Arc<dyn Credentials>,
    hashing: Hashing,
}

/// The outcomes for an imported user and for the user's address, which permits setting a password by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedUser {
    /// The outcome for the user.
    pub outcome: ImportOutcome,
    /// The outcome for the address, if the user has one of the provider `local-userpass`.
    pub address: Option<LoginAddition>,
}

impl Administration {
    /// Administers the users in these stores.
    #[must_use]
    pub fn new(stores: AccountStores) -> Self {
        let credentials = Arc::clone(&stores.credentials);
        Self { accounts: stores.accounts(), credentials, hashing: Hashing::default() }
    }

    /// Like [`new`](Self::new), but records account events for the triggers of an application.
    #[must_use]
    pub fn telling(stores: AccountStores, app: &App) -> Self {
        let credentials = Arc::clone(&stores.credentials);
        Self { accounts: stores.accounts_of(app), credentials, hashing: Hashing::default() }
    }

    /// Sets the password of an address and confirms the address. Ends the user's sessions and disables the user's keys.
    ///
    /// # Errors
    /// The address is unknown, or the password is too short or too long.
    pub async fn set_password(&self, email: &str, password: &str) -> Result<PasswordSet, ClientError> {
        check_length(password)?;
        let login = self.known(email).await?;
        let hash = self.hashing.hash(password).await?;
        set_password(&self.accounts, &*self.credentials, &login, &hash, "an administrator").await
    }

    /// Confirms an address. Returns whether it was not confirmed before.
    ///
    /// # Errors
    /// The address is unknown.
    pub async fn confirm(&self, email: &str) -> Result<bool, ClientError> {
        let login = self.known(email).await?;
        self.credentials.confirm_login(&login.id).await?;
        Ok(!login.is_confirmed)
    }

    /// The server keys.
    ///
    /// # Errors
    /// The store fails.
    pub async fn server_keys(&self) -> Result<Vec<KeyView>, ClientError> {
        Ok(self.credentials.keys(None).await?.iter().map(view).collect())
    }

    /// Creates a server key. Each has a user of its own.
    ///
    /// # Errors
    /// The name is invalid or taken, or there are too many keys.
    pub async fn create_server_key(&self, name: &str) -> Result<CreatedKey, ClientError> {
        make_key(&*self.credentials, None, Some(name), PER_APP).await
    }

    /// Deletes the server key with this name or ID, together with its user and sessions.
    ///
    /// # Errors
    /// There is no such key.
    pub async fn delete_server_key(&self, key: &str) -> Result<KeyView, ClientError> {
        let found = self.server_key(key).await?;
        remove_key(&self.accounts, &*self.credentials, &found).await?;
        Ok(view(&found))
    }

    /// Disables or enables the server key with this name or ID. Disabling a key ends its sessions.
    ///
    /// # Errors
    /// There is no such key.
    pub async fn set_server_key_disabled(&self, key: &str, is_disabled: bool) -> Result<KeyView, ClientError> {
        let found = self.server_key(key).await?;
        if !self.credentials.set_key_disabled(&found.id, is_disabled).await? {
            return Err(unknown_key());
        }
        if is_disabled {
            let user = self.accounts.user_of(ProviderType::ApiKey, &found.id).await.map_err(ClientError::internal)?;
            if let Some(user_id) = user {
                self.accounts.revoke_key(&user_id, &found.id).await.map_err(ClientError::internal)?;
            }
        }
        Ok(KeyView { is_disabled, ..view(&found) })
    }

    async fn server_key(&self, key: &str) -> Result<ApiKey, ClientError> {
        let mut keys = self.credentials.keys(None).await?;
        let by_id = keys.iter().position(|known| known.id == key);
        let found = by_id.or_else(|| keys.iter().position(|known| known.name == key)).ok_or_else(unknown_key)?;
        Ok(keys.swap_remove(found))
    }

    /// Adds users under their existing IDs, and registers their addresses of the provider `local-userpass` without
    /// passwords: nobody else can then register these addresses, and the users can set a first password by mail.
    /// Importing the same users again changes nothing, except that it completes an interrupted import. Returns one
    /// result for each user, in the same order.
    ///
    /// # Errors
    /// A store fails.
    pub async fn import(&self, accounts: &[Account]) -> Result<Vec<ImportedUser>, LoginError> {
        let outcomes = self.accounts.import(accounts).await?;
        let is_there = |outcome: &ImportOutcome| matches!(outcome, ImportOutcome::Added | ImportOutcome::Unchanged);
        let logins = accounts
            .iter()
            .zip(&outcomes)
            .map(|(account, outcome)| is_there(outcome).then(|| login_of(account)).flatten());
        let logins: Vec<Option<PasswordLogin>> = logins.collect();
        let added: Vec<PasswordLogin> = logins.iter().flatten().cloned().collect();
        let mut additions = self.credentials.add_logins(&added).await?.into_iter();
        let address = |login: Option<PasswordLogin>| login.and_then(|_| additions.next());
        let addresses: Vec<Option<LoginAddition>> = logins.into_iter().map(address).collect();
        Ok(outcomes.into_iter().zip(addresses).map(|(outcome, address)| ImportedUser { outcome, address }).collect())
    }

    /// Deletes a user with their passwords, keys and sessions, but not the custom-data document. Returns whether the
    /// user existed.
    ///
    /// # Errors
    /// A store fails.
    pub async fn delete(&self, user_id: &str) -> Result<bool, LoginError> {
        super::delete(&self.accounts, &*self.credentials, user_id).await
    }

    async fn known(&self, email: &str) -> Result<PasswordLogin, ClientError> {
        let login = self.credentials.login(email).await?;
        login.ok_or_else(|| ClientError::new(ErrorClass::NotFound, ErrorCode::UserNotFound, "user not found"))
    }
}

fn unknown_key() -> ClientError {
    ClientError::new(ErrorClass::NotFound, ErrorCode::APIKeyNotFound, "API key not found")
}

/// The login of an imported user. Its address counts as confirmed: otherwise the user could not have logged in before.
fn login_of(account: &Account) -> Option<PasswordLogin> {
    let identity = account.identities.iter().find(|one| one.provider_type == ProviderType::EmailPassword)?;
    let email = identity.data.get_str("email").ok().filter(|email| !email.is_empty() && email.len() <= MAX_ADDRESS)?;
    Some(PasswordLogin {
        id: identity.id.clone(),
        email: email.to_owned(),
        hash: None,
        is_confirmed: true,
        created_at: account.created_at,
    })
}

impl ClientApi {
    /// Creates a user with an address and a password, without a login. The address counts as confirmed. The
    /// user-creation function is called; if it rejects the user, nothing remains.
    ///
    /// # Errors
    /// The address is empty or taken, the password too short or too long, or the function refuses the user.
    pub async fn add_user(&self, email: &str, password: &str) -> Result<String, ClientError> {
        self.password_settings()?;
        check_address(email)?;
        check_length(password)?;
        let login = PasswordLogin {
            id: ObjectId::new().to_hex(),
            email: email.to_owned(),
            hash: Some(self.hashing.hash(password).await?),
            is_confirmed: true,
            created_at: DateTime::now(),
        };
        if !self.credentials.add_login(&login).await? {
            return Err(ClientError::new(ErrorClass::Conflict, ErrorCode::AccountNameInUse, "name already in use"));
        }
        let data = doc! { "email": email };
        let identity = Identity { provider_type: ProviderType::EmailPassword, id: login.id.clone(), data };
        match self.authenticator.create_user(&identity).await {
            Ok(account) => Ok(account.id),
            Err(error) => {
                self.credentials.remove_login(&login.id).await?;
                Err(ClientError::of_login(&error))
            }
        }
    }

    /// The administration of its users and keys.
    #[must_use]
    pub fn administration(&self) -> Administration {
        let (accounts, credentials) = (self.accounts().clone(), Arc::clone(&self.credentials));
        Administration { accounts, credentials, hashing: self.hashing.clone() }
    }

    /// The users and sessions.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        self.authenticator.accounts()
    }
}
