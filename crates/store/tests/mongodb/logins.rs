//! Logging in with users, sessions and custom data on a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Document, doc};
use jsonwebtoken::{EncodingKey, Header};
use mongodb::{Client, Collection};
use portcullis::auth::Selection;
use portcullis::auth::token::{SigningKey, SigningKeys, TokenIssuer, TokenProvider};
use portcullis::login::{Accounts, Authenticator, Freshness, Login, LoginError};
use portcullis::store::{CustomDataStore, LookUpError};
use portcullis::{BoxFuture, CustomData, User};
use portcullis_store::mongodb::{CustomDataWatcher, MongoCustomData, MongoSessions, MongoUsers};
use serde_json::json;

use portcullis_testkit::mongodb::clients::connect;
use portcullis_testkit::mongodb::{World, config};

/// Not secret: whoever reads a test may make its tokens.
const KEY: &str = "a key that only the tests on a server have ever used";

/// A process that serves an application, whose stores are in one database.
struct Process {
    authenticator: Authenticator,
    custom: Collection<Document>,
}

impl Process {
    fn new(client: &Client, database: &str) -> Self {
        let key = SigningKey::from_secret(KEY.into()).unwrap();
        let issuer = TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "hr");
        let provider = json!({
            "name": "intranet", "type": "custom-token",
            "config": { "audience": "hr", "signingAlgorithm": "HS256" }, "secret_config": { "signingKeys": ["key"] },
        });
        let provider = portcullis::json::parse(&provider.to_string()).unwrap();
        let secrets = BTreeMap::from([("key".to_owned(), KEY.to_owned())]);
        let store = client.database(database);
        let accounts =
            Accounts::new(Arc::new(MongoUsers::new(&store, "app")), Arc::new(MongoSessions::new(&store, "app")));
        let custom_data = MongoCustomData::new(client, &config(database, "user_id")).unwrap();
        let authenticator = Authenticator::new(issuer, accounts)
            .with_provider(TokenProvider::compile(&provider, "hr", &secrets).unwrap())
            .with_custom_data(Arc::new(custom_data));
        Self { authenticator, custom: store.collection("custom") }
    }

    async fn log_in(&self, sub: &str) -> Result<Login, LoginError> {
        let claims = json!({ "sub": sub, "aud": "hr", "exp": 4_000_000_000_u64 });
        let key = EncodingKey::from_secret(KEY.as_bytes());
        let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
        self.authenticator.log_in("intranet", &token, None).await
    }

    async fn level(&self, access_token: &str, freshness: Freshness) -> Option<i32> {
        level(&self.authenticator.authenticate(access_token, freshness).await.unwrap().user)
    }

    async fn set_level(&self, login: &Login, level: i32) {
        let set = doc! { "$set": { "level": level } };
        self.custom.update_one(doc! { "user_id": &login.user.id }, set).upsert(true).await.unwrap();
    }
}

fn level(user: &User) -> Option<i32> {
    match &user.custom_data {
        CustomData::Loaded(data) => Some(data.get_i32("level").unwrap()),
        CustomData::Absent => None,
        CustomData::NotLoaded => panic!("custom data was not looked up"),
    }
}

async fn refused_session(process: &Process, access_token: &str) {
    let error = process.authenticator.authenticate(access_token, Freshness::Snapshot).await.unwrap_err();
    assert!(matches!(error, LoginError::SessionEnded | LoginError::UserDisabled(_)), "{error}");
}

pub(crate) async fn a_token_keeps_old_custom_data_until_it_is_refreshed(world: World) {
    let process = Process::new(&world.client, world.database.name());
    let first = process.log_in("ada").await.unwrap();
    assert_eq!(level(&first.user), None);
    process.set_level(&first, 1).await;
    let second = process.log_in("ada").await.unwrap();
    assert_eq!((&second.user.id, level(&second.user)), (&first.user.id, Some(1)));
    process.set_level(&second, 2).await;
    assert_eq!(process.level(&second.access_token, Freshness::Snapshot).await, Some(1));
    assert_eq!(process.level(&second.access_token, Freshness::Live).await, Some(2));
    let refreshed = process.authenticator.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(process.level(&refreshed.access_token, Freshness::Snapshot).await, Some(2));
    process.custom.delete_many(doc! {}).await.unwrap();
    assert_eq!(process.level(&refreshed.access_token, Freshness::Live).await, None);
}

pub(crate) async fn a_login_looks_up_custom_data_once(world: World) {
    let (client, sent) = world.listening("").await;
    let process = Process::new(&client, world.database.name());
    let login = process.log_in("ada").await.unwrap();
    process.set_level(&login, 1).await;
    sent.take();
    process.log_in("ada").await.unwrap();
    let of_login: Vec<(String, String)> = sent
        .take()
        .into_iter()
        .map(|command| {
            let collection = command.command.get_str(&command.command_name).unwrap_or_default().to_owned();
            (command.command_name, collection)
        })
        .collect();
    let custom: Vec<_> = of_login.iter().filter(|(_, collection)| collection == "custom").collect();
    assert_eq!(custom.len(), 1, "{of_login:?}");
    assert!(of_login.len() <= 5, "the user, a session, the user again, its data, the session again: {of_login:?}");
}

