use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use bson::DateTime;
use bson::oid::ObjectId;
use portcullis::auth::ProviderType;
use portcullis::store::{OneTimeToken, PasswordLogin, TokenPurpose};
use tokio::sync::Semaphore;

use super::mail::MailValues;
use super::providers::{Confirmation, PasswordSettings};
use super::random::{hash, is_id, secret};
use super::{ClientApi, ClientError, ErrorClass, ErrorCode};

/// How long a token sent by mail is good, in milliseconds.
const TOKEN_LIFETIME: i64 = 30 * 60 * 1000;

/// Hashes passwords with argon2id, a few at a time: each takes 19 MiB.
#[derive(Clone)]
pub struct Hashing {
    slots: Arc<Semaphore>,
    argon: Argon2<'static>,
}

impl Default for Hashing {
    fn default() -> Self {
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
        Self { slots: Arc::new(Semaphore::new(at_once)), argon }
    }
}

/// Whether a password is right.
pub(super) struct Verified {
    pub(super) is_right: bool,
    /// A new hash, if the kept one is weaker than hashes are made now.
    pub(super) stronger: Option<String>,
}

/// The hash of no password, against which the passwords of unknown addresses are verified.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let salt = SaltString::encode_b64(b"of nobody at all").ok();
    let hashed = salt.and_then(|salt| Argon2::default().hash_password(b"", &salt).ok().map(|hash| hash.to_string()));
    hashed.unwrap_or_default()
});

impl Hashing {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, ClientError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(ClientError::internal)?;
        let argon = self.argon.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work(&argon)
        });
        done.await.map_err(ClientError::internal)
    }

    /// The hash of a password, with its parameters and a salt.
    pub(super) async fn hash(&self, password: &str) -> Result<String, ClientError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(ClientError::internal)?;
        let password = password.to_owned();
        let hashed = self.run(move |argon| hash_with(argon, &password, &salt)).await?;
        hashed.map_err(ClientError::internal)
    }

    /// Whether a password is the one of which this hash is kept; without one it takes as long and is wrong.
    pub(super) async fn verify(&self, password: &str, kept: Option<String>) -> Result<Verified, ClientError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(ClientError::internal)?;
        let password = password.to_owned();
        self.run(move |argon| {
            let is_known = kept.is_some();
            let kept = kept.unwrap_or_else(|| NOBODY.clone());
            let Ok(parsed) = PasswordHash::new(&kept) else { return Verified { is_right: false, stronger: None } };
            let is_right = argon.verify_password(password.as_bytes(), &parsed).is_ok() && is_known;
            let is_weak = Params::try_from(&parsed).is_ok_and(|params| {
                params.m_cost() < argon.params().m_cost() || params.t_cost() < argon.params().t_cost()
            });
            let stronger = if is_right && is_weak { hash_with(argon, &password, &salt).ok() } else { None };
            Verified { is_right, stronger }
        })
        .await
    }
}

fn hash_with(argon: &Argon2<'_>, password: &str, salt: &[u8]) -> Result<String, String> {
    let salt = SaltString::encode_b64(salt).map_err(|error| error.to_string())?;
    Ok(argon.hash_password(password.as_bytes(), &salt).map_err(|error| error.to_string())?.to_string())
}

impl ClientApi {
    fn password_settings(&self) -> Result<&PasswordSettings, ClientError> {
        self.providers.password.as_ref().ok_or_else(|| {
            let message = "authentication via 'local-userpass' is unsupported";
            ClientError::new(ErrorClass::NotFound, ErrorCode::AuthProviderNotFound, message)
        })
    }

