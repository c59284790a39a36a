//! Laws of tokens: they cannot be altered, and every token that is issued can be verified.

use std::sync::{Arc, LazyLock};

use bson::oid::ObjectId;
use bson::{Binary, Bson, Document, JavaScriptCodeWithScope, Regex, Timestamp, bson, doc};
use portcullis::auth::token::{
    IssueError, RefreshGrant, StaticJwks, TokenError, TokenIdentity, TokenProvider, TokenSession,
};
use portcullis::auth::{ProviderType, VerifiedClaims};
use portcullis::value::identical;
use portcullis::{CustomData, User, UserType};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use portcullis_testkit::keys::{OTHER_SECRET, RSA, SECRET, hs256, issuer, now, provider, rs256, secret, sign};

const APPLICATION: &str = "employees-abcde";

fn session() -> TokenSession {
    TokenSession { id: "65a00000000000000000005e".to_owned(), device_id: "d1".to_owned() }
}

fn third_party(algorithm: &str) -> TokenProvider {
    let settings = match algorithm {
        "HS256" => r#""config": { "audience": "hr" }, "secret_config": { "signingKeys": "key" }"#,
        _ => r#""config": { "audience": "hr", "useJWKURI": true, "jwkURI": "https://login.example.com/jwks.json" }"#,
    };
    let jwks = StaticJwks::parse(json!({ "keys": [RSA.jwk("k")] }).to_string().as_bytes()).unwrap();
    provider(&format!(r#"{{ "type": "custom-token", {settings} }}"#)).with_jwks(Arc::new(jwks))
}

/// Verifies a token.
type Verify = Box<dyn Fn(&str) -> Result<(), TokenError> + Send + Sync>;

fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(ready) => ready,
        std::task::Poll::Pending => panic!("keys at hand, and it waits"),
    }
}

/// A valid token of each kind, with its verification.
static KINDS: LazyLock<Vec<(String, Verify)>> = LazyLock::new(|| {
    let ours = || issuer(&[&SECRET], APPLICATION);
    let user = User::new("65a0000000000000000000b2").with_custom_data(doc! { "role": "manager", "level": 3 });
    let access = ours().issue_access(&user, &session(), now()).unwrap();
    let grant = RefreshGrant {
        user_id: "65a0000000000000000000b2".to_owned(),
        session: session(),
        identity: TokenIdentity {
            id: "i".to_owned(),
            provider_type: ProviderType::Google,
            provider_id: "p".to_owned(),
        },
        expires_at: ours().refresh_expiry(ProviderType::Google, now()),
    };
    let refresh = ours().issue_refresh(&grant, now()).unwrap();
    let claims = json!({ "sub": "ken", "aud": "hr", "exp": 2_000_000_000 }).to_string();
    let by_secret = sign(r#"{"alg":"HS256"}"#, &claims, &hs256(&SECRET));
    let by_rsa = sign(r#"{"alg":"RS256","kid":"k"}"#, &claims, &rs256(&RSA));
    let (hs, rs) = (third_party("HS256"), third_party("RS256"));
    vec![
        (access, Box::new(move |token| ours().verify_access(token, now()).map(drop))),
        (refresh, Box::new(move |token| ours().verify_refresh(token, now()).map(drop))),
        (by_secret, Box::new(move |token| ready(hs.verify(token, now())).map(drop))),
        (by_rsa, Box::new(move |token| ready(rs.verify(token, now())).map(drop))),
    ]
});

#[test]
fn the_unmodified_tokens_are_valid() {
    for (token, verify) in KINDS.iter() {
        verify(token).unwrap();
    }
}

/// These include characters that differ from the right one only in unused bits.
#[test]
fn changing_the_last_character_of_a_part_invalidates_a_token() {
    for (token, verify) in KINDS.iter() {
        let ends = token.match_indices('.').map(|(dot, _)| dot - 1).chain([token.len() - 1]);
        for (end, other) in ends.flat_map(|end| (b' '..=b'~').map(move |other| (end, other))) {
            let mut changed = token.clone().into_bytes();
            if std::mem::replace(&mut changed[end], other) != other {
                let changed = String::from_utf8(changed).unwrap();
                assert!(verify(&changed).is_err(), "`{}` at {end} of {token}", char::from(other));
            }
        }
    }
}

fn plain_leaf() -> impl Strategy<Value = Bson> {
    prop_oneof![
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        any::<f64>().prop_filter("a NaN has many forms", |number| !number.is_nan()).prop_map(Bson::Double),
        select(vec![0.0, -0.0, f64::INFINITY, f64::MIN_POSITIVE, 5e-324, f64::NAN]).prop_map(Bson::Double),
        any::<bool>().prop_map(Bson::Boolean),
        "[^\\x00]{0,6}".prop_map(Bson::String),
        any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(ObjectId::from_bytes(bytes))),
        any::<i64>().prop_map(|millis| Bson::DateTime(bson::DateTime::from_millis(millis))),
        (any::<i64>(), -6000..6000)
            .prop_map(|(digits, exponent)| Bson::Decimal128(format!("{digits}E{exponent}").parse().unwrap())),
        (any::<u8>(), vec(any::<u8>(), 0..5))
            .prop_map(|(subtype, bytes)| Bson::Binary(Binary { subtype: subtype.into(), bytes })),
        any::<(u32, u32)>().prop_map(|(time, increment)| Bson::Timestamp(Timestamp { time, increment })),
        select(vec![Bson::Null, Bson::Undefined, Bson::MinKey, Bson::MaxKey, Bson::Symbol("s".to_owned())]),
        Just(Bson::RegularExpression(Regex { pattern: "^a".try_into().unwrap(), options: "im".try_into().unwrap() })),
        Just(Bson::JavaScriptCode("1".to_owned())),
    ]
}

const HOSTILE: [&str; 14] = [
    "$oid",
    "$date",
    "$numberInt",
    "$numberLong",
    "$code",
    "$scope",
    "$binary",
    "$uuid",
    "$minKey",
    "$set",
    "portcullis",
    "a\0b",
    "__proto__",
    "",
];

fn hostile_value() -> impl Strategy<Value = Bson> {
    let leaf = prop_oneof![
        plain_leaf(),
        Just(Bson::String("65a0000000000000000000a1".to_owned())),
        Just(Bson::Double(-f64::NAN)),
        any::<[u8; 16]>().prop_map(|bytes| Bson::Decimal128(bson::Decimal128::from_bytes(bytes))),
    ];
    let key = || prop_oneof![1 => select(&HOSTILE[..]), 2 => select(&["a", "b", "_id", "role"][..])];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let document = vec((key(), inner.clone()), 0..4)
            .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Document>());
        prop_oneof![
            document.clone().prop_map(Bson::Document),
            vec(inner, 0..3).prop_map(Bson::Array),
            document.prop_map(|scope| Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
                code: "f".to_owned(),
                scope
            })),
        ]
    })
}

