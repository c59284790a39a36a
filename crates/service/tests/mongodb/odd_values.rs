//! `fixtures/served/odd_values.json` on MongoDB, which accepts other values than the embedded store.

use std::sync::Arc;
use std::time::Duration;

use portcullis::App;
use portcullis::app::Secrets;
use portcullis::json::{self, Node};
use portcullis_service::client::{ClientApi, ClientError, ErrorClass, Host, MailSettings, Served};
use portcullis_testkit::keys::SECRET;
use portcullis_testkit::mongodb::World;
use serde_json::{Map, Value, json};

use crate::place;
use crate::stories::{log_in_by, register};

/// Fills a value into the placeholders of a template.
fn filled(template: &Value, value: &Value, user: &str) -> Value {
    match template {
        Value::String(text) if text == "VALUE" => value.clone(),
        Value::String(text) if text == "USER" => json!(user),
        Value::Array(parts) => parts.iter().map(|part| filled(part, value, user)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(key, part)| (key.clone(), filled(part, value, user)));
            members.collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// The result of a request of the fixture; `None` if it does not concern a store, or is not valid JSON.
async fn carried_out(api: &Arc<ClientApi>, token: &str, path: &str, body: &Node) -> Option<Result<(), ClientError>> {
    if path == "CALL" {
        let user = api.bearer(token).await.unwrap();
        return Some(api.call(user, None, Some(body)).await.map(drop));
    }
    if path == "WATCH" {
        return Some(Arc::clone(api).watch(token, body).await.map(drop));
    }
    let login = path.strip_prefix("LOGIN/")?;
    if let Some(provider) = login.strip_suffix("/login") {
        return Some(api.log_in(provider, Some(body)).await.map(drop));
    }
    let email = body.get("email")?.as_str()?;
    Some(match login.strip_prefix("local-userpass/")? {
        "register" => api.register(email, body.get("password")?.as_str()?).await,
        "confirm/send" => api.send_confirmation(email).await,
        "reset/send" => api.send_reset(email).await,
        _ => return None,
    })
}

pub(crate) async fn no_client_value_causes_a_server_error(world: World) {
    let place = place(&world);
    let app = Arc::new(App::load(portcullis_testkit::root().join("fixtures/served/shop")).unwrap());
    let mut secrets = Secrets::default();
    secrets.insert("tokenKey", SECRET.as_str());
    let mail = MailSettings::to_folder(place.places.state.join("mail")).unwrap();
    let (host, _) = Host::open(place.places.clone(), &place.store, mail).await.unwrap();
    let api = Arc::new(host.applications(vec![Served { app, secrets }]).unwrap().remove(0));
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let fixture = std::fs::read_to_string(portcullis_testkit::root().join("fixtures/served/odd_values.json")).unwrap();
    let mut fixture: Value = serde_json::from_str(&fixture).unwrap();
    for value in fixture["values"].as_array_mut().unwrap() {
        match value.as_str() {
            Some("<long>") => *value = json!("long ".repeat(4000)),
            Some("<deep>") => *value = serde_json::from_str(&("[".repeat(110) + &"]".repeat(110))).unwrap(),
            _ => {}
        }
    }
    let (mut failed, mut asked, mut answered) = (Vec::new(), 0, 0);
    let begun = std::time::Instant::now();
    for request in fixture["requests"].as_array().unwrap() {
        let path = request["path"].as_str().unwrap();
        for value in fixture["values"].as_array().unwrap() {
            // Other types than strings do not reach the store, and the tests of the server hash enough passwords
            // already.
            if path.starts_with("LOGIN") && !value.is_string() {
                continue;
            }
            let body = filled(&request["body"], value, &ken.user_id).to_string();
            let Ok(node) = json::parse(&body) else { continue };
            let carried_out = carried_out(&api, &ken.access_token, path, &node);
            let told = tokio::time::timeout(Duration::from_secs(60), carried_out).await.expect("an answer");
            let Some(told) = told else { continue };
            asked += 1;
            match told {
                Ok(()) => answered += 1,
                Err(error) if error.class == ErrorClass::Internal => {
                    failed.push(format!("{path} {body:.1000}: {:?}", error.private));
                }
                Err(_) => {}
            }
        }
    }
    println!("{asked} asked, {answered} answered in {:?}", begun.elapsed());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(asked > 1000 && answered > asked / 20, "{answered} of {asked} were questions that have answers");
    let clients = place.places.clients.clone();
    drop((api, host));
    clients.shut_down().await;
}
