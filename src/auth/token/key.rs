use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm as Jwt, DecodingKey};

use super::algorithm::Algorithm;
use super::compact::Compact;
use super::error::TokenError;

/// Whether a token is signed with any of these keys. Keys of the wrong type match no signature.
///
/// The cryptography provider is named explicitly, because selecting a default panics if another crate has enabled a
/// second provider.
pub(super) fn verify<'k>(
    token: &Compact<'_>,
    keys: impl IntoIterator<Item = &'k DecodingKey>,
    algorithm: Algorithm,
) -> Result<(), TokenError> {
    let algorithm = match algorithm {
        Algorithm::Hs256 => Jwt::HS256,
        Algorithm::Rs256 => Jwt::RS256,
    };
    let signed = keys.into_iter().any(|key| {
        (DEFAULT_PROVIDER.verifier_factory)(&algorithm, key)
            .is_ok_and(|verifier| verifier.verify(token.message.as_bytes(), &token.signature).is_ok())
    });
    if signed { Ok(()) } else { Err(TokenError::Signature) }
}
