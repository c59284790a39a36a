//! Laws for implementations of `Credentials`.

use std::sync::Arc;

use bson::DateTime;
use portcullis::store::{ApiKey, Credentials, KeyAddition, LoginAddition, OneTimeToken, PasswordLogin, TokenPurpose};

type Store = Arc<dyn Credentials>;

super::laws! { Store:
    an_address_has_one_login
    only_the_hash_and_confirmation_of_a_login_change
    only_set_hash_gives_a_login_its_first_password
    several_logins_are_added_unless_taken
    a_large_number_of_logins_is_added
    removing_a_login_frees_its_address_and_removes_its_tokens
    a_token_is_taken_once
    a_newer_token_replaces_the_older_one_of_its_purpose
    key_names_are_unique_per_user
    concurrently_added_keys_stay_within_the_limit_of_a_user
    a_removed_key_makes_room_for_another
    a_key_is_disabled_and_removed
}

fn at(seconds: i64) -> DateTime {
    DateTime::from_millis(4_000_000_000_000 + seconds * 1000)
}

fn login(id: &str, email: &str) -> PasswordLogin {
    let (id, email) = (id.to_owned(), email.to_owned());
    PasswordLogin { id, email, hash: Some("hash".to_owned()), is_confirmed: false, created_at: at(0) }
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

async fn only_the_hash_and_confirmation_of_a_login_change(store: Store) {
    assert!(!store.confirm_login("1").await.unwrap());
    assert!(!store.replace_hash("1", None, "new").await.unwrap());
    store.add_login(&login("1", "ada@x")).await.unwrap();
    assert!(!store.replace_hash("1", Some("another"), "new").await.unwrap());
    assert!(store.replace_hash("1", Some("hash"), "new").await.unwrap());
    assert!(!store.replace_hash("1", Some("hash"), "newer").await.unwrap());
    assert!(store.replace_hash("1", None, "newest").await.unwrap());
    assert!(store.confirm_login("1").await.unwrap());
    let expected = PasswordLogin { hash: Some("newest".to_owned()), is_confirmed: true, ..login("1", "ada@x") };
    assert!(store.login("ada@x").await.unwrap() == Some(expected));
}

async fn only_set_hash_gives_a_login_its_first_password(store: Store) {
    let imported = PasswordLogin { hash: None, ..login("1", "ada@x") };
    assert!(store.add_login(&imported).await.unwrap());
    assert!(!store.replace_hash("1", None, "new").await.unwrap());
    assert!(!store.replace_hash("1", Some(""), "new").await.unwrap());
    store.confirm_login("1").await.unwrap();
    assert!(store.login("ada@x").await.unwrap() == Some(PasswordLogin { is_confirmed: true, ..imported.clone() }));
    assert!(store.set_hash("1", "first").await.unwrap());
    assert!(store.replace_hash("1", None, "second").await.unwrap());
    assert!(store.set_hash("1", "third").await.unwrap());
    assert!(!store.set_hash("2", "first").await.unwrap());
    let expected = PasswordLogin { hash: Some("third".to_owned()), is_confirmed: true, ..imported };
    assert!(store.login_by_id("1").await.unwrap() == Some(expected));
}

async fn several_logins_are_added_unless_taken(store: Store) {
    store.add_login(&login("1", "ada@x")).await.unwrap();
    let (added, unchanged) = (LoginAddition::Added, LoginAddition::Unchanged);
    let logins = [
        PasswordLogin { hash: None, ..login("1", "ada@x") },
        login("1", "eve@x"),
        login("2", "ada@x"),
        login("3", "Ada@x"),
        login("4", "bob@x"),
        login("4", "bob@x"),
        login("5", "bob@x"),
    ];
    let (id_taken, address_taken) = (LoginAddition::IdTaken, LoginAddition::AddressTaken);
    let expected = [unchanged, id_taken, address_taken, added, added, unchanged, address_taken];
    assert_eq!(store.add_logins(&logins).await.unwrap(), expected);
    assert!(store.login("ada@x").await.unwrap() == Some(login("1", "ada@x")), "the password stays");
    assert!(store.login("eve@x").await.unwrap().is_none());
    assert!(store.login("bob@x").await.unwrap() == Some(login("4", "bob@x")));
    assert_eq!(store.add_logins(&[]).await.unwrap(), []);
}

async fn a_large_number_of_logins_is_added(store: Store) {
    let logins: Vec<_> = (0..1203).map(|n| login(&format!("{n}"), &format!("{n}@x"))).collect();
    let mut expected = vec![LoginAddition::Added; logins.len()];
    assert_eq!(store.add_logins(&logins).await.unwrap(), expected);
    expected.fill(LoginAddition::Unchanged);
    assert_eq!(store.add_logins(&logins).await.unwrap(), expected);
    assert!(store.login("1202@x").await.unwrap() == Some(login("1202", "1202@x")));
}

async fn removing_a_login_frees_its_address_and_removes_its_tokens(store: Store) {
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

async fn a_newer_token_replaces_the_older_one_of_its_purpose(store: Store) {
    store.put_token(&token("t1", "1", TokenPurpose::Confirm)).await.unwrap();
    store.put_token(&token("t2", "1", TokenPurpose::Reset)).await.unwrap();
    store.put_token(&token("t3", "1", TokenPurpose::Confirm)).await.unwrap();
    assert!(store.take_token("t1", "hash", TokenPurpose::Confirm).await.unwrap().is_none());
    assert!(store.take_token("t2", "hash", TokenPurpose::Reset).await.unwrap().is_some());
    assert!(store.take_token("t3", "hash", TokenPurpose::Confirm).await.unwrap().is_some());
}

async fn key_names_are_unique_per_user(store: Store) {
    let (added, taken) = (KeyAddition::Added, KeyAddition::NameTaken);
    for (id, user_id, name, outcome) in [
        ("1", Some("ada"), "one", added),
        ("2", Some("ada"), "one", taken),
        ("3", Some("ada"), "two", added),
        ("4", Some("eve"), "one", added),
        ("5", None, "one", added),
        ("6", None, "one", taken),
    ] {
        assert_eq!(store.add_key(&key(id, user_id, name), 9).await.unwrap(), outcome, "{id}");
    }
    let of = |user_id: Option<&'static str>| {
        let store = Arc::clone(&store);
        async move { store.keys(user_id).await.unwrap().into_iter().map(|key| key.id).collect::<Vec<_>>() }
    };
    assert_eq!(of(Some("ada")).await, ["1", "3"]);
    assert_eq!(of(Some("eve")).await, ["4"]);
    assert_eq!(of(None).await, ["5"]);
    assert_eq!(of(Some("nobody")).await, [""; 0]);
}

async fn concurrently_added_keys_stay_within_the_limit_of_a_user(store: Store) {
    for (owner, most, many) in [(Some("ada"), 3, 16), (Some("eve"), 1, 8), (None, 10, 24)] {
        let racing = (0..many).map(|number| {
            let (store, id) = (Arc::clone(&store), format!("{owner:?}{number}"));
            // Half of the names occur twice.
            let name = format!("key{}", number % (many / 2));
            tokio::spawn(async move { store.add_key(&key(&id, owner, &name), most).await.unwrap() })
        });
        let mut added = 0;
        for one in racing.collect::<Vec<_>>() {
            added += usize::from(one.await.unwrap() == KeyAddition::Added);
        }
        let mut names: Vec<_> = store.keys(owner).await.unwrap().into_iter().map(|key| key.name).collect();
        assert_eq!((added, names.len()), (most, most), "{owner:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), most, "{owner:?}");
    }
}

async fn a_removed_key_makes_room_for_another(store: Store) {
    let add = |id: &'static str| {
        let store = Arc::clone(&store);
        async move { store.add_key(&key(id, Some("ada"), id), 2).await.unwrap() }
    };
    assert_eq!(add("1").await, KeyAddition::Added);
    assert_eq!(add("2").await, KeyAddition::Added);
    assert_eq!(add("3").await, KeyAddition::LimitReached);
    assert_eq!(add("2").await, KeyAddition::NameTaken, "which is told first");
    store.remove_key("1").await.unwrap();
    assert_eq!(add("3").await, KeyAddition::Added);
    assert_eq!(add("4").await, KeyAddition::LimitReached);
    assert_eq!(store.add_key(&key("5", Some("eve"), "5"), 0).await.unwrap(), KeyAddition::LimitReached);
}

async fn a_key_is_disabled_and_removed(store: Store) {
    store.add_key(&key("1", Some("ada"), "one"), 9).await.unwrap();
    assert!(!store.set_key_disabled("2", true).await.unwrap());
    assert!(store.set_key_disabled("1", true).await.unwrap());
    assert!(store.key("1").await.unwrap().unwrap().is_disabled);
    assert!(store.set_key_disabled("1", false).await.unwrap());
    assert!(store.key("1").await.unwrap() == Some(key("1", Some("ada"), "one")));
    assert!(store.remove_key("1").await.unwrap());
    assert!(!store.remove_key("1").await.unwrap());
    assert!(store.key("1").await.unwrap().is_none());
}

/// Not in the table above, since it needs two views of the same store: credentials of one application are invisible
/// to another.
pub async fn applications_in_one_store_are_isolated(mine: Store, other: Store) {
    mine.add_login(&login("1", "ada@x")).await.unwrap();
    mine.put_token(&token("t1", "1", TokenPurpose::Reset)).await.unwrap();
    mine.add_key(&key("1", None, "one"), 1).await.unwrap();
    assert!(other.login("ada@x").await.unwrap().is_none());
    assert!(other.add_login(&login("1", "ada@x")).await.unwrap());
    assert!(other.remove_login("1").await.unwrap());
    assert!(other.take_token("t1", "hash", TokenPurpose::Reset).await.unwrap().is_none());
    assert!(other.key("1").await.unwrap().is_none());
    assert_eq!(other.add_key(&key("1", None, "one"), 1).await.unwrap(), KeyAddition::Added);
    assert!(other.remove_key("1").await.unwrap());
    assert!(mine.login("ada@x").await.unwrap().is_some());
    assert!(mine.take_token("t1", "hash", TokenPurpose::Reset).await.unwrap().is_some());
    assert!(mine.key("1").await.unwrap().is_some());
}
