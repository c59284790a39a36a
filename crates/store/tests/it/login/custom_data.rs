//! Custom data: how old it may be, and where it cannot be had.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bson::doc;
use expect_test::expect;
use portcullis::auth::{ProviderType, Selection};
use portcullis::login::{CustomDataChanges, DataSource, Freshness, LoginError};
use portcullis::store::{
    Account, AccountState, CustomDataObserver, CustomDataStore, FileCustomData, Identity, LookUpError, Sessions,
    StoreError, Users,
};
use portcullis::{BoxFuture, Clock, CustomData};
use portcullis_store::Embedded;

use super::{House, MINUTE, config, level};

#[tokio::test]
async fn logins_and_refreshes_read_current_custom_data() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    assert_eq!(level(&login.user), None);
    house.set(&login.user.id, 1);
    assert_eq!(level(&house.bearer(&login.access_token, Freshness::Snapshot).await.unwrap()), None);
    assert_eq!(level(&house.bearer(&login.access_token, Freshness::Live).await.unwrap()), Some(1));
    let refreshed = house.authenticator.refresh(&login.refresh_token).await.unwrap();
    assert_eq!(level(&house.bearer(&refreshed.access_token, Freshness::Snapshot).await.unwrap()), Some(1));
}

#[tokio::test]
async fn custom_data_is_never_older_than_requested() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    house.set(&login.user.id, 1);
    let ask = async |seconds| {
        let freshness = Freshness::AtMost(Duration::from_secs(seconds));
        let found = house.authenticator.authenticate(&login.access_token, freshness).await.unwrap();
        (level(&found.user), found.age.source, found.age.age.as_secs())
    };
    house.clock.advance(Duration::from_secs(10));
    assert_eq!(ask(10).await, (None, DataSource::Token, 10));
    // The login itself has looked up, ten seconds ago; that is too old for this.
    assert_eq!(ask(9).await, (Some(1), DataSource::Store, 0));
    house.set(&login.user.id, 2);
    house.clock.advance(Duration::from_secs(5));
    assert_eq!(ask(5).await, (Some(1), DataSource::Store, 5));
    assert_eq!(ask(4).await, (Some(2), DataSource::Store, 0));
    assert_eq!(ask(60).await, (None, DataSource::Token, 15));
}

/// A custom-data store that counts its lookups.
#[derive(Default)]
struct Counted {
    level: AtomicI64,
    asked: AtomicUsize,
}

impl CustomDataStore for Counted {
    fn find<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let document = doc! { "level": i32::try_from(self.level.load(Ordering::Relaxed)).unwrap() };
        Box::pin(async move { Ok(Selection { document: Some(document), warnings: Vec::new() }) })
    }
}

#[tokio::test]
async fn watched_custom_data_is_read_once_per_change_and_always_without_a_watcher() {
    let (data, house) = (Arc::new(Counted::default()), House::new());
    let changes = Arc::new(CustomDataChanges::default().with_clock(Arc::clone(&house.clock) as Arc<_>));
    let house = house.with(|authenticator| {
        authenticator.with_custom_data(Arc::clone(&data) as Arc<_>).with_custom_data_changes(Arc::clone(&changes))
    });
    let login = house.log_in("ada").await.unwrap();
    let (id, hour) = (BTreeSet::from([login.user.id.clone()]), 60 * MINUTE);
    // The level that rules see, and the number of lookups made to determine it.
    let seen = async || {
        house.clock.advance(Duration::from_millis(1));
        let before = data.asked.load(Ordering::Relaxed);
        let user = house.bearer(&login.access_token, Freshness::UntilChanged).await.unwrap();
        (level(&user).unwrap(), data.asked.load(Ordering::Relaxed) - before)
    };
    data.level.store(1, Ordering::Relaxed);
    assert_eq!((seen().await, seen().await), ((1, 1), (1, 1)), "nobody watches");
    changes.changed_all();
    changes.watched_for(hour);
    assert_eq!((seen().await, seen().await), ((1, 1), (1, 0)), "what was read before is not known to be current");
    for change in [2, 3] {
        data.level.store(change, Ordering::Relaxed);
        let (change, before) = (i32::try_from(change).unwrap(), i32::try_from(change - 1).unwrap());
        assert_eq!(seen().await, (before, 0), "not noticed yet");
        changes.changed(&BTreeSet::from(["somebody else".to_owned()]));
        assert_eq!(seen().await, (before, 0));
        changes.changed(&id);
        assert_eq!((seen().await, seen().await), ((change, 1), (change, 0)));
    }
    changes.unwatched();
    assert_eq!((seen().await, seen().await), ((3, 1), (3, 1)));
    changes.watched_for(hour);
    assert_eq!(seen().await, (3, 0));
}

