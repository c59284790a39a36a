//! Hidden data does not affect responses: a user sends the same requests to two servers whose documents differ only in
//! what the user may not read.

use std::path::{Path, PathBuf};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use base64::Engine as _;
use futures_util::StreamExt;
use portcullis::json;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis_server::{AccessKey, Options};
use portcullis_store::EmbeddedDocuments;
use serde_json::{Value, json};

use crate::client::{Server, Session};

const APP: &str = "/api/client/v2.0/app/employees";
const KEY: &str = "a key of at least thirty-two bytes";

fn fixture(ken: &str) -> Value {
    let path = portcullis_testkit::root().join("fixtures/served/two_worlds.json");
    let text = std::fs::read_to_string(path).unwrap().replace("\"KEN\"", &format!("\"{ken}\""));
    serde_json::from_str(&text).unwrap()
}

/// Stores the documents of a world in the state directory of a server that is not running.
async fn fill(state: &Path, collections: &Value) {
    let store = EmbeddedDocuments::open(&state.join("documents.redb")).unwrap();
    let mut transaction = store.begin().await.unwrap();
    for (collection, documents) in collections.as_object().unwrap() {
        let namespace = Namespace::parse(&format!("hr.{collection}")).unwrap();
        for document in documents.as_array().unwrap() {
            let document = json::to_document(&json::parse(&document.to_string()).unwrap()).unwrap();
            transaction.insert(&namespace, &document).await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
}

/// Creates a state directory with the accounts of another.
fn copy(state: &Path) -> PathBuf {
    let copied = state.with_file_name(format!("portcullis-world-{}", bson::oid::ObjectId::new().to_hex()));
    std::fs::create_dir(&copied).unwrap();
    for name in ["state.redb", "signing.key"] {
        std::fs::copy(state.join(name), copied.join(name)).unwrap();
    }
    copied
}

/// The application `employees` with the Data API, and with endpoints that read and count under the caller's rules.
fn served() -> PathBuf {
    let app = std::env::temp_dir().join(format!("portcullis-employees-{}", bson::oid::ObjectId::new().to_hex()));
    crate::shop::copy(&portcullis_testkit::root().join("fixtures/apps/employees"), &app);
    let write = |path: &str, text: String| {
        std::fs::create_dir_all(app.join(path).parent().unwrap()).unwrap();
        std::fs::write(app.join(path), text).unwrap();
    };
    let data_api = json!({
        "disabled": false, "versions": ["v1"], "return_type": "JSON", "validation_method": "NO_VALIDATION",
        "can_evaluate": {}, "run_as_system": false, "fetch_custom_user_data": true, "create_user_on_auth": false,
    });
    write("http_endpoints/data_api_config.json", data_api.to_string());
    let endpoint = |name: &str| {
        json!({
            "route": format!("/{name}"), "http_method": "GET", "function_name": name, "validation_method": "NO_VALIDATION",
            "respond_result": true, "fetch_custom_user_data": true, "create_user_on_auth": false, "disabled": false,
        })
    };
    write(
        "http_endpoints/config.json",
        json!([endpoint("everybody"), endpoint("howMany"), endpoint("whoEarns"), endpoint("stir")]).to_string(),
    );
    let mut functions: Value =
        serde_json::from_str(&std::fs::read_to_string(app.join("functions/config.json")).unwrap()).unwrap();
    let employees = "context.services.get('mongodb-atlas').db('hr').collection('employees')";
    for (name, body) in [
        ("everybody", format!("exports = () => {employees}.find({{}}).toArray();")),
        ("howMany", format!("exports = () => {employees}.count({{ tax_id: {{ $exists: true }} }});")),
        (
            "whoEarns",
            format!(
                "exports = async () => {{ throw new Error(JSON.stringify(await {employees}.findOne({{ salary: 5000 }}))); }};"
            ),
        ),
    ] {
        functions.as_array_mut().unwrap().push(json!({ "name": name, "private": true }));
        write(&format!("functions/{name}.js"), body);
    }
    // Changes a field of Ada's that Ken may read and, in the same update, one that he may not. Before and after, it
    // makes as many changes that are hidden from him as the request asks for.
    let stir = r#"exports = async ({ query }) => {
        const employees = context.services.get("mongodb-atlas").db("hr").collection("employees");
        const [step, hidden] = [Number(query.step), Number(query.hidden)];
        const unlisted = async () => {
            for (let n = 0; n < hidden; n++) {
                const { insertedId } = await employees.insertOne({ user_id: `u${n}`, department: "Sales", listed: false });
                await employees.updateOne({ _id: insertedId }, { $set: { salary: n } });
                await employees.updateOne({ user_id: "u2" }, { $set: { tax_id: `${step} ${n}`, notes_of_hr: [n] } });
                if (n % 2) await employees.deleteOne({ _id: insertedId });
            }
        };
        await unlisted();
        await employees.updateOne({ user_id: "u2" }, { $set: { title: `title ${step}`, tax_id: `${hidden}` } });
        await unlisted();
    };"#;
    functions.as_array_mut().unwrap().push(json!({ "name": "stir", "private": true, "run_as_system": true }));
    write("functions/stir.js", stir.to_owned());
    write("functions/config.json", functions.to_string());
    app
}

/// A complete response: the status, the headers in order, and the body. The request ID, which always differs, is
/// removed.
type Told = (u16, Vec<(String, String)>, String);

async fn ask(server: &Server, path: &str, token: &str, body: Option<&Value>) -> Told {
    let request = match body {
        Some(_) => Request::post(path),
        None => Request::get(path),
    };
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let response = server.answer(request.body(body).unwrap()).await;
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    let id = parts.headers["x-request-id"].to_str().unwrap().to_owned();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().replace(&id, "<id>")));
    (parts.status.as_u16(), headers.collect(), text.replace(&id, "<id>"))
}

