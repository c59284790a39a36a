use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::{RandomizedSigner, Signer, Verifier};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::rsa_signature::{Hash, Scheme, private_key, public_key, sign_with, verify_with};
use super::{CryptoError, hmac};

/// The most bytes of a token.
const MAX_TOKEN: usize = 64 * 1024;

/// The deepest nesting of a token's header and payload.
const MAX_DEPTH: usize = 100;

/// A signing algorithm of tokens.
#[derive(Clone, Copy)]
enum Algorithm {
    Hmac(&'static str),
    Rsa(Scheme, Hash),
    P256,
    P384,
    P521,
}

fn algorithm(name: &str) -> Result<Algorithm, CryptoError> {
    Ok(match name {
        "HS256" => Algorithm::Hmac("sha256"),
        "HS384" => Algorithm::Hmac("sha384"),
        "HS512" => Algorithm::Hmac("sha512"),
        "RS256" => Algorithm::Rsa(Scheme::Pkcs1, Hash::Sha256),
        "RS384" => Algorithm::Rsa(Scheme::Pkcs1, Hash::Sha384),
        "RS512" => Algorithm::Rsa(Scheme::Pkcs1, Hash::Sha512),
        "PS256" => Algorithm::Rsa(Scheme::Pss, Hash::Sha256),
        "PS384" => Algorithm::Rsa(Scheme::Pss, Hash::Sha384),
        "PS512" => Algorithm::Rsa(Scheme::Pss, Hash::Sha512),
        "ES256" => Algorithm::P256,
        "ES384" => Algorithm::P384,
        "ES512" => Algorithm::P521,
        _ => return Err(CryptoError::new("the signing method must be HS, RS, PS or ES with 256, 384 or 512")),
    })
}

/// Signs a token with this payload. `payload` and `headers` are JSON.
pub(crate) fn encode(name: &str, payload: &str, key: &str, headers: &str) -> Result<String, CryptoError> {
    let algorithm = algorithm(name)?;
    if payload.len().saturating_add(headers.len()) > MAX_TOKEN {
        return Err(too_large());
    }
    let mut header = Map::new();
    let extra: Value = serde_json::from_str(headers).map_err(|_| CryptoError::new("the headers must be an object"))?;
    header.insert("alg".into(), name.into());
    header.insert("typ".into(), "JWT".into());
    let extra = extra.as_object().ok_or_else(|| CryptoError::new("the headers must be an object"))?;
    header.extend(extra.iter().filter(|(name, _)| *name != "alg").map(|(name, value)| (name.clone(), value.clone())));
    let header = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = sign(algorithm, signed.as_bytes(), key)?;
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    if token.len() > MAX_TOKEN { Err(too_large()) } else { Ok(token) }
}

/// Verifies the signature and times of a token; returns its header and payload. If `accepted` is empty, all algorithms
/// for this kind of key are accepted.
pub(crate) fn decode(token: &str, key: &str, accepted: &[String], now: i64) -> Result<(String, String), CryptoError> {
    if token.len() > MAX_TOKEN {
        return Err(too_large());
    }
    let malformed = || CryptoError::new("the token is malformed");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
    let text = |part: &str| {
        URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(malformed)
    };
    let (header, payload) = (text(header)?, text(payload)?);
    let read = |text: &str| -> Result<Value, CryptoError> {
        if depth(text) > MAX_DEPTH {
            return Err(CryptoError::new(format!("the token is nested more than {MAX_DEPTH} levels deep")));
        }
        serde_json::from_str(text).map_err(|_| malformed())
    };
    let head = read(&header)?;
    let name = head.get("alg").and_then(Value::as_str).ok_or_else(malformed)?;
    let algorithm = algorithm(name)?;
    // Otherwise an attacker could use a public key as an HMAC secret.
    let is_pem = key.contains("-----BEGIN");
    if matches!(algorithm, Algorithm::Hmac(_)) == is_pem {
        return Err(CryptoError::new("the key does not belong to the signing method of the token"));
    }
    if !accepted.is_empty() && !accepted.iter().any(|accepted| accepted == name) {
        return Err(CryptoError::new(format!("the signing method {name} is not accepted")));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    if !verify(algorithm, signed.as_bytes(), key, &signature)? {
        return Err(CryptoError::new("the signature of the token is invalid"));
    }
    let claims = read(&payload)?;
    let time = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(malformed),
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
    let now = now as f64;
    if time("exp")?.is_some_and(|end| now >= end) {
        return Err(CryptoError::new("the token is expired"));
    }
    if time("nbf")?.is_some_and(|start| now < start) || time("iat")?.is_some_and(|issued| now < issued - 60.0) {
        return Err(CryptoError::new("the token is not valid yet"));
    }
    Ok((header, payload))
}

fn too_large() -> CryptoError {
    CryptoError::new(format!("the token has more than {MAX_TOKEN} bytes"))
}

/// The deepest nesting of arrays and objects in a JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn sign(algorithm: Algorithm, input: &[u8], key: &str) -> Result<Vec<u8>, CryptoError> {
    let broken = || CryptoError::new("the key is not a private key in PKCS#8 PEM for this signing method");
    Ok(match algorithm {
        Algorithm::Hmac(hash) => hmac(hash, key.as_bytes(), input)?,
        Algorithm::Rsa(scheme, hash) => sign_with(&private_key(key)?, scheme, hash, input)?,
        Algorithm::P256 => {
            let key = p256::ecdsa::SigningKey::from_pkcs8_pem(key).map_err(|_| broken())?;
            let signature: p256::ecdsa::Signature = key.sign(input);
            signature.to_bytes().to_vec()
        }
        Algorithm::P384 => {
            let key = p384::ecdsa::SigningKey::from_pkcs8_pem(key).map_err(|_| broken())?;
            let signature: p384::ecdsa::Signature = key.sign(input);
            signature.to_bytes().to_vec()
        }
        Algorithm::P521 => {
            let key = p521::SecretKey::from_pkcs8_pem(key).map_err(|_| broken())?;
            let key = p521::ecdsa::SigningKey::from_bytes(&key.to_bytes()).map_err(|_| broken())?;
            let signature: p521::ecdsa::Signature = key.sign_with_rng(&mut rsa::rand_core::OsRng, input);
            signature.to_bytes().to_vec()
        }
    })
}

fn verify(algorithm: Algorithm, input: &[u8], key: &str, signature: &[u8]) -> Result<bool, CryptoError> {
    let broken = || CryptoError::new("the key is not a public key in PEM for this signing method");
    Ok(match algorithm {
        Algorithm::Hmac(hash) => hmac(hash, key.as_bytes(), input)?.ct_eq(signature).into(),
        Algorithm::Rsa(scheme, hash) => verify_with(&public_key(key)?, scheme, hash, input, signature),
        Algorithm::P256 => {
            let key = p256::ecdsa::VerifyingKey::from_public_key_pem(key).map_err(|_| broken())?;
            p256::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| key.verify(input, &signature).is_ok())
        }
        Algorithm::P384 => {
            let key = p384::ecdsa::VerifyingKey::from_public_key_pem(key).map_err(|_| broken())?;
            p384::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| key.verify(input, &signature).is_ok())
        }
        Algorithm::P521 => {
            let key = p521::PublicKey::from_public_key_pem(key).map_err(|_| broken())?;
            let key = p521::ecdsa::VerifyingKey::from_affine(*key.as_affine()).map_err(|_| broken())?;
            p521::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| key.verify(input, &signature).is_ok())
        }
    })
}
