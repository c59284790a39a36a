//! What users and sessions on MongoDB owe beyond the contracts: what stands in the database, and who else writes there.

use std::sync::Arc;

use bson::{Bson, DateTime, Document, doc};
use mongodb::options::Collation;
use portcullis::UserType;
use portcullis::auth::ProviderType;
use portcullis::login::Accounts;
use portcullis::store::{Account, AccountState, Identity, Session, Sessions, Users};
use portcullis_store::mongodb::{MongoSessions, MongoUsers};

use portcullis_testkit::mongodb::World;
use portcullis_testkit::mongodb::clients::connect;

fn identity(id: &str) -> Identity {
    Identity { provider_type: ProviderType::CustomToken, id: id.to_owned(), data: doc! {} }
}

fn key(id: impl Into<Bson>) -> Document {
    doc! { "application": "app", "id": id.into() }
}

fn stored() -> Document {
    doc! {
        "_id": key("ada"),
        "type": "normal",
        "state": "active",
        "identities": [{ "id": "third|7", "provider_type": "custom-token", "data": {} }],
        "created_at": DateTime::from_millis(0),
        "last_login_at": DateTime::from_millis(1),
    }
}

pub(crate) async fn an_unreadable_stored_user_is_an_error_that_names_it(world: World) {
    let users = MongoUsers::new(&world.database, "app");
    let collection = world.database.collection::<Document>(MongoUsers::COLLECTION);
    collection.insert_one(stored()).await.unwrap();
    assert_eq!(users.find("ada").await.unwrap().unwrap().identities, [identity("third|7")]);

    let edits = [
        doc! { "$unset": { "state": "" } },
        doc! { "$set": { "state": "Active" } },
        doc! { "$set": { "state": 1 } },
        doc! { "$unset": { "type": "" } },
        doc! { "$set": { "type": "system" } },
        doc! { "$set": { "type": "admin" } },
        doc! { "$set": { "identities": [] } },
        doc! { "$unset": { "identities": "" } },
        doc! { "$push": { "identities": "x" } },
        doc! { "$set": { "identities.0.provider_type": "custom-tokn" } },
        doc! { "$unset": { "identities.0.id": "" } },
        doc! { "$set": { "identities.0.data": Bson::Null } },
        doc! { "$push": { "identities": identity("third|7").to_document() } },
        doc! { "$unset": { "created_at": "" } },
        doc! { "$set": { "last_login_at": "yesterday" } },
    ];
    for edit in edits {
        collection.replace_one(doc! { "_id": key("ada") }, stored()).await.unwrap();
        collection.update_one(doc! { "_id": key("ada") }, edit.clone()).await.unwrap();
        let error = users.find("ada").await.unwrap_err();
        assert!(error.to_string().contains("the stored user `ada`"), "{edit}: {error}");
        assert!(users.list(None, 10).await.is_err(), "{edit}");
    }
    collection.replace_one(doc! { "_id": key("ada") }, stored()).await.unwrap();
    let mut other = stored();
    other.insert("_id", key(bson::oid::ObjectId::new()));
    other.insert("identities", [identity("other").to_document()].to_vec());
    collection.insert_one(other).await.unwrap();
    assert!(users.list(Some("ada"), 10).await.is_err(), "an id that is no string was passed over");
}

