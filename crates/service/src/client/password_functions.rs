//! The functions of an application that confirm addresses and reset passwords. Nobody is logged in, so they run as the
//! system.

use bson::{Bson, doc};
use portcullis::auth::ProviderType;
use portcullis::json::Node;
use portcullis::store::{PasswordLogin, TokenPurpose};
use portcullis_functions::{CallError, Entry};

use super::calls::values;
use super::passwords::{check_length, one_time_token};
use super::takeover::end_what_a_password_opened;
use super::{ClientApi, ClientError, ErrorClass, ErrorCode};
use crate::functions::private;

/// The decision of such a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    /// Confirm or reset at once.
    Success,
    /// Wait until the token is redeemed.
    Pending,
}

/// Reads `{"status": …}`. Anything else is a failure.
fn decided(value: &Bson) -> Option<Decided> {
    match value.as_document()?.get_str("status").ok()? {
        "success" => Some(Decided::Success),
        "pending" => Some(Decided::Pending),
        _ => None,
    }
}

impl ClientApi {
    /// Calls the confirmation function for an unconfirmed login.
    pub(super) async fn confirm_by_function(&self, login: &PasswordLogin, function: &str) -> Result<(), ClientError> {
        let (token, kept) = one_time_token(login, TokenPurpose::Confirm)?;
        let argument = doc! { "token": token, "tokenId": &kept.id, "username": &login.email };
        match self.decide(function, vec![argument.into()]).await {
            Ok(Decided::Success) => {
                self.credentials.confirm_login(&login.id).await?;
                Ok(())
            }
            // Stored only at this point: otherwise, a call that the function rejects would invalidate an earlier token.
            Ok(Decided::Pending) => Ok(self.credentials.put_token(&kept).await?),
            Err(private) => {
                let message = format!("failed to confirm user \"{}\"", login.email);
                Err(ClientError { private, ..ClientError::bad(ErrorCode::BadRequest, message) })
            }
        }
    }

    /// Calls the function that resets passwords, with the client's arguments. It may let the password be set at once,
    /// or wait until its token is redeemed.
    ///
    /// # Errors
    /// The address is unknown, the password is too short or too long, there is no such function, or it rejects the
    /// request.
    pub async fn call_reset(&self, email: &str, password: &str, arguments: &[Node]) -> Result<(), ClientError> {
        let settings = self.password_settings()?;
        check_length(password)?;
        let login = self.known(email).await?;
        let failed = |private: Option<String>| {
            let message = format!("failed to reset password for user \"{email}\"");
            ClientError { private, ..ClientError::plain(ErrorClass::BadRequest, message) }
        };
        let function = settings.reset_function.as_deref().ok_or_else(|| failed(None))?;
        // Without a password there is nothing to reset, and the caller may not be the user.
        let Some(current) = login.hash.clone() else {
            return Err(failed(Some("the user has no password yet".to_owned())));
        };
        let is_current = self.hashing.verify(password, Some(current.clone())).await?.is_right;
        let (token, kept) = one_time_token(&login, TokenPurpose::Reset)?;
        let argument = doc! {
            "token": token, "tokenId": &kept.id, "username": &login.email, "password": password,
            "currentPasswordValid": is_current,
        };
        let mut given = vec![Bson::Document(argument)];
        given.extend(values(arguments)?);
        match self.decide(function, given).await.map_err(failed)? {
            Decided::Pending => Ok(self.credentials.put_token(&kept).await?),
            Decided::Success => {
                let hash = self.hashing.hash(password).await?;
                // A password that was set in the meantime takes precedence.
                if !self.credentials.replace_hash(&login.id, Some(&current), &hash).await? {
                    return Err(failed(Some("the password was changed meanwhile".to_owned())));
                }
                let accounts = self.accounts();
                let user = accounts.user_of(ProviderType::EmailPassword, &login.id).await;
                let user = user.map_err(ClientError::internal)?;
                end_what_a_password_opened(accounts, &*self.credentials, user.as_deref()).await?;
                Ok(())
            }
        }
    }

    /// The decision of a function, or why there is none.
    async fn decide(&self, function: &str, arguments: Vec<Bson>) -> Result<Decided, Option<String>> {
        let returned = self.functions.call_as_system(function, arguments, Entry::Login).await;
        let returned = returned.map_err(|error| match error {
            // The thrown message may repeat the password; the call log contains it in redacted form.
            error @ CallError::Failed(_) => private(&error),
            error => Some(error.to_string()),
        })?;
        decided(&returned.value)
            .ok_or_else(|| Some("the function did not return a `status` that lets the request pass".to_owned()))
    }
}
