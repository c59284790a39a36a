use bson::{Bson, Document};

use super::error::TokenError;
use crate::auth::excerpt::one_line;
use crate::value::ValueRef;

/// The audiences that tokens must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// All of these.
    All(Vec<String>),
    /// At least one of these.
    Any(Vec<String>),
}

impl Audience {
    pub(super) fn check(&self, claims: &Document) -> Result<(), TokenError> {
        let found = match claims.get("aud") {
            None => return Err(TokenError::AudienceMissing),
            Some(Bson::String(audience)) => vec![audience.as_str()],
            Some(Bson::Array(audiences)) => audiences.iter().map(text).collect::<Result<_, _>>()?,
            Some(other) => return Err(wrong_type("aud", "a string or an array of strings", other)),
        };
        let holds = |wanted: &&String| found.contains(&wanted.as_str());
        let missing = match self {
            Self::All(wanted) => wanted.iter().find(|wanted| !holds(wanted)),
            Self::Any(wanted) if wanted.iter().any(|wanted| holds(&wanted)) => None,
            Self::Any(wanted) => wanted.first(),
        };
        missing.map_or(Ok(()), |audience| Err(TokenError::AudienceWrong(one_line(audience))))
    }
}

fn text(value: &Bson) -> Result<&str, TokenError> {
    value.as_str().ok_or_else(|| wrong_type("aud.*", "a string", value))
}

fn wrong_type(claim: &'static str, expected: &'static str, value: &Bson) -> TokenError {
    TokenError::ClaimType { claim, expected, found: ValueRef::from(value).kind().alias() }
}