pub(crate) async fn processes_that_start_concurrently_create_one_user(world: World) {
    let mut logins = Vec::new();
    for _ in 0..16 {
        let client = connect(&world.uri).await.unwrap();
        let users = Arc::new(MongoUsers::new(&client.database(world.database.name()), "app"));
        logins.push(tokio::spawn(async move { users.find_or_create(&identity("ada"), DateTime::now()).await }));
    }
    let mut ids = Vec::new();
    for login in logins {
        ids.push(login.await.unwrap().unwrap().id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

pub(crate) async fn an_account_that_violates_a_constraint_is_not_imported(world: World) {
    let users = MongoUsers::new(&world.database, "app");
    let good = Account::new("good", identity("good"), DateTime::now());
    let broken = [
        Account { identities: Vec::new(), ..good.clone() },
        Account { identities: vec![identity("x"), identity("x")], ..good.clone() },
        Account { kind: UserType::System, ..good.clone() },
    ];
    for broken in broken {
        let error = users.import(&[good.clone(), broken]).await.unwrap_err();
        assert!(error.to_string().contains("the user `good`"), "{error}");
        assert_eq!(users.list(None, 10).await.unwrap(), []);
    }
}

pub(crate) async fn a_collection_whose_collation_equates_ids_is_refused(world: World) {
    let collation = Collation::builder().locale("en".to_owned()).build();
    for name in [MongoUsers::COLLECTION, MongoSessions::COLLECTION] {
        world.database.create_collection(name).collation(collation.clone()).await.unwrap();
    }
    let error = MongoUsers::new(&world.database, "app").find("ada").await.unwrap_err();
    assert!(error.to_string().contains("collation"), "{error}");
    let error = MongoSessions::new(&world.database, "app").find("1").await.unwrap_err();
    assert!(error.to_string().contains("collation"), "{error}");
}

pub(crate) async fn users_that_share_an_identity_are_refused(world: World) {
    let collection = world.database.collection::<Document>(MongoUsers::COLLECTION);
    let mut other = stored();
    other.insert("_id", key("eve"));
    collection.insert_many([stored(), other]).await.unwrap();
    let users = MongoUsers::new(&world.database, "app");
    let error = users.find_or_create(&identity("third|7"), DateTime::now()).await.unwrap_err();
    assert!(!error.to_string().contains("third|7"), "{error}");
}

pub(crate) async fn every_write_waits_for_a_majority(world: World) {
    let (client, sent) = world.listening("&w=1&readConcernLevel=local&readPreference=nearest").await;
    let database = client.database(world.database.name());
    let (users, sessions) = (MongoUsers::new(&database, "app"), MongoSessions::new(&database, "app"));
    let ada = users.find_or_create(&identity("ada"), DateTime::now()).await.unwrap();
    users.link(&ada.id, &identity("lovelace")).await.unwrap();
    users.activate(&ada.id).await.unwrap();
    users.set_state(&ada.id, AccountState::Disabled).await.unwrap();
    users.import(&[Account::new("eve", identity("eve"), DateTime::now())]).await.unwrap();
    users.delete("eve").await.unwrap();
    users.find(&ada.id).await.unwrap();
    users.list(None, 5).await.unwrap();
    let session = Session {
        id: "1".to_owned(),
        user_id: ada.id.clone(),
        device_id: "device".to_owned(),
        started_at: DateTime::now(),
        expires_at: None,
        key_id: None,
    };
    sessions.start(&session).await.unwrap();
    sessions.find("1").await.unwrap();
    sessions.end("1").await.unwrap();
    sessions.end_all(&ada.id).await.unwrap();
    sessions.purge(DateTime::now()).await.unwrap();
    let commands = sent.take();
    for event in &commands {
        let (name, command) = (event.command_name.as_str(), &event.command);
        match name {
            "find" => assert_eq!(command.get_document("readConcern").unwrap().get_str("level").unwrap(), "majority"),
            "listCollections" => {}
            _ => assert_eq!(command.get_document("writeConcern").unwrap().get_str("w").unwrap(), "majority", "{name}"),
        }
        let preference = command.get_document("$readPreference").ok().and_then(|mode| mode.get_str("mode").ok());
        assert!(name == "listCollections" || matches!(preference, None | Some("primary")), "{name}: {preference:?}");
    }
    assert!(commands.len() > 15, "{}", commands.len());
}

pub(crate) async fn lookups_use_an_index(world: World) {
    let (client, sent) = world.listening("").await;
    let database = client.database(world.database.name());
    let (users, sessions) = (MongoUsers::new(&database, "app"), MongoSessions::new(&database, "app"));
    let ada = users.find_or_create(&identity("ada"), DateTime::now()).await.unwrap();
    users.find(&ada.id).await.unwrap();
    users.list(Some("a"), 5).await.unwrap();
    users.find_or_create(&identity("ada"), DateTime::now()).await.unwrap();
    sessions.find("1").await.unwrap();
    sessions.end_all(&ada.id).await.unwrap();
    let mut explained = 0;
    for event in sent.take() {
        if !["find", "findAndModify", "delete"].contains(&event.command_name.as_str()) {
            continue;
        }
        let mut query = event.command.clone();
        for key in ["$db", "lsid", "txnNumber", "$clusterTime", "readConcern", "writeConcern", "$readPreference"] {
            query.remove(key);
        }
        query.remove("maxTimeMS");
        let plan = world.database.run_command(doc! { "explain": query, "verbosity": "queryPlanner" }).await.unwrap();
        assert!(!plan.to_string().contains("COLLSCAN"), "{plan}");
        explained += 1;
    }
    assert!(explained >= 6, "{explained}");
}

pub(crate) async fn anonymous_users_are_purged_after_their_days(world: World) {
    let users = MongoUsers::new(&world.database, "app");
    let day = 24 * 60 * 60 * 1000;
    let anonymous = |id: &str| Identity { provider_type: ProviderType::Anonymous, ..identity(id) };
    let born = |id: &str, first: Identity| Account::new(id, first, DateTime::from_millis(0));
    let seen = |id: &str, time| Account { last_login_at: time, ..born(id, anonymous(id)) };
    let mut linked = born("linked", anonymous("2"));
    linked.identities.push(identity("lovelace"));
    let mut young = born("young", anonymous("3"));
    young.created_at = DateTime::from_millis(1);
    let back = seen("back", Some(DateTime::from_millis(1)));
    let accounts = [born("old", anonymous("1")), linked, young, born("person", identity("4")), back];
    users.import(&[seen("never", None)]).await.unwrap();
    users.import(&accounts).await.unwrap();
    let now = DateTime::from_millis(90 * day);
    let sessions = Arc::new(MongoSessions::new(&world.database, "app"));
    let everyone = Accounts::new(Arc::new(MongoUsers::new(&world.database, "app")), sessions);
    assert_eq!(everyone.delete_expired(now).await.unwrap(), 2);
    let left: Vec<_> = users.list(None, 10).await.unwrap().into_iter().map(|account| account.id).collect();
    let expected: Vec<_> = ["back", "linked", "person", "young"].into();
    assert_eq!(left, expected);
    assert!(accounts[1..].iter().all(|account| !account.has_expired(now)) && accounts[0].has_expired(now));
}

pub(crate) async fn an_unreadable_stored_session_is_an_error(world: World) {
    let sessions = MongoSessions::new(&world.database, "app");
    let collection = world.database.collection::<Document>(MongoSessions::COLLECTION);
    let epoch = DateTime::from_millis(0);
    let whole = doc! { "_id": key("1"), "user_id": "ada", "device_id": "d", "started_at": epoch, "expires_at": epoch };
    for key in ["user_id", "device_id", "started_at", "expires_at"] {
        for change in [doc! { "$unset": { key: "" } }, doc! { "$set": { key: 7 } }] {
            collection.delete_many(doc! {}).await.unwrap();
            collection.insert_one(&whole).await.unwrap();
            assert!(sessions.find("1").await.unwrap().is_some());
            collection.update_one(doc! {}, change.clone()).await.unwrap();
            let error = sessions.find("1").await.unwrap_err();
            assert!(key == "user_id" || error.to_string().contains("`ada`"), "{change}: {error}");
        }
    }
}
