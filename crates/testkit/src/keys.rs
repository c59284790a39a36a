//! Keys that are generated anew for each run, and tokens signed with them as a third party would.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bson::DateTime;
use jsonwebtoken::{Algorithm, EncodingKey};
use portcullis::auth::token::{SigningKey, SigningKeys, TokenIssuer, TokenProvider};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::rand_core::{CryptoRng, Error, RngCore};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

/// The operating system's random numbers for `rsa`. Enabling that crate's own support would be a feature that only
/// tests need, so that everything that depends on it would be built twice.
pub struct Random;

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        getrandom::u32().unwrap()
    }

    fn next_u64(&mut self) -> u64 {
        getrandom::u64().unwrap()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}

/// A third party's RSA key.
pub struct Rsa {
    pub private: EncodingKey,
    pub pem: String,
    n: String,
    e: String,
}

impl Rsa {
    fn new() -> Self {
        let key = RsaPrivateKey::new(&mut Random, 2048).unwrap();
        Self {
            private: EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes()),
            pem: key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap(),
            n: base64(&key.n().to_bytes_be()),
            e: base64(&key.e().to_bytes_be()),
        }
    }

    /// The public key as an entry of a key set.
    pub fn jwk(&self, kid: &str) -> Value {
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": self.n, "e": self.e })
    }
}

pub static RSA: LazyLock<Rsa> = LazyLock::new(Rsa::new);
pub static OTHER_RSA: LazyLock<Rsa> = LazyLock::new(Rsa::new);
pub static SECRET: LazyLock<String> = LazyLock::new(secret);
pub static OTHER_SECRET: LazyLock<String> = LazyLock::new(secret);

/// 64 random characters.
pub fn secret() -> String {
    let mut bytes = [0; 32];
    Random.fill_bytes(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn hs256(secret: &str) -> (EncodingKey, Algorithm) {
    (EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256)
}

pub fn rs256(key: &Rsa) -> (EncodingKey, Algorithm) {
    (key.private.clone(), Algorithm::RS256)
}

/// Signs a token with this header and payload, which may be arbitrary text.
pub fn sign(header: &str, payload: &str, (key, algorithm): &(EncodingKey, Algorithm)) -> String {
    let message = format!("{}.{}", base64(header.as_bytes()), base64(payload.as_bytes()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, *algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Parses a provider's configuration, with the secrets `key`, `other` (HS256), `rsa` and `rsa_other` (RS256).
pub fn provider(text: &str) -> TokenProvider {
    TokenProvider::compile(&portcullis::json::parse(text).unwrap(), "employees-abcde", &secrets()).unwrap()
}

pub fn secrets() -> BTreeMap<String, String> {
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    BTreeMap::from([
        named("key", &SECRET),
        named("other", &OTHER_SECRET),
        named("rsa", &RSA.pem),
        named("rsa_other", &OTHER_RSA.pem),
    ])
}

/// An issuer whose keys are these secrets.
pub fn issuer(secrets: &[&str], application: &str) -> TokenIssuer {
    let keys = secrets.iter().map(|secret| SigningKey::from_secret(secret.as_bytes().to_vec()).unwrap()).collect();
    TokenIssuer::new(SigningKeys::new(keys).unwrap(), application)
}

/// The fixed current time: 2026-11-23T12:00:00Z.
pub fn now() -> DateTime {
    DateTime::from_millis(1_795_435_200_000)
}
