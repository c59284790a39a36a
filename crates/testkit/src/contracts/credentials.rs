//! Laws of `Credentials`.

use std::sync::Arc;

use bson::DateTime;
use portcullis::store::{ApiKey, Credentials, OneTimeToken, PasswordLogin, TokenPurpose};

type Store = Arc<dyn Credentials>;

super::laws! { Store:
    an_address_has_one_login
    a_login_is_changed_in_its_hash_and_confirmation_only
    a_removed_login_frees_its_address_and_takes_its_tokens_along
    a_token_is_taken_once
    a_newer_token_voids_the_older_of_its_purpose
    a_key_has_a_name_of_its_own_among_those_of_its_user
    a_key_is_disabled_and_removed
}

fn at(seconds: i64) -> DateTime {
    DateTime::from_millis(4_000_000_000_000 + seconds * 1000)
}

fn login(id: &str, email: &str) -> PasswordLogin {
    let (id, email) = (id.to_owned(), email.to_owned());
    PasswordLogin { id, email, hash: "hash".to_owned(), is_confirmed: false, created_at: at(0) }
}

fn token(id: &str, login_id: &str, purpose: TokenPurpose) -> OneTimeToken {
    let (id, login_id) = (id.to_owned(), login_id.to_owned());
    OneTimeToken { id, hash: "hash".to_owned(), purpose, login_id, expires_at: at(60) }
}

fn key(id: &str, user_id: Option<&str>, name: &str) -> ApiKey {
    ApiKey {
        id: id.to_owned(),
        user_id: user_id.map(str::to_owned),
        name: name.to_owned(),
        hash: "hash".to_owned(),
        is_disabled: false,
        created_at: at(0),
    }
}

async fn an_address_has_one_login(store: Store) {
    assert!(store.login("ada@x").await.unwrap().is_none());
    assert!(store.add_login(&login("1", "ada@x")).await.unwrap());
    assert!(!store.add_login(&login("2", "ada@x")).await.unwrap());
    for (id, other) in [("3", "Ada@x"), ("4", "ada@x "), ("5", "{\"$ne\":1}")] {
        assert!(store.login(other).await.unwrap().is_none(), "{other}");
        assert!(store.add_login(&login(id, other)).await.unwrap(), "{other}");
    }
    assert!(store.login("ada@x").await.unwrap() == Some(login("1", "ada@x")));
    assert!(store.login_by_id("1").await.unwrap() == Some(login("1", "ada@x")));
    assert!(store.login_by_id("2").await.unwrap().is_none());
    let racing = (0..8).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.add_login(&login(&format!("r{number}"), "race@x")).await.unwrap() })
    });
    let mut added = 0;
    for one in racing.collect::<Vec<_>>() {
        added += usize::from(one.await.unwrap());
    }
    assert_eq!(added, 1);
}

async fn a_login_is_changed_in_its_hash_and_confirmation_only(store: Store) {
    assert!(!store.confirm_login("1").await.unwrap());
    assert!(!store.replace_hash("1", None, "new").await.unwrap());
    store.add_login(&login("1", "ada@x")).await.unwrap();
    assert!(!store.replace_hash("1", Some("another"), "new").await.unwrap());
    assert!(store.replace_hash("1", Some("hash"), "new").await.unwrap());
    assert!(!store.replace_hash("1", Some("hash"), "newer").await.unwrap());
    assert!(store.replace_hash("1", None, "newest").await.unwrap());
    assert!(store.confirm_login("1").await.unwrap());
    let expected = PasswordLogin { hash: "newest".to_owned(), is_confirmed: true, ..login("1", "ada@x") };
    assert!(store.login("ada@x").await.unwrap() == Some(expected));
}

async fn a_removed_login_frees_its_address_and_takes_its_tokens_along(store: Store) {
    store.add_login(&login("1", "ada@x")).await.unwrap();
    store.put_token(&token("t1", "1", TokenPurpose::Reset)).await.unwrap();
    store.put_token(&token("t2", "2", TokenPurpose::Reset)).await.unwrap();
    assert!(store.remove_login("1").await.unwrap());
    assert!(!store.remove_login("1").await.unwrap());
    assert!(store.login("ada@x").await.unwrap().is_none());
    assert!(store.take_token("t1", "hash", TokenPurpose::Reset).await.unwrap().is_none());
    assert!(store.take_token("t2", "hash", TokenPurpose::Reset).await.unwrap().is_some());
    assert!(store.add_login(&login("3", "ada@x")).await.unwrap());
}