async fn call(server: &Server, token: &str, request: &Value) -> Told {
    let mut argument = request["options"].clone();
    argument["database"] = json!("hr");
    argument["collection"] = request.get("in").cloned().unwrap_or_else(|| json!("employees"));
    let body = json!({ "name": request["name"], "arguments": [argument], "service": "mongodb-atlas" });
    ask(server, &format!("{APP}/functions/call"), token, Some(&body)).await
}

/// The same request to the Data API, if that has such an action.
fn of_data_api(request: &Value) -> Option<(String, Value)> {
    let name = request["name"].as_str().unwrap();
    if name == "count" || name.starts_with("findOneAnd") {
        return None;
    }
    let mut body = json!({
        "dataSource": "mongodb-atlas", "database": "hr",
        "collection": request.get("in").cloned().unwrap_or_else(|| json!("employees")),
    });
    for (key, value) in request["options"].as_object().unwrap() {
        let key = match key.as_str() {
            "query" => "filter",
            "project" => "projection",
            key => key,
        };
        body[key] = value.clone();
    }
    Some((format!("/app/employees/endpoint/data/v1/action/{name}"), body))
}

/// A gateway's question about a user.
fn question(user: &str, action: &Value, resource: &Value) -> Value {
    let mut resource = resource.clone();
    resource["type"] = json!("hr.employees");
    json!({ "subject": { "type": "user", "id": user }, "action": action, "resource": resource })
}

/// Two servers of the same application and users, with documents of one world each.
struct Worlds {
    app: PathBuf,
    ken: Session,
    /// Ken's access token, which both servers accept.
    token: String,
    servers: Vec<Server>,
    fixture: Value,
}

impl Drop for Worlds {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.app);
    }
}

async fn worlds() -> Worlds {
    let app = served();
    let name = app.to_str().unwrap();
    let options = || Options { access_keys: vec![AccessKey::new("employees", KEY)], ..Options::default() };
    let (ken, first) = {
        let server = Server::of(&[name], options()).await;
        let register = json!({ "email": "ken@example.com", "password": "password" });
        server.post(&format!("{APP}/auth/providers/local-userpass/register"), register).await;
        let login = json!({ "username": "ken@example.com", "password": "password" });
        let reply = server.post(&format!("{APP}/auth/providers/local-userpass/login"), login).await;
        (Session::of(&reply), copy(server.state()))
    };
    let second = copy(&first);
    let fixture = fixture(&ken.user_id);
    let mut servers = Vec::new();
    for (state, world) in [first, second].into_iter().zip(fixture["worlds"].as_array().unwrap()) {
        fill(&state, &fixture["shared"]).await;
        fill(&state, world).await;
        servers.push(Server::at(state, &[name], options()).await);
    }
    // Obtains a token with the current custom data.
    let path = "/api/client/v2.0/auth/session";
    let renewed = servers[0].ask(Method::POST, path, Some(&ken.refresh), None).await;
    let token = renewed.body["access_token"].as_str().unwrap().to_owned();
    Worlds { app, ken, token, servers, fixture }
}

