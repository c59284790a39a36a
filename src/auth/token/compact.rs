use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bson::Document;

use super::algorithm::Algorithm;
use super::error::{MAX_HEADER, TokenError, TokenPart};
use crate::auth::excerpt::one_line;
use crate::json::{self, Node};

/// A token split into its parts (RFC 7515, compact serialisation), of which only the header has been decoded.
pub(super) struct Compact<'t> {
    /// The signing input: header, dot, payload.
    pub(super) message: &'t str,
    pub(super) signature: Vec<u8>,
    payload: &'t str,
    header: Node,
}

impl<'t> Compact<'t> {
    /// Splits a token, which must be signed with this algorithm.
    pub(super) fn read(token: &'t str, limit: usize, algorithm: Algorithm) -> Result<Self, TokenError> {
        if token.len() > limit {
            let characters = token.chars().count();
            if characters > limit {
                return Err(TokenError::TooLong { characters, limit });
            }
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Parts(token.split('.').count()));
        };
        if header.len() > MAX_HEADER {
            return Err(TokenError::HeaderTooLong(header.chars().count()));
        }
        let header = json::parse_bytes(&decode(TokenPart::Header, header)?)
            .map_err(|error| TokenError::HeaderNotJson(reason(&error)))?;
        check_header(&header, algorithm)?;
        let signature = decode(TokenPart::Signature, signature)?;
        let message = token.rsplit_once('.').map_or("", |(message, _)| message);
        Ok(Self { message, signature, payload, header })
    }

    /// `kid`, the key id.
    pub(super) fn key_id(&self) -> Result<&str, TokenError> {
        match self.header.get("kid") {
            None => Err(TokenError::KeyIdMissing),
            Some(node) => node.as_str().ok_or(TokenError::HeaderType("kid")),
        }
    }

    /// The claims. Call it only after the signature has been verified. `read` converts the JSON.
    pub(super) fn claims(
        &self,
        read: impl FnOnce(&Node) -> Result<Document, json::EjsonError>,
    ) -> Result<Document, TokenError> {
        let payload = decode(TokenPart::Payload, self.payload)?;
        let node = json::parse_bytes(&payload).map_err(|error| TokenError::PayloadNotJson(reason(&error)))?;
        read(&node).map_err(|error| TokenError::PayloadNotJson(reason(&error)))
    }
}

/// The header names the algorithm, never the key itself: `jwk`, `jku`, `x5u` and `x5c` are ignored.
fn check_header(header: &Node, expected: Algorithm) -> Result<(), TokenError> {
    if header.as_object().is_none() {
        return Err(TokenError::HeaderNotJson(format!("it is {}", header.describe())));
    }
    if header.get("crit").is_some() {
        return Err(TokenError::CriticalExtension);
    }
    if header.get("b64").is_some_and(|b64| b64.as_bool() != Some(true)) {
        return Err(TokenError::PayloadUnencoded);
    }
    let algorithm = header.get("alg").ok_or(TokenError::AlgorithmMissing)?;
    match algorithm.as_str().ok_or(TokenError::HeaderType("alg"))? {
        name if name == expected.name() => Ok(()),
        name if name.eq_ignore_ascii_case("none") => Err(TokenError::AlgorithmNone),
        name => Err(TokenError::AlgorithmUnexpected { expected, found: one_line(name) }),
    }
}

/// Strict: each value has exactly one encoding, so that no character of a token can be changed.
fn decode(part: TokenPart, text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Base64(part))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Shortened, since the reason may quote a key a megabyte long.
fn reason(error: &impl ToString) -> String {
    let text = error.to_string();
    match text.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
