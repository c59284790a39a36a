use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm as Jwt, DecodingKey};

use super::algorithm::Algorithm;
use super::compact::Compact;
use super::error::TokenError;

/// Whether a token is signed with one of these keys. A key of the wrong type matches no signature.
///
/// The cryptography provider is named explicitly: with the library's default, it panics if another crate has enabled a
/// second one.
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
