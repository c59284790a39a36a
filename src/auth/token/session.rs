use bson::DateTime;

use crate::auth::ProviderType;
use crate::user::User;

/// The key under `portcullis` of a token whose user has no custom data.
pub(super) const NO_CUSTOM_DATA: &str = "no_custom_data";

/// The session that a token belongs to: a login on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSession {
    /// Its id: the claim `iss` of an access token, `baas_id` of a refresh token.
    pub id: String,
    /// The device: the claim `baas_device_id`.
    pub device_id: String,
}

/// The identity that somebody logged in with: the claim `baas_identity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The provider's own id of the person.
    pub id: String,
    /// The type of the provider.
    pub provider_type: ProviderType,
    /// The provider's id in the application.
    pub provider_id: String,
}

/// What a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshGrant {
    /// Whose it is.
    pub user_id: String,
    /// Which login.
    pub session: TokenSession,
    /// By which identity.
    pub identity: TokenIdentity,
    /// When it ends, to the second; `None` for an anonymous user, and for no other.
    pub expires_at: Option<DateTime>,
}

/// What a verified access token says.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessToken {
    /// The user as the rules see it.
    pub user: User,
    /// Which login.
    pub session: TokenSession,
    /// When it was issued, to the second.
    pub issued_at: DateTime,
    /// When it ends, to the second.
    pub expires_at: DateTime,
}

/// What a verified refresh token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// Whose it is.
    pub user_id: String,
    /// Which login.
    pub session: TokenSession,
    /// By which identity.
    pub identity: TokenIdentity,
    /// When it was issued, to the second.
    pub issued_at: DateTime,
    /// When it ends, to the second; `None` for an anonymous user.
    pub expires_at: Option<DateTime>,
}
