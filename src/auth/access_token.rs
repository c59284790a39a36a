use bson::{Bson, Document};

use super::claims::{self, VerifiedClaims};
use super::error::AssembleError;
use super::excerpt::excerpt;
use super::identities::union_of_identities;
use super::selection::as_seen_by_rules;
use crate::user::{CustomData, User, UserType};

/// Assembles the user of an access token issued by Portcullis: `typ: "access"`, `sub`, `user_data`,
/// `portcullis: {type, data, identities}`.
pub(super) fn user(claims: &VerifiedClaims) -> Result<User, AssembleError> {
    token_type(claims.document())?;
    // A token without `user_data` means that the user has no custom data: tokens are issued only after it has been
    // looked up.
    let mut user = User::new(claims.subject()?).without_custom_data();
    let ours = claims.document().get("portcullis").ok_or(AssembleError::PortcullisMissing)?;
    let ours = claims::document("portcullis", ours)?;
    user.kind = ours.get("type").map_or(Ok(UserType::Normal), user_type)?;
    if let Some(identities) = ours.get("identities") {
        user.identities = self::identities(identities)?;
    }
    user.data = match ours.get("data") {
        Some(data) => claims::document("portcullis.data", data)?.clone(),
        None => union_of_identities(&user.identities),
    };
    if let Some(data) = claims.document().get("user_data") {
        user.custom_data = custom_data(claims::document("user_data", data)?);
    }
    Ok(user)
}

fn token_type(claims: &Document) -> Result<(), AssembleError> {
    let word = claims.get("typ").ok_or(AssembleError::TokenTypeMissing)?;
    match claims::text("typ", word)? {
        "access" => Ok(()),
        "refresh" => Err(AssembleError::TokenTypeRefresh),
        other => Err(AssembleError::TokenTypeUnknown(excerpt(other))),
    }
}

fn user_type(word: &Bson) -> Result<UserType, AssembleError> {
    let word = claims::text("portcullis.type", word)?;
    match UserType::from_name(word) {
        Some(UserType::System) => Err(AssembleError::UserTypeSystem),
        Some(kind @ (UserType::Normal | UserType::Server)) => Ok(kind),
        None => Err(AssembleError::UserTypeUnknown(excerpt(word))),
    }
}

/// Identities may contain any fields; only those documented for rules must have a certain type.
fn identities(identities: &Bson) -> Result<Vec<Bson>, AssembleError> {
    let identities = claims::array("portcullis.identities", identities)?;
    for identity in identities {
        let identity = claims::document("portcullis.identities.*", identity)?;
        for (field, claim) in
            [("id", "portcullis.identities.*.id"), ("provider_type", "portcullis.identities.*.provider_type")]
        {
            if let Some(value) = identity.get(field) {
                claims::text(claim, value)?;
            }
        }
        if let Some(data) = identity.get("data") {
            claims::document("portcullis.identities.*.data", data)?;
        }
    }
    Ok(identities.to_vec())
}

/// An empty document means that there is no custom data.
fn custom_data(document: &Document) -> CustomData {
    if document.is_empty() { CustomData::Absent } else { CustomData::Loaded(as_seen_by_rules(document.clone())) }
}
