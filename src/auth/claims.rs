use bson::{Bson, Document};

use super::error::AssembleError;
use crate::value::ValueRef;

/// The claims of a token whose signature, audience and validity period have been verified.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedClaims(Document);

impl VerifiedClaims {
    /// Declares that claims have been verified, for which the caller is responsible. In an access token issued by
    /// Portcullis, `user_data` must have been parsed as extended JSON; all other claims, and all claims of third
    /// parties, as plain JSON.
    #[must_use]
    pub const fn trusted(claims: Document) -> Self {
        Self(claims)
    }

    /// The claims.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.0
    }

    /// The claim `sub`.
    pub(super) fn subject(&self) -> Result<&str, AssembleError> {
        match self.0.get("sub") {
            None => Err(AssembleError::SubjectMissing),
            Some(Bson::String(sub)) if sub.is_empty() => Err(AssembleError::SubjectEmpty),
            Some(value) => text("sub", value),
        }
    }
}

pub(super) fn text<'c>(claim: &'static str, value: &'c Bson) -> Result<&'c str, AssembleError> {
    value.as_str().ok_or_else(|| wrong(claim, "a string", value))
}

pub(super) fn document<'c>(claim: &'static str, value: &'c Bson) -> Result<&'c Document, AssembleError> {
    value.as_document().ok_or_else(|| wrong(claim, "a document", value))
}

pub(super) fn array<'c>(claim: &'static str, value: &'c Bson) -> Result<&'c [Bson], AssembleError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(claim, "an array", value))
}

fn wrong(claim: &'static str, expected: &'static str, value: &Bson) -> AssembleError {
    AssembleError::ClaimType { claim, expected, found: ValueRef::from(value).kind().alias() }
}