fn hostile_document() -> impl Strategy<Value = Document> {
    vec((prop_oneof![1 => select(&HOSTILE[..]), 5 => select(&["a", "b", "_id", "role"][..])], hostile_value()), 0..4)
        .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn plain_document() -> impl Strategy<Value = Document> {
    let value = plain_leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(("[a-z$.]{0,2}[^\\x00$]{0,3}", inner.clone()), 0..4)
                .prop_map(|fields| Bson::Document(fields.into_iter().collect())),
            vec(inner, 0..3).prop_map(Bson::Array),
        ]
    });
    vec(("[a-z_]{1,4}", value), 0..5).prop_map(|fields| fields.into_iter().collect())
}

fn user_of(document: BoxedStrategy<Document>) -> impl Strategy<Value = User> {
    let kind = select(vec![UserType::Normal, UserType::Server]);
    let identity =
        document.clone().prop_map(|data| bson!({ "id": "i", "provider_type": "custom-token", "data": data }));
    let custom_data = proptest::option::of(document.clone())
        .prop_map(|document| document.map_or(CustomData::Absent, CustomData::Loaded));
    ("[^\\x00]{1,8}", kind, document, custom_data, vec(identity, 0..3))
        .prop_map(|(id, kind, data, custom_data, identities)| User { id, kind, data, custom_data, identities })
}

/// The user as rules see it, according to what tokens contain about custom data.
fn as_seen(mut user: User) -> User {
    if let CustomData::Loaded(document) = &mut user.custom_data {
        if let Some(Bson::ObjectId(id)) = document.get("_id").cloned() {
            document.insert("_id", id.to_hex());
        }
        if document.is_empty() {
            user.custom_data = CustomData::Absent;
        }
    }
    user
}

/// Whether two users are identical, including the types of all values.
fn same(one: &User, other: &User) -> bool {
    let (one, other) = (Bson::Document(one.to_document()), Bson::Document(other.to_document()));
    identical((&one).into(), (&other).into()).unwrap()
}