async fn a_token_is_taken_once(store: Store) {
    store.put_token(&token("t1", "1", TokenPurpose::Confirm)).await.unwrap();
    for (hash, purpose) in [("other", TokenPurpose::Confirm), ("hash", TokenPurpose::Reset)] {
        assert!(store.take_token("t1", hash, purpose).await.unwrap().is_none(), "a wrong guess");
    }
    let racing = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.take_token("t1", "hash", TokenPurpose::Confirm).await.unwrap() })
    });
    let mut taken = Vec::new();
    for one in racing.collect::<Vec<_>>() {
        taken.extend(one.await.unwrap());
    }
    assert!(taken == [token("t1", "1", TokenPurpose::Confirm)]);
    assert!(store.take_token("t1", "hash", TokenPurpose::Confirm).await.unwrap().is_none());
}

async fn a_newer_token_voids_the_older_of_its_purpose(store: Store) {
    store.put_token(&token("t1", "1", TokenPurpose::Confirm)).await.unwrap();
    store.put_token(&token("t2", "1", TokenPurpose::Reset)).await.unwrap();
    store.put_token(&token("t3", "1", TokenPurpose::Confirm)).await.unwrap();
    assert!(store.take_token("t1", "hash", TokenPurpose::Confirm).await.unwrap().is_none());
    assert!(store.take_token("t2", "hash", TokenPurpose::Reset).await.unwrap().is_some());
    assert!(store.take_token("t3", "hash", TokenPurpose::Confirm).await.unwrap().is_some());
}

async fn a_key_has_a_name_of_its_own_among_those_of_its_user(store: Store) {
    assert!(store.add_key(&key("1", Some("ada"), "one")).await.unwrap());
    assert!(!store.add_key(&key("2", Some("ada"), "one")).await.unwrap());
    assert!(store.add_key(&key("3", Some("ada"), "two")).await.unwrap());
    assert!(store.add_key(&key("4", Some("eve"), "one")).await.unwrap());
    assert!(store.add_key(&key("5", None, "one")).await.unwrap());
    assert!(!store.add_key(&key("6", None, "one")).await.unwrap());
    let of = |user_id: Option<&'static str>| {
        let store = Arc::clone(&store);
        async move { store.keys(user_id).await.unwrap().into_iter().map(|key| key.id).collect::<Vec<_>>() }
    };
    assert_eq!(of(Some("ada")).await, ["1", "3"]);
    assert_eq!(of(Some("eve")).await, ["4"]);
    assert_eq!(of(None).await, ["5"]);
    assert_eq!(of(Some("nobody")).await, [""; 0]);
}

async fn a_key_is_disabled_and_removed(store: Store) {
    store.add_key(&key("1", Some("ada"), "one")).await.unwrap();
    assert!(!store.set_key_disabled("2", true).await.unwrap());
    assert!(store.set_key_disabled("1", true).await.unwrap());
    assert!(store.key("1").await.unwrap().unwrap().is_disabled);
    assert!(store.set_key_disabled("1", false).await.unwrap());
    assert!(store.key("1").await.unwrap() == Some(key("1", Some("ada"), "one")));
    assert!(store.remove_key("1").await.unwrap());
    assert!(!store.remove_key("1").await.unwrap());
    assert!(store.key("1").await.unwrap().is_none());
}

/// Not one of the laws, as it takes two stores: what one application keeps, another does not find.
pub async fn two_applications_in_one_store_never_meet(mine: Store, other: Store) {
    mine.add_login(&login("1", "ada@x")).await.unwrap();
    mine.put_token(&token("t1", "1", TokenPurpose::Reset)).await.unwrap();
    mine.add_key(&key("1", None, "one")).await.unwrap();
    assert!(other.login("ada@x").await.unwrap().is_none());
    assert!(other.add_login(&login("1", "ada@x")).await.unwrap());
    assert!(other.remove_login("1").await.unwrap());
    assert!(other.take_token("t1", "hash", TokenPurpose::Reset).await.unwrap().is_none());
    assert!(other.key("1").await.unwrap().is_none());
    assert!(other.add_key(&key("1", None, "one")).await.unwrap());
    assert!(other.remove_key("1").await.unwrap());
    assert!(mine.login("ada@x").await.unwrap().is_some());
    assert!(mine.take_token("t1", "hash", TokenPurpose::Reset).await.unwrap().is_some());
    assert!(mine.key("1").await.unwrap().is_some());
}