    /// Registers an address with a password. The user appears at the first login.
    ///
    /// # Errors
    /// The address is empty or taken, the password too short or too long.
    pub async fn register(&self, email: &str, password: &str) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        if email.is_empty() {
            return Err(ClientError::bad(ErrorCode::BadRequest, "email invalid"));
        }
        if email.len() > 320 {
            return Err(ClientError::bad(ErrorCode::BadRequest, "email invalid"));
        }
        check_length(password)?;
        if matches!(settings.confirmation, Confirmation::Function) {
            let message = format!("failed to confirm user \"{email}\"");
            return Err(ClientError::bad(ErrorCode::BadRequest, message));
        }
        let login = PasswordLogin {
            id: ObjectId::new().to_hex(),
            email: email.to_owned(),
            hash: self.hashing.hash(password).await?,
            is_confirmed: matches!(settings.confirmation, Confirmation::Automatic),
            created_at: DateTime::now(),
        };
        if !self.credentials.add_login(&login).await? {
            return Err(ClientError::new(ErrorClass::Conflict, ErrorCode::AccountNameInUse, "name already in use"));
        }
        if let Confirmation::Mail(url) = &settings.confirmation {
            self.send_token(&login, TokenPurpose::Confirm, url.as_deref()).await?;
        }
        Ok(())
    }

    /// Confirms the address of a token that was sent to it.
    ///
    /// # Errors
    /// The token is malformed, unknown, used or expired.
    pub async fn confirm(&self, token: &str, token_id: &str) -> Result<(), ClientError> {
        self.password_settings()?;
        let login = self.redeem(TokenPurpose::Confirm, token, token_id).await?;
        self.credentials.confirm_login(&login.id).await?;
        Ok(())
    }

    /// Sends the mail of a confirmation again.
    ///
    /// # Errors
    /// The address is unknown or confirmed already.
    pub async fn send_confirmation(&self, email: &str) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        let login = self.known(email).await?;
        if login.is_confirmed {
            return Err(ClientError::bad(ErrorCode::UserAlreadyConfirmed, "already confirmed"));
        }
        let Confirmation::Mail(url) = &settings.confirmation else {
            return Err(ClientError::bad(ErrorCode::BadRequest, format!("failed to confirm user \"{email}\"")));
        };
        self.send_token(&login, TokenPurpose::Confirm, url.as_deref()).await
    }

    /// Calls the confirmation function again.
    ///
    /// # Errors
    /// Always, while no functions are run.
    pub async fn call_confirmation(&self, email: &str) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        if matches!(settings.confirmation, Confirmation::Automatic) {
            let message = format!("cannot run confirmation for {email}: automatic confirmation is enabled");
            return Err(ClientError::plain(ErrorClass::BadRequest, message));
        }
        if self.known(email).await?.is_confirmed {
            return Err(ClientError::bad(ErrorCode::UserAlreadyConfirmed, "already confirmed"));
        }
        Err(ClientError::bad(ErrorCode::BadRequest, format!("failed to confirm user \"{email}\"")))
    }

    /// Sends a mail by which a user sets a new password.
    ///
    /// # Errors
    /// The address is unknown, or a function is to do it.
    pub async fn send_reset(&self, email: &str) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        if settings.has_reset_function {
            let message = "please use reset password via function";
            return Err(ClientError::plain(ErrorClass::BadRequest, message));
        }
        let login = self.known(email).await?;
        self.send_token(&login, TokenPurpose::Reset, settings.reset_url.as_deref()).await
    }

    /// Sets the password of a token that was sent by mail.
    ///
    /// # Errors
    /// The token is malformed, unknown, used or expired, or the password too short or too long.
    pub async fn reset(&self, token: &str, token_id: &str, password: &str) -> Result<(), ClientError> {
        self.password_settings()?;
        check_length(password)?;
        let login = self.redeem(TokenPurpose::Reset, token, token_id).await?;
        let hash = self.hashing.hash(password).await?;
        self.credentials.replace_hash(&login.id, None, &hash).await?;
        // Who has the mail has the address.
        self.credentials.confirm_login(&login.id).await?;
        let accounts = self.authenticator.accounts();
        let user = accounts.user_of(ProviderType::EmailPassword, &login.id).await.map_err(ClientError::internal)?;
        if let Some(user_id) = user {
            // Whoever knew the old password may have made keys.
            for key in self.credentials.keys(Some(&user_id)).await? {
                self.credentials.set_key_disabled(&key.id, true).await?;
            }
            accounts.revoke_sessions(&user_id).await.map_err(ClientError::internal)?;
        }
        Ok(())
    }

    /// Calls the function that resets passwords.
    ///
    /// # Errors
    /// Always, while no functions are run.
    pub async fn call_reset(&self, email: &str, password: &str) -> Result<(), ClientError> {
        self.password_settings()?;
        check_length(password)?;
        self.known(email).await?;
        let message = format!("failed to reset password for user \"{email}\"");
        Err(ClientError::plain(ErrorClass::BadRequest, message))
    }

    async fn known(&self, email: &str) -> Result<PasswordLogin, ClientError> {
        let login = self.credentials.login(email).await?;
        login.ok_or_else(|| ClientError::new(ErrorClass::NotFound, ErrorCode::UserNotFound, "user not found"))
    }

    /// Sends a token of one use to an address.
    async fn send_token(
        &self,
        login: &PasswordLogin,
        purpose: TokenPurpose,
        url: Option<&str>,
    ) -> Result<(), ClientError> {
        let token = secret(64)?;
        let kept = OneTimeToken {
            // One that cannot be guessed.
            id: secret(12)?,
            hash: hash(&token),
            purpose,
            login_id: login.id.clone(),
            expires_at: DateTime::from_millis(DateTime::now().timestamp_millis().saturating_add(TOKEN_LIFETIME)),
        };
        self.credentials.put_token(&kept).await?;
        let url = url.unwrap_or("");
        let joint = if url.contains('?') { '&' } else { '?' };
        let link = format!("{url}{joint}token={token}&tokenId={}", kept.id);
        let settings = self.password_settings()?;
        let subject = match purpose {
            TokenPurpose::Confirm => settings.confirm_subject.as_deref(),
            TokenPurpose::Reset => settings.reset_subject.as_deref(),
        };
        let values = MailValues { app: &self.id, email: &login.email, link: &link };
        let mail = self.mail_texts.mail(purpose, subject, &values)?;
        self.mailer.send(mail).await.map_err(ClientError::internal)
    }

    /// The login of a token, which is used up.
    async fn redeem(&self, purpose: TokenPurpose, token: &str, token_id: &str) -> Result<PasswordLogin, ClientError> {
        let is_token = token.len() == 128 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_token || !is_id(token_id) {
            return Err(ClientError::bad(ErrorCode::BadRequest, "invalid token data"));
        }
        let unknown = || ClientError::bad(ErrorCode::UserpassTokenInvalid, "userpass token is expired or invalid");
        let kept = self.credentials.take_token(token_id, &hash(token), purpose).await?.ok_or_else(unknown)?;
        if kept.expires_at <= DateTime::now() {
            return Err(unknown());
        }
        self.credentials.login_by_id(&kept.login_id).await?.ok_or_else(unknown)
    }
}

/// Whether a password is one that may be set.
pub(super) fn is_length(password: &str) -> bool {
    password.len() <= 512 && (6..=128).contains(&password.chars().count())
}

fn check_length(password: &str) -> Result<(), ClientError> {
    if is_length(password) {
        return Ok(());
    }
    Err(ClientError::bad(ErrorCode::BadRequest, "password must be between 6 and 128 characters"))
}
