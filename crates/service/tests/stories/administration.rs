//! What administrators do without a client.

use std::fs;

use portcullis::UserType;
use serde_json::{Value, json};

use super::{CodeName as _, PASSWORD, Place, credentials, log_in_by, log_in_by_key, register, told, users};

pub(super) async fn a_created_user_can_log_in_immediately(place: Place) {
    let api = place.open().await;
    let id = api.add_user("ken@example.com", PASSWORD).await.unwrap();
    let [made] = &users(&api).await[..] else { panic!("one user") };
    assert_eq!((&made.id, made.last_login_at, made.is_unclaimed), (&id, None, false));
    assert_eq!(told(api.add_user("ken@example.com", PASSWORD).await).code_name(), "AccountNameInUse");
    assert_eq!(told(api.add_user("zoe@example.com", "short").await).code_name(), "BadRequest");
    assert_eq!(told(api.add_user("", PASSWORD).await).code_name(), "BadRequest");
    let ken = log_in_by(&api, "ken@example.com").await;
    assert_eq!(ken.user_id, id);
    assert_eq!(api.profile(&ken.access_token).await.unwrap()["data"], json!({ "email": "ken@example.com" }));
    assert_eq!(users(&api).await.len(), 1);
}

pub(super) async fn a_user_refused_by_the_creation_function_leaves_nothing(place: Place) {
    let (from, app) = (portcullis_testkit::root().join("fixtures/served/moved"), place.path("app"));
    for file in ["realm_config.json", "auth/providers.json", "data_sources/mongodb-atlas/config.json"] {
        fs::create_dir_all(app.join(file).parent().unwrap()).unwrap();
        fs::copy(from.join(file), app.join(file)).unwrap();
    }
    let custom_data = fs::read_to_string(from.join("auth/custom_user_data.json")).unwrap();
    let mut custom_data: Value = serde_json::from_str(&custom_data).unwrap();
    custom_data["on_user_creation_function_name"] = json!("welcome");
    fs::write(app.join("auth/custom_user_data.json"), custom_data.to_string()).unwrap();
    let api = place.open_app(app).await;
    let refused = told(api.add_user("ken@example.com", PASSWORD).await);
    assert_eq!(refused.code_name(), "AuthError");
    assert!(refused.private.unwrap().contains("`welcome`"), "the administrator learns which function");
    assert_eq!(users(&api).await, []);
    let login = api.log_in("local-userpass", Some(&credentials("ken@example.com", PASSWORD))).await;
    assert_eq!(told(login).code_name(), "InvalidPassword");
    register(&api, "ken@example.com").await;
}

pub(super) async fn a_set_password_ends_sessions_and_disables_keys(place: Place) {
    let api = place.open().await;
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let key = api.create_key(&ken.refresh_token, Some("one")).await.unwrap();
    let by_key = log_in_by_key(&api, &key.key).await.unwrap();
    let administration = api.administration();
    assert_eq!(told(administration.set_password("ken@example.com", "short").await).code_name(), "BadRequest");
    assert_eq!(told(administration.set_password("Ken@example.com", "another").await).code_name(), "UserNotFound");
    api.bearer(&ken.access_token).await.unwrap();
    let done = administration.set_password("ken@example.com", "another").await.unwrap();
    assert_eq!((done.sessions, done.keys), (2, 1));
    for ended in [&ken, &by_key] {
        assert_eq!(told(api.bearer(&ended.access_token).await).code_name(), "InvalidSession");
    }
    assert_eq!(told(log_in_by_key(&api, &key.key).await).code_name(), "AuthError");
    let old = api.log_in("local-userpass", Some(&credentials("ken@example.com", PASSWORD))).await;
    assert_eq!(told(old).code_name(), "InvalidPassword");
    let again = api.log_in("local-userpass", Some(&credentials("ken@example.com", "another"))).await.unwrap();
    assert_eq!(again.user_id, ken.user_id);
}

