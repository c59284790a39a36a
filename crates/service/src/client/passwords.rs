use bson::DateTime;
use bson::oid::ObjectId;
use portcullis::store::{OneTimeToken, PasswordLogin, TokenPurpose};

use super::mail::MailValues;
use super::providers::{Confirmation, PasswordSettings};
use super::random::{hash, is_id, secret};
use super::takeover::set_password;
use super::{ClientApi, ClientError, ErrorClass, ErrorCode};

/// The lifetime of a token that is sent by mail, in milliseconds.
const TOKEN_LIFETIME: i64 = 30 * 60 * 1000;

/// The maximum length of an address, in bytes. No mail address is that long, but an address may be any string.
pub(super) const MAX_ADDRESS: usize = 1024;

impl ClientApi {
    pub(super) fn password_settings(&self) -> Result<&PasswordSettings, ClientError> {
        self.providers.password.as_ref().ok_or_else(|| {
            let message = "authentication via 'local-userpass' is unsupported";
            ClientError::new(ErrorClass::NotFound, ErrorCode::AuthProviderNotFound, message)
        })
    }

    /// Registers an address with a password. The user is created at the first login.
    ///
    /// # Errors
    /// The address is empty or taken, or the password is too short or too long.
    pub async fn register(&self, email: &str, password: &str) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        check_address(email)?;
        check_length(password)?;
        let login = PasswordLogin {
            id: ObjectId::new().to_hex(),
            email: email.to_owned(),
            hash: Some(self.hashing.hash(password).await?),
            is_confirmed: matches!(settings.confirmation, Confirmation::Automatic),
            created_at: DateTime::now(),
        };
        if !self.credentials.add_login(&login).await? {
            return Err(ClientError::new(ErrorClass::Conflict, ErrorCode::AccountNameInUse, "name already in use"));
        }
        match &settings.confirmation {
            Confirmation::Automatic => Ok(()),
            Confirmation::Mail(url) => self.send_token(&login, TokenPurpose::Confirm, url.as_deref()).await,
            Confirmation::Function(function) => {
                let confirmed = self.confirm_by_function(&login, function).await;
                if confirmed.is_err() {
                    // Frees the address: a failed registration leaves no account.
                    self.credentials.remove_login(&login.id).await?;
                }
                confirmed
            }
        }
    }

    /// Confirms an address with a token that was sent to it.
    ///
    /// # Errors
    /// The token is malformed, unknown, used or expired.
    pub async fn confirm(&self, token: &str, token_id: &str) -> Result<(), ClientError> {
        self.password_settings()?;
        let login = self.redeem(TokenPurpose::Confirm, token, token_id).await?;
        self.credentials.confirm_login(&login.id).await?;
        Ok(())
    }

    /// Sends the confirmation mail again.
    ///
    /// # Errors
    /// The address is unknown or already confirmed.
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
    /// The address is unknown or already confirmed, or there is no such function, or it does not confirm the address.
    pub async fn call_confirmation(&self, email: &str) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        if matches!(settings.confirmation, Confirmation::Automatic) {
            let message = format!("cannot run confirmation for {email}: automatic confirmation is enabled");
            return Err(ClientError::plain(ErrorClass::BadRequest, message));
        }
        let login = self.known(email).await?;
        if login.is_confirmed {
            return Err(ClientError::bad(ErrorCode::UserAlreadyConfirmed, "already confirmed"));
        }
        match &settings.confirmation {
            Confirmation::Function(function) => self.confirm_by_function(&login, function).await,
            _ => Err(ClientError::bad(ErrorCode::BadRequest, format!("failed to confirm user \"{email}\""))),
        }
    }

    /// Sends a mail with which a user can set a new password.
    ///
    /// # Errors
    /// The address is unknown, or passwords are reset by a function.
    pub async fn send_reset(&self, email: &str) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        if settings.reset_function.is_some() {
            let message = "please use reset password via function";
            return Err(ClientError::plain(ErrorClass::BadRequest, message));
        }
        let login = self.known(email).await?;
        self.send_token(&login, TokenPurpose::Reset, settings.reset_url.as_deref()).await
    }

    /// Sets a password with a token that was sent by mail.
    ///
    /// # Errors
    /// The token is malformed, unknown, used or expired, or the password is too short or too long.
    pub async fn reset(&self, token: &str, token_id: &str, password: &str) -> Result<(), ClientError> {
        self.password_settings()?;
        check_length(password)?;
        let login = self.redeem(TokenPurpose::Reset, token, token_id).await?;
        let hash = self.hashing.hash(password).await?;
        // Receiving the mail proves ownership of the address.
        let (accounts, credentials) = (self.authenticator.accounts(), &*self.credentials);
        set_password(accounts, credentials, &login, &hash, "a mail").await?;
        Ok(())
    }

    pub(super) async fn known(&self, email: &str) -> Result<PasswordLogin, ClientError> {
        let login = self.credentials.login(email).await?;
        login.ok_or_else(|| ClientError::new(ErrorClass::NotFound, ErrorCode::UserNotFound, "user not found"))
    }

    /// Sends a single-use token to an address.
    async fn send_token(
        &self,
        login: &PasswordLogin,
        purpose: TokenPurpose,
        url: Option<&str>,
    ) -> Result<(), ClientError> {
        let (token, kept) = one_time_token(login, purpose)?;
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
        self.mailer.send(mail).await.map_err(|private| ClientError {
            private: Some(private),
            ..ClientError::plain(ErrorClass::Unavailable, "the mail cannot be sent at present; try again later")
        })
    }

    /// Uses up a token; returns the login that it is for.
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

/// Creates a single-use token; returns it together with the record to be stored.
pub(super) fn one_time_token(
    login: &PasswordLogin,
    purpose: TokenPurpose,
) -> Result<(String, OneTimeToken), ClientError> {
    let token = secret(64)?;
    let kept = OneTimeToken {
        // Unguessable.
        id: secret(12)?,
        hash: hash(&token),
        purpose,
        login_id: login.id.clone(),
        expires_at: DateTime::from_millis(DateTime::now().timestamp_millis().saturating_add(TOKEN_LIFETIME)),
    };
    Ok((token, kept))
}

/// Whether the length of a password is permitted.
pub(super) fn is_length(password: &str) -> bool {
    password.len() <= 512 && (6..=128).contains(&password.chars().count())
}

/// Checks an address, which may be any text that is not empty or too long.
pub(super) fn check_address(email: &str) -> Result<(), ClientError> {
    if email.is_empty() || email.len() > MAX_ADDRESS {
        return Err(ClientError::bad(ErrorCode::BadRequest, "email invalid"));
    }
    Ok(())
}

pub(super) fn check_length(password: &str) -> Result<(), ClientError> {
    if is_length(password) {
        return Ok(());
    }
    Err(ClientError::bad(ErrorCode::BadRequest, "password must be between 6 and 128 characters"))
}
