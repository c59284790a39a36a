//! Measures how long it takes to verify a token and build its user, compared with `jsonwebtoken` verifying the same
//! token into plain claims: `cargo bench --bench tokens`.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bson::{DateTime, doc};
use criterion::Criterion;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use portcullis::auth::token::{SigningKey, SigningKeys, TokenIssuer, TokenProvider, TokenSession};
use portcullis::auth::{Assembly, assemble};
use portcullis::{User, json};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use serde_json::Value;

const KEY: &str = "a key that only the benchmark of tokens has ever used";

/// A third party's keys, and the configuration of a provider for them.
struct Party {
    name: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
    public: DecodingKey,
    secret: String,
}

fn parties() -> [Party; 2] {
    let key = RsaPrivateKey::new(&mut portcullis_testkit::keys::Random, 2048).unwrap();
    let pem = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    [
        Party {
            name: "HS256",
            algorithm: Algorithm::HS256,
            private: EncodingKey::from_secret(KEY.as_bytes()),
            public: DecodingKey::from_secret(KEY.as_bytes()),
            secret: KEY.to_owned(),
        },
        Party {
            name: "RS256",
            algorithm: Algorithm::RS256,
            private: EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes()),
            public: DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
            secret: pem,
        },
    ]
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    // Portcullis takes the current time as an argument; `jsonwebtoken` reads the clock.
    let now = DateTime::now();
    own(&mut criterion, now);
    for party in parties() {
        third_party(&mut criterion, &party, now);
    }
    criterion.final_summary();
}

/// An access token of Portcullis, with about 400 bytes of custom data.
fn own(criterion: &mut Criterion, now: DateTime) {
    let key = SigningKey::from_secret(KEY.into()).unwrap();
    let issuer = TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "hr-abcde");
    let custom_data = doc! {
        "user_id": "65a0000000000000000000b2", "email": "ken@example.com", "role": "manager", "department": "Engineering",
        "organisation": "harbour", "manages": ["ada@example.com", "tom@example.com", "hana@example.com"],
        "level": 3, "limits": { "raise": 0.1, "travel": 2000_i64 }, "since": now, "tags": ["crane", "quay", "night"],
        "address": { "city": "Bremen", "country": "DE", "street": "Am Hafen 12" }, "active": true,
    };
    println!("own access token: {} bytes of custom data", custom_data.to_vec().unwrap().len());
    let mut user = User::new("65a0000000000000000000b2").with_custom_data(custom_data);
    user.data = doc! { "email": "ken@example.com", "first_name": "Ken" };
    let session = TokenSession { id: "s".repeat(24), device_id: "d".repeat(24) };
    let token = issuer.issue_access(&user, &session, now).unwrap();
    assert_eq!(issuer.verify_access(&token, now).unwrap().user, user);

    let mut group = criterion.benchmark_group("own access token");
    group.bench_function("issue", |b| b.iter(|| issuer.issue_access(black_box(&user), &session, now).unwrap()));
    group.bench_function("verify and assemble", |b| b.iter(|| issuer.verify_access(black_box(&token), now).unwrap()));
    let public = DecodingKey::from_secret(KEY.as_bytes());
    group.bench_function("jsonwebtoken", |b| b.iter(|| decode(&token, &public, Algorithm::HS256)));
    group.finish();
}

/// A third party's token, two claims of which become metadata.
fn third_party(criterion: &mut Criterion, party: &Party, now: DateTime) {
    let config = serde_json::json!({
        "name": "p", "type": "custom-token",
        "config": { "audience": "https://hr.example.com", "signingAlgorithm": party.name },
        "secret_config": { "signingKeys": ["key"] },
        "metadata_fields": [
            { "required": true, "name": "email" }, { "required": false, "name": "profile.given_name" },
        ],
    });
    let secrets = BTreeMap::from([("key".to_owned(), party.secret.clone())]);
    let provider = TokenProvider::compile(&json::parse(&config.to_string()).unwrap(), "hr", &secrets).unwrap();
    let seconds = now.timestamp_millis() / 1000;
    let claims = serde_json::json!({
        "iss": "https://login.example.com/", "sub": "auth|65a0000000000000000000b2", "aud": "https://hr.example.com",
        "iat": seconds, "exp": seconds + 3600, "email": "ken@example.com",
        "profile": { "given_name": "Ken", "family_name": "Okafor" }, "scope": "openid email profile",
    });
    let token = jsonwebtoken::encode(&Header::new(party.algorithm), &claims, &party.private).unwrap();
    let user = || {
        let claims = ready(provider.verify(black_box(&token), now)).unwrap();
        assemble(&claims, &Assembly { provider: Some(provider.provider()), custom_data: None }).unwrap().user
    };
    assert_eq!(user().data, doc! { "email": "ken@example.com", "given_name": "Ken" });

    let mut group = criterion.benchmark_group(format!("third party, {}", party.name));
    group.bench_function("verify and assemble", |b| b.iter(user));
    group.bench_function("jsonwebtoken", |b| b.iter(|| decode(&token, &party.public, party.algorithm)));
    group.finish();
}

fn decode(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.validate_aud = false;
    jsonwebtoken::decode(black_box(token), key, &validation).unwrap().claims
}

/// The output of a future that never waits, since the provider's keys are in memory.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for something"),
    }
}
