use bson::{Document, bson};

use super::access_token;
use super::claims::VerifiedClaims;
use super::custom_data::CustomDataConfig;
use super::error::AssembleError;
use super::provider::Provider;
use super::provider_type::ProviderType;
use super::selection::Warning;
use crate::user::{CustomData, User};

/// What a user is assembled from, in addition to the claims.
#[derive(Clone, Copy, Debug, Default)]
pub struct Assembly<'a> {
    /// The provider that vouches for the claims. `None` for the claims of an access token issued by Portcullis.
    pub provider: Option<&'a Provider>,
    /// At login and refresh: the custom-data configuration and the documents, in natural order, among which the user's
    /// is looked up. The result replaces the claim `user_data`, even if there is no such document. If this is `None`,
    /// the custom data of a user assembled from third-party claims counts as not loaded.
    pub custom_data: Option<(&'a CustomDataConfig, &'a [Document])>,
}

/// A user, with warnings.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    /// The user, who is never the system user.
    pub user: User,
    /// The warnings, for the log.
    pub warnings: Vec<Warning>,
}

/// Assembles a user from verified claims.
///
/// Of third-party claims, only `sub` and those in the provider's `metadata_fields` are used. The claims that Portcullis
/// puts into its own tokens (`typ`, `portcullis`, `user_data`) have no meaning there.
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