#[tokio::test]
async fn two_worlds_that_differ_in_hidden_data_are_indistinguishable() {
    let Worlds { ken, token, servers, fixture, .. } = &worlds().await;
    let parsed = |told: &Told| serde_json::from_str(&told.2).unwrap_or(Value::Null);

    let (mut found, mut refused, mut written) = (0, 0, 0);
    for request in fixture["requests"].as_array().unwrap() {
        let told = call(&servers[0], token, request).await;
        assert_eq!(told, call(&servers[1], token, request).await, "{request}");
        let body = parsed(&told);
        found += usize::from(body.as_array().is_some_and(|found| !found.is_empty()));
        refused += usize::from(told.0 != 200);
        written += usize::from(body["modifiedCount"]["$numberInt"] == "1");
    }
    // The requests were meaningful ones.
    assert!(found >= 20 && refused >= 5 && written >= 1, "{found} found, {refused} refused, {written} written");

    let (mut found, mut refused) = (0, 0);
    for (path, body) in fixture["requests"].as_array().unwrap().iter().filter_map(of_data_api) {
        let told = ask(&servers[0], &path, token, Some(&body)).await;
        assert_eq!(told, ask(&servers[1], &path, token, Some(&body)).await, "{path} {body}");
        found += usize::from(parsed(&told)["documents"].as_array().is_some_and(|found| !found.is_empty()));
        refused += usize::from(told.0 != 200);
    }
    assert!(found >= 15 && refused >= 5, "{found} found, {refused} refused");

    for (endpoint, status) in [("everybody", 200), ("howMany", 200), ("whoEarns", 400)] {
        let path = format!("/app/employees/endpoint/{endpoint}");
        let told = ask(&servers[0], &path, token, None).await;
        assert_eq!(told.0, status, "{told:?}");
        assert_eq!(told, ask(&servers[1], &path, token, None).await, "{endpoint}");
    }

    // Gateways learn the reason of a denial, and so whether a document exists. What they pass on is the decision alone.
    let (mut allowed, mut denied) = (0, 0);
    let (ids, actions) = (&fixture["access"]["ids"], &fixture["access"]["actions"]);
    for (id, action) in
        ids.as_array().unwrap().iter().flat_map(|id| actions.as_array().unwrap().iter().map(move |one| (id, one)))
    {
        let asked = question(&ken.user_id, action, &json!({ "id": id }));
        let mut decisions = Vec::new();
        for server in servers {
            let told = ask(server, "/access/v1/evaluation", KEY, Some(&asked)).await;
            assert_eq!(told.0, 200, "{told:?}");
            let all = json!({ "evaluations": [asked] });
            let among = ask(server, "/access/v1/evaluations", KEY, Some(&all)).await;
            assert_eq!(parsed(&among)["evaluations"][0], parsed(&told));
            decisions.push(parsed(&told)["decision"].as_bool().unwrap());
        }
        assert_eq!(decisions[0], decisions[1], "{asked}");
        *(if decisions[0] { &mut allowed } else { &mut denied }) += 1;
    }
    assert!(allowed >= 2 && denied >= 8, "{allowed} allowed, {denied} denied");
    for page in [json!({}), json!({ "limit": 1 }), json!({ "limit": 2 }), json!({ "token": "1", "limit": 1 })] {
        let mut asked = question(&ken.user_id, &json!({ "name": "read" }), &json!({}));
        asked["page"] = page;
        let told = ask(&servers[0], "/access/v1/search/resource", KEY, Some(&asked)).await;
        assert!(!parsed(&told)["results"].as_array().unwrap().is_empty(), "{told:?}");
        assert_eq!(told, ask(&servers[1], "/access/v1/search/resource", KEY, Some(&asked)).await, "{asked}");
    }
}

/// The text of a stream without the parts that may differ between servers: the names of positions, which are keyed
/// hashes, and the times in seconds.
fn without_names_and_times(text: &str) -> String {
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_second = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() >= 10;
    let parts = text.split_inclusive(['"', ',']).map(|part| {
        let end = part.len() - 1;
        let (value, end) = part.split_at(end);
        let value = match value.strip_prefix("\"").unwrap_or(value).split_once(":") {
            None if is_hash(value) => "<name>".to_owned(),
            Some(("", second)) if is_second(second) => ":<second>".to_owned(),
            _ => value.to_owned(),
        };
        value + end
    });
    parts.collect()
}

#[tokio::test]
async fn streams_of_two_worlds_are_identical_byte_for_byte() {
    const CALL: &str = r#"{"name": "watch", "service": "mongodb-atlas", "arguments": [{"database": "hr", "collection": "employees"}]}"#;
    let Worlds { token, servers, .. } = &worlds().await;
    let call = base64::engine::general_purpose::STANDARD.encode(CALL).replace('=', "%3D");
    let mut told = Vec::new();
    for (server, hidden) in servers.iter().zip([0, 5]) {
        let request = Request::get(format!("{APP}/functions/call?baas_request={call}&baas_at={token}"));
        let response = server.answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        let mut stream = response.into_body().into_data_stream();
        for step in 0..4 {
            let path = format!("/app/employees/endpoint/stir?step={step}&hidden={hidden}");
            let stirred = ask(server, &path, token, None).await;
            assert!((200..300).contains(&stirred.0), "{stirred:?}");
        }
        let mut text = String::new();
        let read = async {
            while text.matches("data: ").count() < 4 || !text.ends_with("\n\n") {
                text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), read).await.expect("the stream is silent");
        told.push(without_names_and_times(&text));
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].contains("title 3") && !told[0].contains("tax_id"), "{}", told[0]);
    assert_eq!((told[0].matches("<name>").count(), told[0].matches("<second>").count()), (4, 4), "{}", told[0]);
}
