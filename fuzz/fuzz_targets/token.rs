//! The header and the payload of a token, a line each. As text they are refused; signed with the right key, they become a
//! user or are refused with a reason, and what became a user goes into a token of ours and comes back.
#![no_main]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use bson::DateTime;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use libfuzzer_sys::fuzz_target;
use portcullis::auth::token::{SigningKey, SigningKeys, TokenError, TokenIssuer, TokenProvider, TokenSession};
use portcullis::auth::{Assembly, assemble};
use portcullis::{CustomData, User, json};

/// Not secret: nothing but this target uses it.
const KEY: &str = "the key that only the fuzz target of tokens has";

const PROVIDER: &str = r#"{
    "name": "p", "type": "custom-token",
    "config": {"audience": ["a", "b"], "requireAnyAudience": true, "signingAlgorithm": "HS256"},
    "secret_config": {"signingKeys": ["key"]},
    "metadata_fields": [
        {"required": true, "name": "email"}, {"required": false, "name": "a.b"}, {"required": false, "name": "c\\.d", "field_name": "e"}
    ]
}"#;

static THEIRS: LazyLock<TokenProvider> = LazyLock::new(|| {
    let secrets = BTreeMap::from([("key".to_owned(), KEY.to_owned())]);
    TokenProvider::compile(&json::parse(PROVIDER).unwrap(), "app", &secrets).unwrap()
});

static OURS: LazyLock<TokenIssuer> = LazyLock::new(|| {
    let key = SigningKey::from_secret(KEY.as_bytes().to_vec()).unwrap();
    TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "app")
});

fuzz_target!(|bytes: &[u8]| {
    let now = DateTime::from_millis(1_800_000_000_000);
    let text = String::from_utf8_lossy(bytes);
    assert!(ready(THEIRS.verify(&text, now)).is_err());
    assert!(OURS.verify_access(&text, now).is_err() && OURS.verify_refresh(&text, now).is_err());

    let (header, payload) = text.split_once('\n').unwrap_or((r#"{"alg":"HS256"}"#, &text));
    let token = sign(header, payload);
    match ready(THEIRS.verify(&token, now)) {
        Err(error) => reasonable(&error),
        Ok(claims) => {
            let assembly = Assembly { provider: Some(THEIRS.provider()), custom_data: None };
            if let Ok(assembled) = assemble(&claims, &assembly) {
                comes_back(User { custom_data: CustomData::Absent, ..assembled.user }, now);
            }
        }
    }
    match OURS.verify_access(&token, now) {
        Err(error) => reasonable(&error),
        Ok(token) => comes_back(token.user, now),
    }
    if let Err(error) = OURS.verify_refresh(&token, now) {
        reasonable(&error);
    }
});

fn reasonable(error: &TokenError) {
    let message = error.to_string();
    assert!(message.lines().count() == 1 && message.len() < 1000, "{message}");
    assert!(!message.contains(KEY));
}

/// What can be issued is verified, and is the same.
fn comes_back(user: User, now: DateTime) {
    let session = TokenSession { id: "s".to_owned(), device_id: "d".to_owned() };
    if let Ok(token) = OURS.issue_access(&user, &session, now) {
        let verified = OURS.verify_access(&token, now).unwrap();
        // Not-a-number is not equal to itself, but prints the same.
        assert_eq!(format!("{:?}", verified.user), format!("{user:?}"));
    }
}

fn sign(header: &str, payload: &str) -> String {
    let key = EncodingKey::from_secret(KEY.as_bytes());
    let message = format!("{}.{}", base64(header.as_bytes()), base64(payload.as_bytes()));
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// Base64 for URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits = (0..3).fold(0_usize, |bits, at| bits << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        (0..=chunk.len()).map(move |at| char::from(DIGITS[bits >> (18 - 6 * at) & 63]))
    });
    digits.collect()
}

/// The answer of a provider whose keys are at hand, and which waits for nothing.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for something"),
    }
}
