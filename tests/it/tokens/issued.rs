//! Tokens issued by Portcullis: what they contain, and for whom none are issued.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bson::{Bson, DateTime, Document, bson, doc};
use portcullis::auth::token::{
    IssueError, MAX_OWN_TOKEN, RefreshGrant, SigningKey, SigningKeyError, SigningKeys, TokenIdentity, TokenIssuer,
    TokenSession,
};
use portcullis::auth::{MAX_CUSTOM_DATA, ProviderType};
use portcullis::{CustomData, User, UserType};
use serde_json::{Value, json};

use portcullis_testkit::keys::{SECRET, issuer, now};

fn ours() -> TokenIssuer {
    issuer(&[&SECRET], "employees-abcde")
}

fn session() -> TokenSession {
    TokenSession { id: "s1".to_owned(), device_id: "d1".to_owned() }
}

fn grant() -> RefreshGrant {
    RefreshGrant {
        user_id: "u1".to_owned(),
        session: session(),
        identity: TokenIdentity {
            id: "ken".to_owned(),
            provider_type: ProviderType::CustomToken,
            provider_id: "p1".to_owned(),
        },
        expires_at: ours().refresh_expiry(ProviderType::CustomToken, now()),
    }
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn an_access_token_has_the_documented_claims() {
    let mut user = User::new("u1").with_custom_data(doc! { "level": 3_i64 });
    user.data = doc! { "email": "ken@example.com" };
    user.identities = vec![bson!({ "id": "ken", "provider_type": "custom-token", "data": { "n": 1 } })];
    let token = ours().issue_access(&user, &session(), now()).unwrap();
    let expected = json!({
        "sub": "u1", "iss": "s1", "iat": 1_795_435_200, "exp": 1_795_437_000, "typ": "access",
        "baas_device_id": "d1", "baas_domain_id": "employees-abcde",
        "stitch_devId": "d1", "stitch_domainId": "employees-abcde",
        "user_data": { "level": { "$numberLong": "3" } },
        "portcullis": {
            "type": "normal",
            "data": { "email": "ken@example.com" },
            "identities": [{ "id": "ken", "provider_type": "custom-token", "data": { "n": { "$numberInt": "1" } } }],
        },
    });
    assert_eq!(claims(&token), expected);
}

#[test]
fn a_refresh_token_has_the_documented_claims() {
    let token = ours().issue_refresh(&grant(), now()).unwrap();
    let expected = json!({
        "sub": "u1", "iat": 1_795_435_200, "exp": 1_795_435_200 + 60 * 24 * 3600, "typ": "refresh",
        "baas_id": "s1", "stitch_id": "s1",
        "baas_device_id": "d1", "baas_domain_id": "employees-abcde",
        "stitch_devId": "d1", "stitch_domainId": "employees-abcde",
        "baas_identity": { "id": "ken", "provider_type": "custom-token", "provider_id": "p1" },
    });
    assert_eq!(claims(&token), expected);
    let verified = ours().verify_refresh(&token, now()).unwrap();
    assert_eq!(
        (&verified.user_id, &verified.session, &verified.identity),
        (&"u1".to_owned(), &session(), &grant().identity)
    );
    assert_eq!((verified.issued_at, verified.expires_at), (now(), grant().expires_at));
}

#[test]
fn the_refresh_token_of_an_anonymous_user_does_not_expire() {
    let mut grant = grant();
    grant.identity.provider_type = ProviderType::Anonymous;
    grant.expires_at = ours().refresh_expiry(ProviderType::Anonymous, now());
    let token = ours().issue_refresh(&grant, now()).unwrap();
    // Clients require `exp`, so it is set to a hundred years from now.
    let exp = claims(&token)["exp"].as_i64().unwrap();
    assert_eq!(exp, now().timestamp_millis() / 1000 + 100 * 365 * 24 * 3600);
    let in_fifty_years = DateTime::from_millis(now().timestamp_millis() + 50 * 365 * 24 * 3600 * 1000);
    assert_eq!(ours().verify_refresh(&token, in_fifty_years).unwrap().expires_at, None);
}

#[test]
fn a_user_that_a_token_cannot_represent_gets_none() {
    let with = |change: &dyn Fn(&mut User)| {
        let mut user = User::new("u1").without_custom_data();
        change(&mut user);
        ours().issue_access(&user, &session(), now()).map(drop)
    };
    let custom_data = |document: Document| with(&|user| user.custom_data = CustomData::Loaded(document.clone()));
    assert_eq!(with(&|user| user.kind = UserType::System), Err(IssueError::UserSystem));
    assert_eq!(with(&|user| user.id.clear()), Err(IssueError::Empty("user id")));
    assert_eq!(with(&|user| user.custom_data = CustomData::NotLoaded), Err(IssueError::CustomDataNotLoaded));
    let unfaithful = || Err(IssueError::Unfaithful("custom_data"));
    assert_eq!(custom_data(doc! { "owner": { "$oid": "65a0000000000000000000a1" } }), unfaithful());
    assert_eq!(custom_data(doc! { "$oid": "65a0000000000000000000a1" }), unfaithful());
    assert_eq!(custom_data(doc! { "$set": 1 }), Ok(()));
    let deep = |levels| (0..levels).fold(doc! {}, |inner, _| doc! { "a": inner });
    assert_eq!(custom_data(deep(100)), Ok(()));
    assert_eq!(custom_data(deep(101)), unfaithful());
    assert_eq!(custom_data(deep(1000)), unfaithful());
    let unfaithful = IssueError::Unfaithful("data");
    assert_eq!(with(&|user| user.data = doc! { "$minKey": 1 }), Err(unfaithful));
    let refused = with(&|user| user.identities = vec![Bson::Null]).unwrap_err();
    let expected =
        "the token would not verify: the claim `portcullis.identities.*` must be a document, not of type `null`";
    assert_eq!(refused.to_string(), expected);
    let session = TokenSession { id: String::new(), ..session() };
    let refused = ours().issue_access(&User::new("u1").without_custom_data(), &session, now());
    assert_eq!(refused, Err(IssueError::Empty("session id")));
}

#[test]
fn the_largest_custom_data_fits_in_a_token() {
    let numbers = |count: i32| doc! { "n": (0..count).collect::<Vec<i32>>() };
    let text = doc! { "text": "é".repeat(MAX_CUSTOM_DATA / 2 - 20) };
    for document in [text, numbers(95_000)] {
        let bytes = document.to_vec().unwrap().len();
        assert!(bytes > MAX_CUSTOM_DATA * 9 / 10 && bytes <= MAX_CUSTOM_DATA, "{bytes}");
        let user = User::new("u1").with_custom_data(document);
        let token = ours().issue_access(&user, &session(), now()).unwrap();
        assert!(token.len() > 1_000_000);
        assert_eq!(ours().verify_access(&token, now()).unwrap().user, user);
    }
    let user = User::new("u1").with_custom_data(doc! { "n": vec![Bson::MinKey; 500_000] });
    let refused = ours().issue_access(&user, &session(), now()).map(|token| token.len());
    assert!(matches!(refused, Err(IssueError::TooLong(characters)) if characters > MAX_OWN_TOKEN));
}

#[test]
fn a_refresh_token_requires_the_expiry_of_its_session() {
    let issue = |expires_at| ours().issue_refresh(&RefreshGrant { expires_at, ..grant() }, now()).map(drop);
    assert_eq!(issue(None), Err(IssueError::ExpiryMissing));
    assert_eq!(issue(Some(now())), Err(IssueError::ExpiryPast));
    assert_eq!(issue(Some(DateTime::from_millis(now().timestamp_millis() + 999))), Err(IssueError::ExpiryPast));
    assert_eq!(issue(Some(DateTime::MAX)), Err(IssueError::TimeRange));
    assert_eq!(issue(Some(DateTime::from_millis(now().timestamp_millis() + 1000))), Ok(()));
    let refused = ours().issue_access(&User::new("u1").without_custom_data(), &session(), DateTime::from_millis(-1));
    assert_eq!(refused, Err(IssueError::TimeRange));
}

#[test]
fn token_lifetimes_are_limited() {
    let seconds = Duration::from_secs;
    let access = |lifetime| ours().with_access_lifetime(lifetime).map(drop).map_err(|error| error.to_string());
    assert_eq!(access(seconds(59)), Err("an access token lasts from one minute to one day, not 59 seconds".to_owned()));
    assert!(access(seconds(60)).is_ok() && access(seconds(86_400)).is_ok() && access(seconds(86_401)).is_err());
    let refresh = |lifetime| ours().with_refresh_lifetime(lifetime).map(drop).map_err(|error| error.to_string());
    let expected = "a refresh token lasts from 30 minutes to five years, not 1799 seconds";
    assert_eq!(refresh(seconds(1799)), Err(expected.to_owned()));
    let years = |years: u64| seconds(years * 366 * 24 * 3600);
    assert!(refresh(seconds(1800)).is_ok() && refresh(years(5)).is_ok() && refresh(years(6)).is_err());
    let brief = ours().with_access_lifetime(seconds(60)).unwrap();
    let token = brief.issue_access(&User::new("u1").without_custom_data(), &session(), now()).unwrap();
    let expected = DateTime::from_millis(now().timestamp_millis() + 60_000);
    assert_eq!(brief.verify_access(&token, now()).unwrap().expires_at, expected);
}

#[test]
fn signing_keys_are_limited_in_size_and_number_and_never_shown() {
    let key = |bytes| SigningKey::from_secret(vec![b'k'; bytes]);
    assert_eq!(key(31).unwrap_err(), SigningKeyError::Length(31));
    assert_eq!(key(513).unwrap_err().to_string(), "a signing key has 32 to 512 bytes, not 513");
    assert!(key(32).is_ok() && key(512).is_ok());
    let keys = |count: usize| SigningKeys::new((0..count).map(|_| key(32).unwrap()).collect());
    assert_eq!(keys(0).unwrap_err().to_string(), "there are 1 to 8 signing keys, not 0");
    assert!(keys(8).is_ok() && keys(9).is_err());
    let shown = format!("{:?} {:#?}", ours(), ours());
    let bytes = format!("{:?}", SECRET.as_bytes());
    assert!(!shown.contains(&*SECRET) && !shown.contains(&bytes[1..20]), "{shown}");
}
