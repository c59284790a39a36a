use std::time::Duration;

use bson::{Bson, DateTime, Document};

use super::algorithm::Algorithm;
use super::compact::Compact;
use super::error::{MAX_OWN_TOKEN, TokenError};
use super::issuer::TokenIssuer;
use super::key;
use super::session::{AccessToken, NO_CUSTOM_DATA, RefreshToken, TokenIdentity, TokenSession};
use super::times::{Expiry, Times};
use crate::auth::excerpt::one_line;
use crate::auth::{Assembly, ProviderType, VerifiedClaims, assemble};
use crate::json::{self, EjsonError, EjsonErrorKind, Node};
use crate::value::ValueRef;

impl TokenIssuer {
    /// Verifies an access token issued by Portcullis at the time `now`.
    ///
    /// The token does not tell whether its session has ended or its user has been disabled.
    ///
    /// # Errors
    /// See [`TokenError`]. The signature is checked before the claims.
    pub fn verify_access(&self, token: &str, now: DateTime) -> Result<AccessToken, TokenError> {
        let claims = self.claims(token)?;
        match text(&claims, "typ")? {
            "access" => {}
            "refresh" => return Err(TokenError::RefreshAsAccess),
            other => return Err(TokenError::TypeUnknown(one_line(other))),
        }
        self.check_application(&claims)?;
        let times = Times::check(&claims, now, Duration::ZERO, Expiry::Required)?;
        let session = TokenSession { id: filled(&claims, "iss")?, device_id: device(&claims)? };
        let issued_at = times.issued_at.ok_or(TokenError::ClaimMissing("iat"))?;
        let expires_at = times.expires_at.ok_or(TokenError::ExpiryMissing)?;
        let says_none = |ours: &Document| ours.get(NO_CUSTOM_DATA) == Some(&Bson::Boolean(true));
        if !claims.contains_key("user_data") && !claims.get_document("portcullis").is_ok_and(says_none) {
            return Err(TokenError::ClaimMissing("user_data"));
        }
        let user = assemble(&VerifiedClaims::trusted(claims), &Assembly::default())?.user;
        Ok(AccessToken { user, session, issued_at, expires_at })
    }

    /// Verifies a refresh token issued by Portcullis at the time `now`.
    ///
    /// # Errors
    /// Same as [`TokenIssuer::verify_access`].
    pub fn verify_refresh(&self, token: &str, now: DateTime) -> Result<RefreshToken, TokenError> {
        let claims = self.claims(token)?;
        match text(&claims, "typ")? {
            "refresh" => {}
            "access" => return Err(TokenError::AccessAsRefresh),
            other => return Err(TokenError::TypeUnknown(one_line(other))),
        }
        self.check_application(&claims)?;
        let identity = identity(&claims)?;
        let expiry =
            if identity.provider_type == ProviderType::Anonymous { Expiry::Optional } else { Expiry::Required };
        let times = Times::check(&claims, now, Duration::ZERO, expiry)?;
        Ok(RefreshToken {
            user_id: filled(&claims, "sub")?,
            session: TokenSession { id: filled(&claims, "baas_id")?, device_id: device(&claims)? },
            identity,
            issued_at: times.issued_at.ok_or(TokenError::ClaimMissing("iat"))?,
            expires_at: times.expires_at.filter(|_| expiry == Expiry::Required),
        })
    }

    /// The claims of a token that is signed with one of the keys.
    fn claims(&self, token: &str) -> Result<Document, TokenError> {
        let token = Compact::read(token, MAX_OWN_TOKEN, Algorithm::Hs256)?;
        key::verify(&token, self.keys.into_iter().map(|key| &key.decoding), Algorithm::Hs256)?;
        token.claims(own_claims)
    }

    fn check_application(&self, claims: &Document) -> Result<(), TokenError> {
        match text(claims, "baas_domain_id")? {
            application if application == self.application => Ok(()),
            other => Err(TokenError::ApplicationOther(one_line(other))),
        }
    }
}

/// Converts the claims of a token issued by Portcullis. Those with BSON are extended JSON, the others plain JSON.
pub(super) fn own_claims(node: &Node) -> Result<Document, EjsonError> {
    let Some(members) = node.as_object() else {
        return Err(EjsonError::new(EjsonErrorKind::NotDocument(node.describe()), node.span));
    };
    let mut claims = Document::new();
    for member in members {
        let value = match member.key.as_str() {
            "user_data" | "portcullis" => json::to_bson(&member.value)?,
            _ => json::to_plain_bson(&member.value)?,
        };
        claims.insert(member.key.clone(), value);
    }
    Ok(claims)
}

fn text<'c>(claims: &'c Document, claim: &'static str) -> Result<&'c str, TokenError> {
    typed(claim, "a string", claims.get(claim), Bson::as_str)
}

fn filled(claims: &Document, claim: &'static str) -> Result<String, TokenError> {
    Some(text(claims, claim)?).filter(|text| !text.is_empty()).map(str::to_owned).ok_or(TokenError::ClaimMissing(claim))
}

fn device(claims: &Document) -> Result<String, TokenError> {
    text(claims, "baas_device_id").map(str::to_owned)
}

fn identity(claims: &Document) -> Result<TokenIdentity, TokenError> {
    let identity = typed("baas_identity", "a document", claims.get("baas_identity"), Bson::as_document)?;
    let part = |claim, name| typed(claim, "a string", identity.get(name), Bson::as_str);
    let provider_type = part("baas_identity.provider_type", "provider_type")?;
    Ok(TokenIdentity {
        id: part("baas_identity.id", "id")?.to_owned(),
        provider_type: ProviderType::from_name(provider_type)
            .ok_or_else(|| TokenError::IdentityUnknown(one_line(provider_type)))?,
        provider_id: part("baas_identity.provider_id", "provider_id")?.to_owned(),
    })
}

fn typed<'c, T>(
    claim: &'static str,
    expected: &'static str,
    value: Option<&'c Bson>,
    read: impl Fn(&'c Bson) -> Option<T>,
) -> Result<T, TokenError> {
    let value = value.ok_or(TokenError::ClaimMissing(claim))?;
    read(value).ok_or_else(|| TokenError::ClaimType { claim, expected, found: ValueRef::from(value).kind().alias() })
}
