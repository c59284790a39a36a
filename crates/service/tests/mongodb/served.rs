//! The application `guild` on a MongoDB server.

use std::sync::Arc;

use bson::{Bson, Document, bson, doc};
use portcullis::app::Secrets;
use portcullis::{App, User};
use portcullis_functions::{ActionName, Backend, BackendError, DataAction, Rights};
use portcullis_service::Places;
use portcullis_service::client::{ClientApi, Host, MailSettings, Served, StorePlace};
use portcullis_testkit::mongodb::World;

use crate::data::{LAWS, Source};
use crate::recorder::Application;

/// The application, with its users in the test's own database and its documents where its rules say.
async fn guild(world: &World, places: &Places) -> ClientApi {
    let app = App::load(portcullis_testkit::root().join("fixtures/served/guild")).unwrap();
    open(world, places, Arc::new(app)).await.1
}

async fn open(world: &World, places: &Places, app: Arc<App>) -> (Host, ClientApi) {
    let served = vec![Served { app, secrets: Secrets::default() }];
    let Ok(uri) = world.uri.parse();
    let mail = MailSettings::to_folder(places.state.join("mail")).unwrap();
    let (host, _) = Host::open(places.clone(), &StorePlace::Server(uri), mail).await.unwrap();
    let api = host.applications(served).unwrap().remove(0);
    (host, api)
}

fn places(world: &World) -> Places {
    let state = std::env::temp_dir().join(format!("portcullis-service-{}", bson::oid::ObjectId::new().to_hex()));
    Places { database: format!("accounts_{}", world.database.name()), ..Places::in_directory(state) }
}

/// Closes connections and removes files.
async fn end(places: Places) {
    places.clients.shut_down().await;
    let _ = std::fs::remove_dir_all(&places.state);
}

pub(crate) async fn data_sources_satisfy_the_contract_of_functions(world: World) {
    let places = places(&world);
    let api = guild(&world, &places).await;
    for (name, law) in LAWS {
        println!("{name}");
        law(Source { backend: api.functions().backend(), collection: (*name).to_owned() }).await;
    }
    drop(api);
    end(places).await;
}

pub(crate) async fn previous_documents_are_kept_for_enabled_triggers_that_ask_for_them(world: World) {
    let places = places(&world);
    let database = world.database.name();
    let on = |database: &str, collection: &str, rest: &str| {
        format!(
            r#""type": "DATABASE", "config": {{"database": "{database}", "collection": "{collection}", "operation_types": ["UPDATE"]{rest}}}"#
        )
    };
    let asks = r#", "full_document_before_change": true"#;
    let asked = on(database, "asked", asks);
    let plain = on(database, "plain", "");
    let off = format!(r#""disabled": true, {}"#, on(database, "off", asks));
    let users = on(&places.database, "users", asks);
    let app = Application::new(&[("asked", &asked), ("plain", &plain), ("off", &off), ("users", &users)]);
    let (host, api) = open(&world, &places, Arc::clone(&app.app)).await;
    let kept = host.keep_images(&[api]).await;
    let kept: Vec<(String, bool)> = kept.into_iter().map(|(name, kept)| (name.to_string(), kept.unwrap())).collect();
    assert_eq!(kept, [(format!("{database}.asked"), true)]);
    drop(host);
    end(places).await;
}

async fn act(
    backend: &Arc<dyn Backend>,
    rights: Rights,
    place: (&str, &str),
    name: ActionName,
    arguments: Document,
) -> Result<Bson, BackendError> {
    let action = DataAction {
        rights,
        service: "mongodb-atlas".to_owned(),
        database: place.0.to_owned(),
        collection: Some(place.1.to_owned()),
        name,
        arguments,
        transaction: None,
        request: None,
        by_rule: false,
    };
    backend.data(action).await
}

pub(crate) async fn pipelines_of_the_system_user_may_use_all_stages(world: World) {
    let places = places(&world);
    let api = guild(&world, &places).await;
    let backend = api.functions().backend();
    let database = world.database.name();
    let people = bson!([{ "_id": 1, "name": "Ada" }, { "_id": 2, "name": "Bob" }]);
    let system = |name, collection: &'static str, arguments| {
        act(&backend, Rights::System, (database, collection), name, arguments)
    };
    system(ActionName::InsertMany, "people", doc! { "documents": people }).await.unwrap();
    system(ActionName::InsertOne, "gold", doc! { "document": { "_id": 1, "of": 2, "n": 5 } }).await.unwrap();
    let lookup = bson!({ "$lookup": { "from": "gold", "localField": "_id", "foreignField": "of", "as": "gold" } });
    let pipeline =
        bson!([lookup, { "$match": { "$expr": { "$gt": [{ "$size": "$gold" }, 0] } } }, { "$unset": "gold" }]);
    let found = system(ActionName::Aggregate, "people", doc! { "pipeline": pipeline.clone() }).await.unwrap();
    assert_eq!(found, bson!([{ "_id": 2, "name": "Bob" }]));
    let mut written = pipeline.as_array().unwrap().clone();
    written.push(bson!({ "$out": "rich" }));
    assert_eq!(system(ActionName::Aggregate, "people", doc! { "pipeline": written }).await.unwrap(), bson!([]));
    assert_eq!(system(ActionName::Count, "rich", doc! { "filter": {} }).await.unwrap(), Bson::Int64(1));
    let regex = doc! { "filter": { "name": { "$regex": "^a", "$options": "i" } } };
    assert_eq!(system(ActionName::Count, "people", regex).await.unwrap(), Bson::Int64(1));
    let elements = doc! {
        "filter": { "_id": 9 }, "update": { "$set": { "a.$[one]": 1 } }, "arrayFilters": [{ "one": 2 }],
    };
    assert_eq!(
        system(ActionName::UpdateOne, "people", elements).await.unwrap(),
        bson!({ "matchedCount": 0, "modifiedCount": 0 })
    );
    let misspelt = system(ActionName::Find, "people", doc! { "filter": { "$who": 1 } }).await.unwrap_err();
    assert!(misspelt.message.contains("unknown top level operator: $who"), "{misspelt}");
    drop((backend, api));
    end(places).await;
}

pub(crate) async fn no_action_accesses_users_and_sessions(world: World) {
    let places = places(&world);
    let api = guild(&world, &places).await;
    let backend = api.functions().backend();
    let accounts = places.database.as_str();
    let user = || Rights::User(Arc::new(User::new("ada").without_custom_data()));
    for collection in ["users", "sessions", "password_logins", "one_time_tokens", "api_keys"] {
        for rights in [Rights::System, user()] {
            for (name, arguments) in [
                (ActionName::Find, doc! { "filter": {} }),
                (ActionName::InsertOne, doc! { "document": {} }),
                (ActionName::DeleteMany, doc! { "filter": {} }),
                (ActionName::Aggregate, doc! { "pipeline": [] }),
            ] {
                let place = (accounts, collection);
                assert!(act(&backend, rights.clone(), place, name, arguments).await.is_err(), "{collection} {name:?}");
            }
        }
        let out = doc! { "pipeline": [{ "$out": { "db": accounts, "coll": collection } }] };
        assert!(act(&backend, Rights::System, ("guild", "x"), ActionName::Aggregate, out).await.is_err());
    }
    drop((backend, api));
    end(places).await;
}