#[tokio::test]
async fn a_token_that_is_newer_than_a_change_has_its_data() {
    let (data, house) = (Arc::new(Counted::default()), House::new());
    let changes = Arc::new(CustomDataChanges::default().with_clock(Arc::clone(&house.clock) as Arc<_>));
    changes.watched_for(60 * MINUTE);
    let house = house.with(|authenticator| {
        authenticator.with_custom_data(Arc::clone(&data) as Arc<_>).with_custom_data_changes(Arc::clone(&changes))
    });
    let login = house.log_in("ada").await.unwrap();
    changes.changed(&BTreeSet::from([login.user.id]));
    // The token may come from another server with another clock, so it counts as newer than the change only after a few
    // seconds.
    for (seconds, source) in [(0, DataSource::Store), (4, DataSource::Store), (2, DataSource::Token)] {
        house.clock.advance(Duration::from_secs(seconds));
        let token = house.authenticator.refresh(&login.refresh_token).await.unwrap().access_token;
        let found = house.authenticator.authenticate(&token, Freshness::UntilChanged).await.unwrap();
        assert_eq!(found.age.source, source, "{seconds}");
    }
}

#[tokio::test]
async fn unreadable_custom_data_is_an_error_and_not_empty() {
    let directory = std::env::temp_dir().join(format!("portcullis-login-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("users.json");
    let house = House::new().with(|house| house.with_custom_data(Arc::new(FileCustomData::new(config(), &directory))));
    let refused = |error: LoginError| {
        assert!(matches!(error, LoginError::Store(_)) && !error.is_refusal(), "{error}");
        error.to_string().replace(directory.to_str().unwrap(), "<directory>")
    };
    expect!["cannot read the custom data: the directory `<directory>` contains no file of documents (.json, .jsonl, .ndjson)"].assert_eq(&refused(house.log_in("ada").await.err().unwrap()));
    fs::write(&file, "{\"user_id\": \"x\"}\n{\"user_id\": ").unwrap();
    expect![
        "cannot read the custom data: `<directory>/users.json`, line 2: expected a value, found the end of the text"
    ]
    .assert_eq(&refused(house.log_in("ada").await.err().unwrap()));
    fs::write(&file, "[{\"user_id\": \"x\"},\n7]\n").unwrap();
    expect!["cannot read the custom data: `<directory>/users.json`, line 2: expected a document, found a number"]
        .assert_eq(&refused(house.log_in("ada").await.err().unwrap()));
    fs::write(&file, "\n{\"user_id\": \"x\", \"level\": 1}\n").unwrap();
    let login = house.log_in("ada").await.unwrap();
    assert_eq!(login.user.custom_data, CustomData::Absent);
    fs::write(&file, format!("{{\"user_id\": \"x\"}}\n{{\"user_id\": \"{}\", \"level\": 2}}", login.user.id)).unwrap();
    assert_eq!(level(&house.authenticator.refresh(&login.refresh_token).await.unwrap().user), Some(2));
    fs::remove_dir_all(&directory).unwrap();
    let refused_refresh = house.authenticator.refresh(&login.refresh_token).await.err().unwrap();
    assert!(matches!(refused_refresh, LoginError::Store(_)));
    assert!(house.bearer(&login.access_token, Freshness::Live).await.is_err());
}

#[tokio::test]
async fn too_many_custom_data_documents_for_a_user_are_an_error() {
    let file = std::env::temp_dir().join(format!("portcullis-many-{}.json", std::process::id()));
    let custom_data = FileCustomData::new(config(), &file);
    let refused = |error: LookUpError| error.to_string().replace(file.to_str().unwrap(), "<file>");
    let document = "{\"user_id\": \"ada\", \"level\": 1}\n";
    fs::write(&file, document.repeat(1000)).unwrap();
    assert!(custom_data.find("ada").await.unwrap().document.is_some());
    fs::write(&file, document.repeat(1001)).unwrap();
    expect![
        "cannot read the custom data: `<file>`: more than 1000 documents, or 33554432 bytes of them, name one user"
    ]
    .assert_eq(&refused(custom_data.find("ada").await.unwrap_err()));
    assert_eq!(custom_data.find("eve").await.unwrap().document, None);
    let large = format!("{{\"user_id\": \"ada\", \"much\": \"{}\"}}\n", "x".repeat(12 << 20));
    fs::write(&file, large.repeat(3)).unwrap();
    expect![
        "cannot read the custom data: `<file>`: more than 1000 documents, or 33554432 bytes of them, name one user"
    ]
    .assert_eq(&refused(custom_data.find("ada").await.unwrap_err()));
    fs::remove_file(&file).unwrap();
}

/// Custom data of nearly a mebibyte for everyone.
struct Bulk(AtomicI64);

impl CustomDataStore for Bulk {
    fn find<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        let document = doc! { "much": "x".repeat(1_000_000), "level": self.0.load(Ordering::Relaxed) };
        Box::pin(async move { Ok(Selection { document: Some(document), warnings: Vec::new() }) })
    }
}

#[tokio::test]
async fn the_number_of_remembered_users_is_limited() {
    let bulk = Arc::new(Bulk(AtomicI64::new(1)));
    let house = House::new().with(|authenticator| authenticator.with_custom_data(Arc::clone(&bulk) as Arc<_>));
    let ada = house.log_in("ada").await.unwrap();
    let others = (0..70).map(|n| {
        let identity = Identity { provider_type: ProviderType::CustomToken, id: n.to_string(), data: doc! {} };
        Account { state: AccountState::Active, ..Account::new(format!("user {n}"), identity, house.clock.now()) }
    });
    let others: Vec<Account> = others.collect();
    house.users.import(&others).await.unwrap();
    house.clock.advance(10 * MINUTE);
    house.authenticator.look_up(&ada.user.id).await.unwrap();
    bulk.0.store(2, Ordering::Relaxed);
    let level = async || {
        let user = house.bearer(&ada.access_token, Freshness::AtMost(MINUTE)).await.unwrap();
        let CustomData::Loaded(data) = user.custom_data else { panic!("custom data was not looked up") };
        data.get_i64("level").unwrap()
    };
    assert_eq!(level().await, 1);
    for other in &others {
        house.authenticator.look_up(&other.id).await.unwrap();
    }
    assert_eq!(level().await, 2);
}

#[tokio::test]
async fn a_document_that_is_too_large_fails_the_login() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    let large = |bytes| vec![doc! { "user_id": &login.user.id, "text": "x".repeat(bytes) }];
    house.custom_data.replace(large(20 * 1024));
    assert_eq!(house.log_in("ada").await.unwrap().warnings.len(), 1);
    house.custom_data.replace(large(1024 * 1024 - 200));
    house.log_in("ada").await.unwrap();
    house.custom_data.replace(large(1024 * 1024));
    assert!(matches!(house.log_in("ada").await.err().unwrap(), LoginError::CustomData(_)));
}

