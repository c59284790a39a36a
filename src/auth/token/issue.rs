use bson::{Bson, DateTime, Document};
use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use serde_json::{Value, json};

use super::compact::encode;
use super::error::MAX_OWN_TOKEN;
use super::issue_error::IssueError;
use super::issuer::TokenIssuer;
use super::session::{NO_CUSTOM_DATA, RefreshGrant, TokenSession};
use super::verify::own_claims;
use crate::auth::carried::{MAX_LEVELS, is_deep};
use crate::auth::selection::as_seen_by_rules;
use crate::auth::{Assembly, ProviderType, VerifiedClaims, assemble};
use crate::json;
use crate::user::{CustomData, User, UserType};
use crate::value::{ValueRef, identical};

/// 100 years in seconds.
const CENTURY: i64 = 100 * 365 * 24 * 60 * 60;

impl TokenIssuer {
    /// Issues an access token. It contains everything needed to assemble the same user again, except that an ObjectId
    /// in the `_id` of custom data becomes a hex string and empty custom data count as none.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue_access(&self, user: &User, session: &TokenSession, now: DateTime) -> Result<String, IssueError> {
        if user.kind == UserType::System {
            return Err(IssueError::UserSystem);
        }
        filled("user id", &user.id)?;
        filled("session id", &session.id)?;
        let custom_data = match &user.custom_data {
            CustomData::NotLoaded => return Err(IssueError::CustomDataNotLoaded),
            CustomData::Absent => Document::new(),
            CustomData::Loaded(document) if is_deep(document.values(), MAX_LEVELS) => {
                return Err(IssueError::Unfaithful("custom_data"));
            }
            CustomData::Loaded(document) => as_seen_by_rules(document.clone()),
        };
        if is_deep(user.data.values(), MAX_LEVELS) {
            return Err(IssueError::Unfaithful("data"));
        }
        if is_deep(&user.identities, MAX_LEVELS) {
            return Err(IssueError::Unfaithful("identities"));
        }
        let issued_at = seconds(now)?;
        let lifetime = i64::try_from(self.access_lifetime.as_secs()).map_err(|_| IssueError::TimeRange)?;
        let mut claims = json!({
            "sub": user.id,
            "iss": session.id,
            "iat": issued_at,
            "exp": issued_at.saturating_add(lifetime),
            "typ": "access",
            "baas_device_id": session.device_id,
            "baas_domain_id": self.application,
            "stitch_devId": session.device_id,
            "stitch_domainId": self.application,
        });
        let mut ours = json!({
            "type": user.kind.name(),
            "data": Bson::Document(user.data.clone()).into_canonical_extjson(),
            "identities": Bson::Array(user.identities.clone()).into_canonical_extjson(),
        });
        // Clients take any `user_data` for custom data. If the user has none, the token says so explicitly, so that a
        // claim that got lost is not mistaken for that.
        if custom_data.is_empty() {
            add(&mut ours, json!({ NO_CUSTOM_DATA: true }));
        } else {
            add(&mut claims, json!({ "user_data": Bson::Document(custom_data.clone()).into_canonical_extjson() }));
        }
        add(&mut claims, json!({ "portcullis": ours }));
        let text = claims.to_string();
        check_faithful(&text, user, &custom_data)?;
        self.sign(&text)
    }

    /// Issues a refresh token.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue_refresh(&self, grant: &RefreshGrant, now: DateTime) -> Result<String, IssueError> {
        filled("user id", &grant.user_id)?;
        filled("session id", &grant.session.id)?;
        let issued_at = seconds(now)?;
        let mut claims = json!({ "sub": grant.user_id, "iat": issued_at });
        match grant.expires_at.map(seconds).transpose()? {
            None if grant.identity.provider_type != ProviderType::Anonymous => return Err(IssueError::ExpiryMissing),
            // Clients require `exp`. The account and its session end much earlier.
            None => add(&mut claims, json!({ "exp": issued_at.saturating_add(CENTURY) })),
            Some(expires_at) if expires_at <= issued_at => return Err(IssueError::ExpiryPast),
            Some(expires_at) => add(&mut claims, json!({ "exp": expires_at })),
        }
        let (session, identity) = (&grant.session, &grant.identity);
        add(
            &mut claims,
            json!({
                "typ": "refresh",
                "baas_id": session.id,
                "stitch_id": session.id,
                "baas_device_id": session.device_id,
                "baas_domain_id": self.application,
                "stitch_devId": session.device_id,
                "stitch_domainId": self.application,
                "baas_identity": {
                    "id": identity.id,
                    "provider_type": identity.provider_type.name(),
                    "provider_id": identity.provider_id,
                },
            }),
        );
        self.sign(&claims.to_string())
    }

    fn sign(&self, claims: &str) -> Result<String, IssueError> {
        let mut token = format!("{}.{}", encode(br#"{"alg":"HS256","typ":"JWT"}"#), encode(claims.as_bytes()));
        let signature = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, &self.keys.first().encoding)
            .ok()
            .and_then(|signer| signer.try_sign(token.as_bytes()).ok())
            .ok_or(IssueError::Signing)?;
        token.push('.');
        token.push_str(&encode(&signature));
        if token.len() > MAX_OWN_TOKEN { Err(IssueError::TooLong(token.len())) } else { Ok(token) }
    }
}

fn add(claims: &mut Value, more: Value) {
    if let (Value::Object(claims), Value::Object(more)) = (claims, more) {
        claims.extend(more);
    }
}

fn filled(name: &'static str, text: &str) -> Result<(), IssueError> {
    if text.is_empty() { Err(IssueError::Empty(name)) } else { Ok(()) }
}

/// A time in whole seconds since the Unix epoch.
fn seconds(time: DateTime) -> Result<i64, IssueError> {
    // The years 1970 to 9999.
    let range = 0..253_402_300_800;
    Some(time.timestamp_millis().div_euclid(1000)).filter(|time| range.contains(time)).ok_or(IssueError::TimeRange)
}

/// Parses the claims before they are signed, as a verifier would: a field such as `$oid` in stored data must not result
/// in a different user, due to extended JSON.
fn check_faithful(text: &str, user: &User, custom_data: &Document) -> Result<(), IssueError> {
    let node = json::parse(text).map_err(|_| IssueError::Unfaithful("id, data or custom_data"))?;
    let ours = node.get("portcullis");
    let identities = Bson::Array(user.identities.clone());
    for (part, written, meant) in [
        ("custom_data", node.get("user_data"), ValueRef::from(custom_data)),
        ("data", ours.and_then(|ours| ours.get("data")), ValueRef::from(&user.data)),
        ("identities", ours.and_then(|ours| ours.get("identities")), ValueRef::from(&identities)),
    ] {
        let read = match written {
            None if part == "custom_data" => Some(Bson::Document(Document::new())),
            written => written.and_then(|written| json::to_bson(written).ok()),
        };
        if !read.is_some_and(|read| identical((&read).into(), meant).unwrap_or(false)) {
            return Err(IssueError::Unfaithful(part));
        }
    }
    let claims = own_claims(&node).map_err(|_| IssueError::Unfaithful("id, data or custom_data"))?;
    assemble(&VerifiedClaims::trusted(claims), &Assembly::default()).map(drop).map_err(IssueError::Claims)
}