pub(super) async fn a_server_key_has_a_user_that_is_deleted_with_it(place: Place) {
    let api = place.open().await;
    let administration = api.administration();
    let one = administration.create_server_key("one").await.unwrap();
    let other = administration.create_server_key("other").await.unwrap();
    assert_eq!(told(administration.create_server_key("one").await).code_name(), "APIKeyAlreadyExists");
    assert_eq!(told(administration.create_server_key("a b").await).code_name(), "InvalidParameter");
    let names: Vec<String> = administration.server_keys().await.unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["one", "other"]);
    let (first, second) =
        (log_in_by_key(&api, &one.key).await.unwrap(), log_in_by_key(&api, &other.key).await.unwrap());
    assert_eq!(api.bearer(&first.access_token).await.unwrap().kind, UserType::Server);
    assert_eq!(told(administration.delete_server_key("nothing").await).code_name(), "APIKeyNotFound");
    assert_eq!(administration.delete_server_key("one").await.unwrap().id, one.id);
    assert_eq!(told(api.bearer(&first.access_token).await).code_name(), "InvalidSession");
    assert_eq!(told(log_in_by_key(&api, &one.key).await).code_name(), "AuthError");
    let left: Vec<String> = users(&api).await.into_iter().map(|account| account.id).collect();
    assert_eq!(left, std::slice::from_ref(&second.user_id));
    // Deleting the user of a server key deletes the key, too.
    assert!(administration.delete(&second.user_id).await.unwrap());
    assert_eq!(told(log_in_by_key(&api, &other.key).await).code_name(), "AuthError");
    assert!(administration.server_keys().await.unwrap().is_empty());
}

pub(super) async fn a_server_key_is_disabled_immediately(place: Place) {
    let api = place.open().await;
    let administration = api.administration();
    let one = administration.create_server_key("one").await.unwrap();
    let apart = administration.create_server_key("apart").await.unwrap();
    let (first, second) =
        (log_in_by_key(&api, &one.key).await.unwrap(), log_in_by_key(&api, &apart.key).await.unwrap());
    assert_eq!(told(administration.set_server_key_disabled("nothing", true).await).code_name(), "APIKeyNotFound");
    assert!(administration.set_server_key_disabled("one", true).await.unwrap().is_disabled);
    assert_eq!(told(api.bearer(&first.access_token).await).code_name(), "InvalidSession");
    assert_eq!(told(api.refresh(&first.refresh_token).await).code_name(), "InvalidSession");
    assert_eq!(told(log_in_by_key(&api, &one.key).await).code_name(), "AuthError");
    api.bearer(&second.access_token).await.unwrap();
    let states: Vec<bool> = administration.server_keys().await.unwrap().iter().map(|key| key.is_disabled).collect();
    assert_eq!(states, [true, false]);
    // Keys can also be named by ID. The user is the same as before, and earlier sessions stay ended.
    assert!(!administration.set_server_key_disabled(&one.id, false).await.unwrap().is_disabled);
    assert_eq!(told(api.bearer(&first.access_token).await).code_name(), "InvalidSession");
    assert_eq!(log_in_by_key(&api, &one.key).await.unwrap().user_id, first.user_id);
}

pub(super) async fn an_address_is_confirmed(place: Place) {
    let (from, app) = (portcullis_testkit::root().join("fixtures/served/moved"), place.path("app"));
    fs::create_dir_all(app.join("auth")).unwrap();
    fs::copy(from.join("realm_config.json"), app.join("realm_config.json")).unwrap();
    let providers = fs::read_to_string(from.join("auth/providers.json")).unwrap();
    let mut providers: Value = serde_json::from_str(&providers).unwrap();
    providers["local-userpass"]["config"] = json!({ "emailConfirmationUrl": "https://moved.example/confirm" });
    fs::write(app.join("auth/providers.json"), providers.to_string()).unwrap();
    let api = place.open_app(app).await;
    register(&api, "ken@example.com").await;
    let log_in = async || api.log_in("local-userpass", Some(&credentials("ken@example.com", PASSWORD))).await;
    assert_eq!(told(log_in().await).code_name(), "AuthError");
    let administration = api.administration();
    assert_eq!(told(administration.confirm("Ken@example.com").await).code_name(), "UserNotFound");
    assert!(administration.confirm("ken@example.com").await.unwrap());
    assert!(!administration.confirm("ken@example.com").await.unwrap());
    log_in().await.unwrap();
}