/// Changes somebody's custom data and ends the sessions, as a watcher does, after the data was read.
struct ChangesBetween(Arc<Embedded>, AtomicUsize);

impl CustomDataStore for ChangesBetween {
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async move {
            let ended = self.0.end_all(user_id).await.unwrap();
            self.1.fetch_add(usize::try_from(ended).unwrap(), Ordering::Relaxed);
            Ok(Selection::default())
        })
    }
}

#[tokio::test]
async fn a_change_between_lookup_and_token_issue_fails_the_login() {
    let house = House::new();
    let kept = house.log_in("ada").await.unwrap();
    let store = Arc::new(ChangesBetween(Arc::clone(&house.users), AtomicUsize::new(0)));
    let house = house.with(|authenticator| authenticator.with_custom_data(Arc::clone(&store) as Arc<_>));
    let error = house.authenticator.refresh(&kept.refresh_token).await.err().unwrap();
    assert!(matches!(error, LoginError::SessionEnded), "{error}");
    let error = house.log_in("ada").await.err().unwrap();
    assert!(matches!(error, LoginError::SessionEnded), "{error}");
    assert_eq!(store.1.load(Ordering::Relaxed), 2, "the session began after the look-up");
}

/// A store of custom data that cannot be asked.
struct Gone;

impl CustomDataStore for Gone {
    fn find<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async { Err(StoreError::new("cannot read the custom data", "gone").into()) })
    }
}

#[tokio::test]
async fn a_login_that_fails_leaves_no_session() {
    let house = House::new();
    let id = house.log_in("ada").await.unwrap().user.id;
    assert_eq!(house.users.end_all(&id).await.unwrap(), 1);
    let house = house.with(|authenticator| authenticator.with_custom_data(Arc::new(Gone)));
    assert!(matches!(house.log_in("ada").await.err().unwrap(), LoginError::Store(_)));
    assert_eq!(house.users.end_all(&id).await.unwrap(), 0);
}
