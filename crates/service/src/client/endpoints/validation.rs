use hmac::{Hmac, Mac};
use portcullis::app::Secrets;
use portcullis::endpoint::{SharedSecret, Validation};
use sha2::Sha256;

use super::incoming::{Incoming, SECRET};
use crate::client::random::{hash, is_of};

/// The header with the signature of a request to an endpoint or to the Data API.
pub(super) const ENDPOINT_SIGNATURE: &str = "Endpoint-Signature";

/// Checks that a request proves knowledge of the secret; otherwise returns what is missing, for the log. If the secret
/// was not supplied or is empty, every request fails.
pub(super) fn validate(
    validation: &Validation,
    header: &str,
    incoming: &Incoming<'_>,
    secrets: &Secrets,
) -> Result<(), &'static str> {
    let secret = match validation {
        Validation::None => return Ok(()),
        Validation::SecretInQuery(secret) | Validation::Signature(secret) => secret,
    };
    let secret = value(secret, secrets).ok_or("the secret was not supplied, or is empty")?;
    match validation {
        Validation::None => Ok(()),
        Validation::SecretInQuery(_) => {
            let mut shown = incoming.parameters().filter(|(name, _)| name == SECRET);
            let (Some((_, shown)), None) = (shown.next(), shown.next()) else {
                return Err("the query has no secret, or several");
            };
            if is_of(&shown, &hash(secret)) { Ok(()) } else { Err("the secret in the query is wrong") }
        }
        Validation::Signature(_) => {
            let mut signatures = incoming.header(header);
            let (Some(signature), None) = (signatures.next(), signatures.next()) else {
                return Err("the request has no signature, or several");
            };
            let signature = signature.strip_prefix("sha256=").and_then(bytes).ok_or("the signature is malformed")?;
            let mut mac =
                Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| "the secret cannot be used as a key")?;
            mac.update(incoming.body);
            mac.verify_slice(&signature).map_err(|_| "the signature is wrong")
        }
    }
}

/// The secret; `None` if it was not supplied or is empty.
pub(super) fn value<'s>(secret: &'s SharedSecret, secrets: &'s Secrets) -> Option<&'s str> {
    let value = match secret {
        SharedSecret::Named(name) => secrets.get(name),
        SharedSecret::Written(value) => Some(value.as_str()),
    };
    value.filter(|value| !value.is_empty())
}

/// Decodes 64 hexadecimal digits.
fn bytes(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
