use bson::DateTime;

use crate::auth::ProviderType;
use crate::user::User;

/// The key within the claim `portcullis` that marks a user without custom data.
pub(super) const NO_CUSTOM_DATA: &str = "no_custom_data";

/// The session of a token: one login on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSession {
    /// Its id: the claim `iss` of an access token, `baas_id` of a refresh token.
    pub id: String,
    /// The device: the claim `baas_device_id`.
    pub device_id: String,
}

/// The identity used to log in: the claim `baas_identity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The id of the person at the provider.
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
    /// The identity used to log in.
    pub identity: TokenIdentity,
    /// When it expires, to the second; `None` for an anonymous user, and only then.
    pub expires_at: Option<DateTime>,
}

/// The content of a verified access token.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessToken {
    /// The user as the rules see it.
    pub user: User,
    /// The session.
    pub session: TokenSession,
    /// When it was issued, to the second.
    pub issued_at: DateTime,
    /// When it expires, to the second.
    pub expires_at: DateTime,
}

/// The content of a verified refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The user's id.
    pub user_id: String,
    /// The session.
    pub session: TokenSession,
    /// The identity used to log in.
    pub identity: TokenIdentity,
    /// When it was issued, to the second.
    pub issued_at: DateTime,
    /// When it expires, to the second; `None` for an anonymous user.
    pub expires_at: Option<DateTime>,
}
