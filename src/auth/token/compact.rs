use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bson::Document;

use super::algorithm::Algorithm;
use super::error::{MAX_HEADER, TokenError, TokenPart};
use crate::auth::excerpt::one_line;
use crate::json::{self, Node};

/// A token in compact serialization (RFC 7515), split into its parts. Only the header has been decoded.
pub(super) struct Compact<'t> {
    /// The signing input: header and payload, separated by a dot.
    pub(super) message: &'t str,
    pub(super) signature: Vec<u8>,
    payload: &'t str,
    header: Node,
}

impl<'t> Compact<'t> {
    /// Splits a token and checks its header, which must name this algorithm.
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

    /// The header `kid`, the id of the key.
    pub(super) fn key_id(&self) -> Result<&str, TokenError> {
        match self.header.get("kid") {
            None => Err(TokenError::KeyIdMissing),
            Some(node) => node.as_str().ok_or(TokenError::HeaderType("kid")),
        }
    }

    /// Decodes the claims, with `read` converting their JSON. Call this only after verifying the signature.
    pub(super) fn claims(
        &self,
        read: impl FnOnce(&Node) -> Result<Document, json::EjsonError>,
    ) -> Result<Document, TokenError> {
        let payload = decode(TokenPart::Payload, self.payload)?;
        let node = json::parse_bytes(&payload).map_err(|error| TokenError::PayloadNotJson(reason(&error)))?;
        read(&node).map_err(|error| TokenError::PayloadNotJson(reason(&error)))
    }
}

/// Checks the header. It may name the algorithm, but not provide a key: `jwk`, `jku`, `x5u` and `x5c` are ignored.
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

/// Decodes base64url strictly, so that every value has exactly one encoding and no character of a token can be altered.
fn decode(part: TokenPart, text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Base64(part))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A reason, truncated because it may quote a key of any length.
fn reason(error: &impl ToString) -> String {
    let text = error.to_string();
    match text.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
