//! A trigger that maintains `lastLogin` in the custom-data document, step by step; and which events triggers receive.

use std::sync::Arc;

use bson::{Bson, DateTime, Document, doc};
use portcullis::auth::{CustomDataConfig, ProviderType};
use portcullis::login::{Freshness, Login, UserCreation, UserCreationRefused};
use portcullis::store::documents::{Change, DocumentStore, Find, Namespace};
use portcullis::store::{Credentials, PasswordLogin, Users};
use portcullis::{BoxFuture, CustomData, User, json};
use portcullis_service::client::StoredCustomData;
use portcullis_store::{Embedded, EmbeddedDocuments};

use super::house::{authenticator, identity, start};
use super::recorder::{Application, Recorder};

fn users() -> Namespace {
    Namespace::parse("app.users").unwrap()
}

/// Creates the custom-data document of a new user, like `on_user_creation_function_name`.
struct Creation(Arc<EmbeddedDocuments>);

impl UserCreation for Creation {
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>> {
        Box::pin(async move {
            let document = doc! { "_id": &user.id, "user_id": &user.id, "email": user.data.get_str("email").unwrap() };
            write(&self.0, document).await;
            Ok(())
        })
    }
}

async fn write(documents: &EmbeddedDocuments, document: Document) {
    let mut transaction = documents.begin().await.unwrap();
    transaction.insert(&users(), &document).await.unwrap();
    transaction.commit().await.unwrap();
}

/// The function of the LOGIN trigger.
async fn set_last_login(documents: &EmbeddedDocuments, event: &Document) {
    let id = event.get_document("user").unwrap().get_str("id").unwrap();
    let update = doc! { "$set": { "lastLogin": event.get_datetime("time").unwrap() } };
    let change = Change::Operators { update, array_filters: Vec::new() };
    let mut transaction = documents.begin().await.unwrap();
    transaction.update(&users(), &doc! { "user_id": id }, &change, false).await.unwrap();
    transaction.commit().await.unwrap();
}

