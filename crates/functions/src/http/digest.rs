//! Digest access authentication, RFC 7616.

use crate::crypto::{hash, random};

/// The `Authorization` header that answers a challenge; `None` if the challenge is not supported.
pub(super) fn answer(challenge: &str, name: &str, password: &str, method: &str, uri: &str) -> Option<String> {
    let challenge = challenge.strip_prefix("Digest ").or_else(|| challenge.strip_prefix("digest "))?;
    let fields = fields(challenge);
    let field =
        |key: &str| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str());
    let (realm, nonce) = (field("realm")?, field("nonce")?);
    let algorithm = field("algorithm").unwrap_or("MD5");
    let digest = if algorithm.to_ascii_uppercase().starts_with("SHA-256") { "sha256" } else { "md5" };
    let hex = |text: String| Some(to_hex(&hash(digest, text.as_bytes()).ok()?));
    let client_nonce = to_hex(&random(16).ok()?);
    let mut secret = hex(format!("{name}:{realm}:{password}"))?;
    if algorithm.to_ascii_lowercase().ends_with("-sess") {
        secret = hex(format!("{secret}:{nonce}:{client_nonce}"))?;
    }
    let request = hex(format!("{method}:{uri}"))?;
    let with_quality = field("qop").is_some_and(|offers| offers.split(',').any(|offer| offer.trim() == "auth"));
    let response = if with_quality {
        hex(format!("{secret}:{nonce}:00000001:{client_nonce}:auth:{request}"))?
    } else {
        hex(format!("{secret}:{nonce}:{request}"))?
    };
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut header = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={algorithm}",
        quoted(name),
        quoted(realm),
        quoted(nonce),
    );
    if with_quality {
        header.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{client_nonce}\""));
    }
    if let Some(opaque) = field("opaque") {
        header.push_str(&format!(", opaque=\"{}\"", quoted(opaque)));
    }
    Some(header)
}

fn fields(challenge: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = challenge.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut characters = quoted.char_indices();
                let mut end = quoted.len();
                while let Some((at, character)) = characters.next() {
                    match character {
                        '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        _ => value.push(character),
                    }
                }
                (value, quoted.get(end..).unwrap_or_default())
            }
            None => {
                let (value, next) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        fields.push((name.trim_matches([',', ' ']).to_owned(), value));
        rest = next.trim_start_matches([',', ' ']);
    }
    fields
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
