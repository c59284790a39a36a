use bson::{Document, bson};

use super::access_token;
use super::claims::VerifiedClaims;
use super::custom_data::CustomDataConfig;
use super::error::AssembleError;
use super::provider::Provider;
use super::provider_type::ProviderType;
use super::selection::Warning;
use crate::user::{CustomData, User};

/// What a user is assembled from, beside the claims.
#[derive(Clone, Copy, Debug, Default)]
pub struct Assembly<'a> {
    /// The provider that vouches for the claims; without one, they are those of one of our own access tokens.
    pub provider: Option<&'a Provider>,
    /// At login and refresh: the configuration of custom data, and documents among which the user's is looked up, in
    /// natural order. What they say replaces the claim `user_data`, even if they say nothing. Without it, the custom data of a
    /// user of third-party claims counts as not looked up.
    pub custom_data: Option<(&'a CustomDataConfig, &'a [Document])>,
}

/// A user, and what a log should say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    /// The user; never the system user.
    pub user: User,
    /// What a log should say.
    pub warnings: Vec<Warning>,
}

/// Makes the user of verified claims.
///
/// Claims of a third party say nothing but `sub` and what the provider's `metadata_fields` name; those that mean
/// something in our own tokens (`typ`, `portcullis`, `user_data`) mean nothing there.
///
/// # Errors
/// See [`AssembleError`].
///
/// ```
/// use bson::doc;
/// use portcullis::auth::{AssembleError, Assembly, VerifiedClaims, assemble};
/// let assemble = |claims| assemble(&VerifiedClaims::trusted(claims), &Assembly::default());
/// let claims = doc! { "typ": "access", "sub": "u1", "portcullis": { "type": "server" }, "user_data": { "level": 3 } };
/// assert_eq!(assemble(claims).unwrap().user.id, "u1");
/// let claims = doc! { "typ": "access", "sub": "u1", "portcullis": { "type": "system" } };
/// assert_eq!(assemble(claims), Err(AssembleError::UserTypeSystem));
/// let claims = doc! { "typ": "refresh", "sub": "u1" };
/// assert_eq!(assemble(claims), Err(AssembleError::TokenTypeRefresh));
/// ```
pub fn assemble(claims: &VerifiedClaims, assembly: &Assembly<'_>) -> Result<Assembled, AssembleError> {
    let mut user = match assembly.provider {
        Some(provider) => third_party(claims, provider)?,
        None => access_token::user(claims)?,
    };
    let mut warnings = Vec::new();
    if let Some((config, documents)) = assembly.custom_data {
        let selection = config.select(&user.id, documents)?;
        user.custom_data = selection.document.map_or(CustomData::Absent, CustomData::Loaded);
        warnings = selection.warnings;
    }
    Ok(Assembled { user, warnings })
}

fn third_party(claims: &VerifiedClaims, provider: &Provider) -> Result<User, AssembleError> {
    if provider.kind() != ProviderType::CustomToken {
        return Err(AssembleError::ProviderTakesNoToken(provider.kind()));
    }
    if provider.is_disabled() {
        return Err(AssembleError::ProviderDisabled(provider.name().to_owned()));
    }
    let mut user = User::new(claims.subject()?);
    let data = provider.metadata(claims.document())?;
    user.identities = vec![bson!({ "id": &user.id, "provider_type": provider.kind().name(), "data": data.clone() })];
    user.data = data;
    Ok(user)
}