proptest! {
    #[test]
    fn any_changed_byte_of_a_token_is_refused(kind in 0_usize..4, at in any::<prop::sample::Index>(), other in any::<u8>()) {
        let (token, verify) = &KINDS[kind];
        let mut changed = token.clone().into_bytes();
        let at = at.index(changed.len());
        prop_assume!(std::mem::replace(&mut changed[at], other) != other);
        // Over HTTP, bytes that are not UTF-8 arrive as replacement characters.
        prop_assert!(verify(&String::from_utf8_lossy(&changed)).is_err());
    }

    #[test]
    fn a_truncated_or_extended_token_is_refused(kind in 0_usize..4, at in any::<prop::sample::Index>(), more in "[A-Za-z0-9_.=-]{1,4}") {
        let (token, verify) = &KINDS[kind];
        prop_assert!(verify(&token[..at.index(token.len())]).is_err());
        let (longer, behind) = (format!("{token}{more}"), format!("{more}{token}"));
        prop_assert!(verify(&longer).is_err() && verify(&behind).is_err());
    }

    #[test]
    fn issued_tokens_verify(user in user_of(plain_document().boxed())) {
        let issuer = issuer(&[&SECRET], APPLICATION);
        let token = issuer.issue_access(&user, &session(), now()).unwrap();
        let verified = issuer.verify_access(&token, now()).unwrap();
        prop_assert!(same(&verified.user, &as_seen(user)));
        prop_assert_eq!(verified.session, session());
        prop_assert_eq!(verified.issued_at, now());
    }

    /// Otherwise, no token is issued: nobody becomes a different user by a field such as `$oid`.
    #[test]
    fn hostile_user_data_round_trips_or_gets_no_token(user in user_of(hostile_document().boxed())) {
        let issuer = issuer(&[&SECRET], APPLICATION);
        match issuer.issue_access(&user, &session(), now()) {
            Ok(token) => prop_assert!(same(&issuer.verify_access(&token, now()).unwrap().user, &as_seen(user))),
            Err(error) => prop_assert!(matches!(error, IssueError::Unfaithful(_)), "{error}"),
        }
    }

    #[test]
    fn a_token_signed_with_another_key_is_refused(kind in 0_usize..4) {
        let (token, _) = &KINDS[kind];
        let stranger = issuer(&[&secret()], APPLICATION);
        let expected = if kind == 3 { "RS256" } else { "" };
        for refused in [stranger.verify_access(token, now()).unwrap_err(), stranger.verify_refresh(token, now()).unwrap_err()] {
            match refused {
                TokenError::AlgorithmUnexpected { found, .. } => prop_assert_eq!(found, expected),
                other => prop_assert_eq!(other, TokenError::Signature),
            }
        }
    }

    #[test]
    fn no_claim_set_makes_the_assembler_panic(document in hostile_document(), near in any::<bool>()) {
        let mut claims = json!({});
        if near {
            claims = json!({
                "typ": "access", "sub": "u", "iss": "s", "iat": 1, "exp": 2_000_000_000, "baas_device_id": "d",
                "baas_domain_id": APPLICATION, "user_data": {}, "portcullis": {}, "baas_id": "s",
            });
        }
        for (index, (_, value)) in document.into_iter().enumerate() {
            let names = ["user_data", "portcullis", "exp", "typ", "baas_identity", "aud"];
            claims[names[index % names.len()]] = value.into_canonical_extjson();
        }
        let token = sign(r#"{"alg":"HS256"}"#, &claims.to_string(), &hs256(&SECRET));
        let issuer = issuer(&[&SECRET], APPLICATION);
        let _ = issuer.verify_access(&token, now());
        let _ = issuer.verify_refresh(&token, now());
        let _ = ready(third_party("HS256").verify(&token, now())).map(|claims: VerifiedClaims| claims.document().len());
    }
}

#[test]
fn the_first_key_signs_and_all_keys_verify() {
    let user = User::new("u").without_custom_data();
    let old = issuer(&[&OTHER_SECRET], APPLICATION).issue_access(&user, &session(), now()).unwrap();
    let both = issuer(&[&SECRET, &OTHER_SECRET], APPLICATION);
    assert_eq!(both.verify_access(&old, now()).unwrap().user, user);
    let new = both.issue_access(&user, &session(), now()).unwrap();
    assert_eq!(issuer(&[&SECRET], APPLICATION).verify_access(&new, now()).unwrap().user, user);
    let refused = issuer(&[&OTHER_SECRET], APPLICATION).verify_access(&new, now());
    assert_eq!(refused.unwrap_err(), TokenError::Signature);
}