fn last_login(user: &User) -> Option<DateTime> {
    match &user.custom_data {
        CustomData::Loaded(data) => data.get_datetime("lastLogin").ok().copied(),
        other => panic!("no custom data: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_authentication_date_is_that_of_the_previous_login() {
    let app = Application::new(&[
        (
            "onCreate",
            r#""type": "AUTHENTICATION", "config": {"operation_type": "CREATE", "providers": ["local-userpass"]}"#,
        ),
        (
            "onLogin",
            r#""type": "AUTHENTICATION", "config": {"operation_type": "LOGIN", "providers": ["local-userpass"]}"#,
        ),
        (
            "onDelete",
            r#""type": "AUTHENTICATION", "config": {"operation_type": "DELETE", "providers": ["local-userpass"]}"#,
        ),
    ]);
    let store = Arc::new(Embedded::in_memory("app-abcde").unwrap());
    let documents = Arc::new(EmbeddedDocuments::in_memory().unwrap());
    let written = Arc::clone(&documents);
    let functions = Recorder::new(move |event| {
        let documents = Arc::clone(&written);
        Box::pin(async move {
            let event = event.unwrap().as_document().unwrap().clone();
            if event.get_str("operationType").unwrap() == "LOGIN" {
                set_last_login(&documents, &event).await;
            }
            Ok(())
        })
    });
    let config = r#"{"enabled": true, "database_name": "app", "collection_name": "users", "user_id_field": "user_id"}"#;
    let config = CustomDataConfig::compile(&json::parse(config).unwrap()).unwrap();
    let shared: Arc<dyn DocumentStore> = Arc::<EmbeddedDocuments>::clone(&documents);
    let authenticator = authenticator(&app, &store)
        .with_custom_data(Arc::new(StoredCustomData::new(shared, config).unwrap()))
        .with_user_creation(Arc::new(Creation(Arc::clone(&documents))));

    // 1: registering does not create a user.
    let login = PasswordLogin {
        id: "ada".to_owned(),
        email: "ada@example.com".to_owned(),
        hash: Some("x".to_owned()),
        is_confirmed: true,
        created_at: DateTime::now(),
    };
    assert!(store.add_login(&login).await.unwrap());
    assert!(store.list(None, 10).await.unwrap().is_empty());

    // 2 to 4: the first login; the first token contains the document that the creation function wrote.
    let first: Login = authenticator.log_in_as(identity("ada"), None).await.unwrap();
    let snapshot = authenticator.authenticate(&first.access_token, Freshness::Snapshot).await.unwrap().user;
    assert_eq!((last_login(&snapshot), &snapshot), (None, &first.user));
    assert!(functions.told().is_empty(), "no login waits for a trigger");

    // 5: afterwards CREATE and LOGIN are delivered, each to its own trigger.
    let runner = start(&app, &store, &functions);
    functions.wait(2).await;
    let mut events = functions.events();
    events.sort_by_key(|event| event.get_str("operationType").unwrap().to_owned());
    for (event, operation) in events.iter().zip(["CREATE", "LOGIN"]) {
        assert_eq!(event.get_str("operationType").unwrap(), operation);
        assert_eq!(event.get_array("providers").unwrap(), &[Bson::from("local-userpass")]);
        let user = event.get_document("user").unwrap();
        assert_eq!(user.get_str("id").unwrap(), first.user.id);
        assert_eq!(user.get_document("data").unwrap(), &doc! { "email": "ada" });
        assert_eq!(user.get_array("identities").unwrap().len(), 1);
        assert!(user.get_document("custom_data").is_ok(), "{operation}: {user}");
        assert!(event.get_datetime("time").is_ok());
    }
    let first_time = *events[1].get_datetime("time").unwrap();
    let found =
        documents.find(&users(), &Find::by(doc! { "lastLogin": first_time })).await.unwrap().batch().await.unwrap();
    assert_eq!(found.len(), 1);
    // The session continues, and its token is unchanged.
    let still = authenticator.authenticate(&first.access_token, Freshness::Snapshot).await.unwrap().user;
    assert_eq!(last_login(&still), None);

    // 6: a new token contains the time; refreshing or renewing a token is not a login.
    let refreshed = authenticator.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(last_login(&refreshed.user), Some(first_time));
    let renewed = authenticator.renew(&first.access_token).await.unwrap();
    assert_eq!(last_login(&renewed.user), Some(first_time));

    // 7: the token of the next login contains the time of the previous one, which is then updated.
    let second = authenticator.log_in_as(identity("ada"), None).await.unwrap();
    assert_eq!(last_login(&second.user), Some(first_time));
    functions.wait(3).await;
    let event = functions.events().pop().unwrap();
    assert_eq!(event.get_str("operationType").unwrap(), "LOGIN");
    assert!(*event.get_datetime("time").unwrap() >= first_time);
    // The user in the event is the one in the token.
    let data = event.get_document("user").unwrap().get_document("custom_data").unwrap();
    assert_eq!(data.get_datetime("lastLogin").unwrap(), &first_time);

    // The event of a deletion contains the whole user, too.
    authenticator.accounts().delete(&first.user.id).await.unwrap();
    functions.wait(4).await;
    let event = functions.events().pop().unwrap();
    assert_eq!(event.get_str("operationType").unwrap(), "DELETE");
    let data = event.get_document("user").unwrap().get_document("custom_data").unwrap();
    assert!(*data.get_datetime("lastLogin").unwrap() >= first_time);
    runner.shut_down().await;
    assert_eq!(functions.told().len(), 4, "{:?}", functions.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_users_without_custom_data_have_empty_custom_data() {
    let event = |name: &'static str| {
        let config = match name {
            "CREATE" => r#""type": "AUTHENTICATION", "config": {"operation_type": "CREATE"}"#,
            _ => r#""type": "AUTHENTICATION", "config": {"operation_type": "LOGIN"}"#,
        };
        (name, config)
    };
    let app = Application::new(&[event("CREATE"), event("LOGIN")]);
    let config = r#"{"enabled": true, "database_name": "app", "collection_name": "users", "user_id_field": "user_id"}"#;
    let config = CustomDataConfig::compile(&json::parse(config).unwrap()).unwrap();
    for is_kept in [true, false] {
        let store = Arc::new(Embedded::in_memory("app-abcde").unwrap());
        let functions = Recorder::quiet();
        let mut authenticator = authenticator(&app, &store);
        if is_kept {
            let documents: Arc<dyn DocumentStore> = Arc::new(EmbeddedDocuments::in_memory().unwrap());
            let documents = StoredCustomData::new(documents, config.clone()).unwrap();
            authenticator = authenticator.with_custom_data(Arc::new(documents));
        }
        authenticator.log_in_as(identity("ada"), None).await.unwrap();
        let runner = start(&app, &store, &functions);
        functions.wait(2).await;
        runner.shut_down().await;
        for event in functions.events() {
            let user = event.get_document("user").unwrap();
            assert_eq!(user.get_document("custom_data").ok(), Some(&doc! {}), "{event}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_receives_only_its_operations_and_providers() {
    let app = Application::new(&[
        (
            "gone",
            r#""type": "AUTHENTICATION", "config": {"operation_type": ["DELETE", "CREATE"], "providers": ["custom-token"]}"#,
        ),
        ("keys", r#""type": "AUTHENTICATION", "config": {"operation_type": "LOGIN", "providers": ["api-key"]}"#),
        ("off", r#""type": "AUTHENTICATION", "disabled": true, "config": {"operation_type": "LOGIN"}"#),
    ]);
    let store = Arc::new(Embedded::in_memory("app-abcde").unwrap());
    let (authenticator, functions) = (authenticator(&app, &store), Recorder::quiet());
    let ada = authenticator.log_in_as(identity("ada"), None).await.unwrap().user.id;
    let other = portcullis::store::Identity { provider_type: ProviderType::CustomToken, id: "x".into(), data: doc! {} };
    authenticator.link_as(&ada, &other).await.unwrap();
    let eve = authenticator.log_in_as(identity("eve"), None).await.unwrap().user.id;
    // The first login of this user was never completed, so no CREATE event was recorded.
    let pending =
        store.find_or_create(&portcullis::store::Identity { id: "y".into(), ..other }, DateTime::now()).await.unwrap();
    let accounts = authenticator.accounts();
    for id in [&ada, &eve, &pending.id] {
        assert!(accounts.delete(id).await.unwrap().is_some());
    }
    let runner = start(&app, &store, &functions);
    functions.wait(1).await;
    runner.shut_down().await;
    let events = functions.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.get_str("operationType").unwrap(), "DELETE");
    assert_eq!(event.get_array("providers").unwrap(), &[Bson::from("local-userpass"), Bson::from("custom-token")]);
    let user = event.get_document("user").unwrap();
    assert_eq!((user.get_str("id").unwrap(), user.get_array("identities").unwrap().len()), (ada.as_str(), 2));
    assert_eq!(user.get_document("custom_data").unwrap(), &doc! {});
}
