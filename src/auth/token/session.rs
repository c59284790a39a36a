use bson::DateTime;

use crate::auth::ProviderType;
use crate::user::User;

/// The member of the claim `portcullis` that says that a user has no custom data.
pub(super) const NO_CUSTOM_DATA: &str = "no_custom_data";

/// The session that a token belongs to, which is a login on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSession {
    /// The id of the session: the claim `iss` of access tokens, `baas_id` of refresh tokens.
    pub id: String,
    /// The id of the device: the claim `baas_device_id`.
    pub device_id: String,
}

/// The identity with which the user logged in: the claim `baas_identity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The user's id at the provider.
    pub id: String,
    /// The type of the provider.
    pub provider_type: ProviderType,
    /// The id of the provider in the application.
    pub provider_id: String,
}

/// The content of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshGrant {
    /// The user's id.
    pub user_id: String,
    /// The session.
    pub session: TokenSession,
    /// The identity with which the user logged in.
    pub identity: TokenIdentity,
    /// The expiry, in whole seconds; `None` if and only if the user is anonymous.
    pub expires_at: Option<DateTime>,
}

/// The content of a verified access token.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessToken {
    /// The user.
    pub user: User,
    /// The session.
    pub session: TokenSession,
    /// The time of issue, in whole seconds.
    pub issued_at: DateTime,
    /// The expiry, in whole seconds.
    pub expires_at: DateTime,
}

/// The content of a verified refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The user's id.
    pub user_id: String,
    /// The session.
    pub session: TokenSession,
    /// The identity with which the user logged in.
    pub identity: TokenIdentity,
    /// The time of issue, in whole seconds.
    pub issued_at: DateTime,
    /// The expiry, in whole seconds; `None` for anonymous users.
    pub expires_at: Option<DateTime>,
}