pub(crate) async fn a_revoked_session_ends_in_every_process(world: World) {
    let here = Process::new(&world.client, world.database.name());
    let there = Process::new(&connect(&world.uri).await.unwrap(), world.database.name());
    let (one, two) = (here.log_in("ada").await.unwrap(), there.log_in("ada").await.unwrap());
    let eve = here.log_in("eve").await.unwrap();
    there.level(&one.access_token, Freshness::Snapshot).await;
    assert!(here.authenticator.log_out(&one.refresh_token).await.unwrap());
    refused_session(&there, &one.access_token).await;
    there.level(&two.access_token, Freshness::Snapshot).await;
    assert_eq!(here.authenticator.accounts().disable(&two.user.id).await.unwrap(), 1);
    refused_session(&there, &two.access_token).await;
    let error = there.authenticator.refresh(&two.refresh_token).await.err().unwrap();
    assert!(matches!(error, LoginError::SessionEnded | LoginError::UserDisabled(_)), "{error}");
    assert!(matches!(there.log_in("ada").await.err().unwrap(), LoginError::UserDisabled(_)));
    there.level(&eve.access_token, Freshness::Snapshot).await;
}

pub(crate) async fn changing_a_custom_data_document_ends_the_sessions_of_its_user(world: World) {
    let process = Process::new(&world.client, world.database.name());
    let (ada, eve) = (process.log_in("ada").await.unwrap(), process.log_in("eve").await.unwrap());
    let config = config(world.database.name(), "user_id");
    let mut watcher = CustomDataWatcher::open(&world.client, config.source().unwrap()).await.unwrap();
    process.set_level(&ada, 1).await;
    let change = watcher.next().await.unwrap();
    let sessions = MongoSessions::new(&world.database, "app");
    assert_eq!(change.end_sessions(&sessions).await.unwrap(), 1);
    watcher.settle();
    refused_session(&process, &ada.access_token).await;
    process.level(&eve.access_token, Freshness::Snapshot).await;
    let again = process.log_in("ada").await.unwrap();
    assert_eq!((&again.user.id, level(&again.user)), (&ada.user.id, Some(1)));
}

pub(crate) async fn a_database_outage_refuses_logins_and_loses_no_user(world: World) {
    let mut server = world.own_server().await;
    let process = Process::new(&connect(&server.uri()).await.unwrap(), "hr");
    let before = process.log_in("ada").await.unwrap();
    process.set_level(&before, 1).await;
    server.stop();
    let (login, request) = tokio::join!(
        process.log_in("ada"),
        process.authenticator.authenticate(&before.access_token, Freshness::Snapshot)
    );
    for error in [login.err().unwrap(), request.err().unwrap()] {
        assert!(matches!(error, LoginError::Store(_)) && !error.is_refusal(), "{error}");
    }
    server.start_again().await;
    assert_eq!(process.level(&before.access_token, Freshness::Live).await, Some(1));
    let after = process.log_in("ada").await.unwrap();
    assert_eq!((&after.user.id, level(&after.user)), (&before.user.id, Some(1)));
}

/// Custom data that changes, and whose watcher tells it, after it was read.
struct ChangesBetween {
    read: MongoCustomData,
    custom: Collection<Document>,
    watcher: tokio::sync::Mutex<CustomDataWatcher>,
    sessions: MongoSessions,
}

impl CustomDataStore for ChangesBetween {
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async move {
            let read = self.read.find(user_id).await;
            let set = doc! { "$inc": { "level": 1 } };
            self.custom.update_one(doc! { "user_id": user_id }, set).upsert(true).await.unwrap();
            let mut watcher = self.watcher.lock().await;
            let change = watcher.next().await.unwrap();
            change.end_sessions(&self.sessions).await.unwrap();
            watcher.settle();
            read
        })
    }
}

pub(crate) async fn a_change_of_custom_data_during_a_login_fails_it(world: World) {
    let mut process = Process::new(&world.client, world.database.name());
    let before = process.log_in("ada").await.unwrap();
    let config = config(world.database.name(), "user_id");
    process.authenticator = process.authenticator.with_custom_data(Arc::new(ChangesBetween {
        read: MongoCustomData::new(&world.client, &config).unwrap(),
        custom: process.custom.clone(),
        watcher: CustomDataWatcher::open(&world.client, config.source().unwrap()).await.unwrap().into(),
        sessions: MongoSessions::new(&world.database, "app"),
    }));
    let error = process.authenticator.refresh(&before.refresh_token).await.err().unwrap();
    assert!(matches!(error, LoginError::SessionEnded), "{error}");
    let error = process.log_in("ada").await.err().unwrap();
    assert!(matches!(error, LoginError::SessionEnded), "{error}");
    let sessions = world.database.collection::<Document>(MongoSessions::COLLECTION);
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 0);
}
