//! Functions of the application `guild`, called by its clients, its rules and its logins.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use portcullis_server::Options;
use serde_json::{Value, json};

use crate::client::{Reply, Server, Session, claims};

const GUILD: &str = "/api/client/v2.0/app/guild-abcde";
const SESSION: &str = "/api/client/v2.0/auth/session";

/// A server of the application `guild`.
struct Guild(Server);

impl Guild {
    async fn new() -> Self {
        Self(Server::of(&["served/guild"], Options::default()).await)
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.0.post(&format!("{GUILD}/{path}"), body).await
    }

    async fn log_in(&self, provider: &str, payload: Value) -> Reply {
        self.post(&format!("auth/providers/{provider}/login"), payload).await
    }

    async fn register(&self, email: &str) -> Reply {
        self.post("auth/providers/local-userpass/register", json!({ "email": email, "password": "password" })).await
    }

    async fn by_password(&self, email: &str, password: &str) -> Reply {
        self.log_in("local-userpass", json!({ "username": email, "password": password })).await
    }

    async fn reset(&self, email: &str, password: &str, arguments: Value) -> Reply {
        let body = json!({ "email": email, "password": password, "arguments": arguments });
        self.post("auth/providers/local-userpass/reset/call", body).await
    }

    async fn somebody(&self) -> Session {
        Session::of(&self.log_in("anon-user", json!({})).await)
    }

    async fn call(&self, session: &Session, name: &str, arguments: Value) -> Reply {
        let body = json!({ "name": name, "arguments": arguments });
        self.0.ask(Method::POST, &format!("{GUILD}/functions/call"), Some(&session.access), Some(body)).await
    }

    /// The result of a function.
    async fn returned(&self, session: &Session, name: &str, arguments: Value) -> Value {
        let reply = self.call(session, name, arguments).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {reply:?}");
        reply.body
    }

    /// Calls an action of the data source.
    async fn act(&self, session: &Session, name: &str, collection: &str, mut options: Value) -> Reply {
        let names = json!({ "database": "guild", "collection": collection });
        options.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
        let body = json!({ "name": name, "arguments": [options], "service": "mongodb-atlas" });
        self.0.ask(Method::POST, &format!("{GUILD}/functions/call"), Some(&session.access), Some(body)).await
    }

    /// The session with a new access token.
    async fn refreshed(&self, session: &Session) -> Session {
        let reply = self.0.ask(Method::POST, SESSION, Some(&session.refresh), None).await;
        Session { access: reply.body["access_token"].as_str().unwrap().to_owned(), ..session.clone() }
    }

    /// The tokens that functions have stored instead of mailing them, the latest first.
    async fn mails(&self, session: &Session) -> Vec<Value> {
        let mails = self.returned(session, "mails", json!([])).await;
        mails.as_array().unwrap().clone()
    }
}

fn int(number: i32) -> Value {
    json!({ "$numberInt": number.to_string() })
}

/// An integer that a function created, in canonical extended JSON.
fn long(number: i64) -> Value {
    json!({ "$numberLong": number.to_string() })
}

#[tokio::test]
async fn a_result_is_canonical_extended_json() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    let sum = json!([{ "$numberInt": "1" }, { "$numberInt": "2" }]);
    assert_eq!(guild.returned(&ada, "sum", sum).await, json!({ "$numberInt": "3" }));
    assert_eq!(guild.returned(&ada, "sum", json!([long(1), long(2)])).await, long(3));
    assert_eq!(guild.returned(&ada, "sum", json!([1, 2])).await, long(3));
    let large = json!([{ "$numberInt": "2147483647" }, { "$numberInt": "1" }]);
    assert_eq!(guild.returned(&ada, "sum", large).await, long(2_147_483_648));
    assert_eq!(guild.returned(&ada, "nothing", json!([])).await, json!({ "$undefined": true }));
    for value in [
        json!(null),
        json!("text"),
        json!({ "$numberLong": "9223372036854775807" }),
        json!({ "$numberDouble": "1.0" }),
        json!({ "a": [{ "$oid": "65a0000000000000000000b2" }, { "$date": { "$numberLong": "0" } }] }),
        json!({ "$minKey": 1 }),
    ] {
        assert_eq!(guild.returned(&ada, "same", json!([value])).await, value);
    }
}

#[tokio::test]
async fn only_a_number_that_the_function_computes_by_itself_takes_the_type_of_the_arguments() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    for (how, expected) in [("Long", Some(5)), ("BigInt", Some(5)), ("callee", Some(5)), ("count", None)] {
        let found = guild.returned(&ada, "whole", json!([how, int(1000)])).await;
        assert!(found.get("$numberLong").is_some(), "{how}: {found}");
        if let Some(expected) = expected {
            assert_eq!(found, long(expected), "{how}");
        }
    }
}

#[tokio::test]
async fn failures_have_the_errors_that_clients_expect() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    let told = |name: &'static str| {
        let (guild, ada) = (&guild, &ada);
        async move {
            let reply = guild.call(ada, name, json!([])).await;
            let (status, code, text) = reply.failure();
            (status, code.to_owned(), text.to_owned())
        }
    };
    let failure = |status: u16, code: &str, text: &str| (status, code.to_owned(), text.to_owned());
    assert_eq!(told("gone").await, failure(404, "FunctionNotFound", "function not found: 'gone'"));
    assert_eq!(told("helper").await, failure(404, "FunctionNotFound", "function not found: 'helper'"));
    let text = "rule not matched for function \"forAdmins\"";
    assert_eq!(told("forAdmins").await, failure(400, "FunctionExecutionError", text));
    let text = "ReferenceError: 'unknown' is not defined";
    assert_eq!(told("fail").await, failure(400, "FunctionExecutionError", text));
    // Other functions can call a private one.
    assert_eq!(guild.returned(&ada, "help", json!([])).await, json!("helped"));
    let nobody =
        guild.0.ask(Method::POST, &format!("{GUILD}/functions/call"), None, Some(json!({ "name": "sum" }))).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_function_sees_the_request_without_its_token() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    let request = |name: &str| {
        Request::post(format!("{GUILD}/functions/call"))
            .header(header::AUTHORIZATION, format!("Bearer {}", ada.access))
            .header(header::USER_AGENT, "guild/1")
            .body(Body::from(json!({ "name": name, "arguments": ["hello"] }).to_string()))
            .unwrap()
    };
    let asked = guild.0.send(request("asked")).await;
    assert_eq!(asked.body, json!({ "method": "POST", "agent": "guild/1", "token": { "$undefined": true } }));
    assert_eq!(guild.0.send(request("forAgents")).await.body, json!("in"));
    assert_eq!(guild.call(&ada, "forAgents", json!([])).await.failure().1, "FunctionExecutionError");
    // The rules for the data that a function accesses also see the request.
    assert_eq!(guild.0.send(request("letters")).await.body, json!([{ "text": "hello" }]));
    assert_eq!(guild.call(&ada, "letters", json!(["bye"])).await.failure().1, "FunctionExecutionError");
    assert_eq!(guild.0.send(request("letters")).await.body, json!([{ "text": "hello" }, { "text": "hello" }]));
}

#[tokio::test]
async fn custom_data_written_by_the_creation_function_is_in_the_first_token() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    let data = &ada.claims()["user_data"];
    assert_eq!((&data["level"], &data["way"]), (&long(1), &json!("anon-user")), "{data}");
    let seen = guild.returned(&ada, "whoAmI", json!([])).await;
    assert_eq!(seen["id"], json!(ada.user_id));
    assert_eq!(seen["customData"]["level"], long(1));
    assert_eq!(seen["isSystem"], json!(false));
}

#[tokio::test]
async fn a_creation_function_that_throws_prevents_the_user() {
    let guild = Guild::new().await;
    let email = "banned@example.com";
    assert_eq!(guild.register(email).await.status, StatusCode::CREATED);
    for _ in 0..2 {
        let reply = guild.by_password(email, "password").await;
        assert_eq!((reply.failure().0, reply.failure().1), (401, "AuthError"), "{reply:?}");
    }
    let ada = guild.somebody().await;
    let members = guild.returned(&ada, "members", json!([])).await;
    assert_eq!(members, int(1), "only the anonymous user has a document");
}

#[tokio::test]
async fn a_function_sees_the_custom_data_of_the_token() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    let level = |session: Session| {
        let guild = &guild;
        async move { guild.returned(&session, "whoAmI", json!([])).await["customData"]["level"].clone() }
    };
    assert_eq!(level(ada.clone()).await, long(1));
    guild.returned(&ada, "levelUp", json!([int(5)])).await;
    assert_eq!(level(ada.clone()).await, long(1), "the token is as old as it is");
    let later = guild.refreshed(&ada).await;
    assert_eq!(level(later.clone()).await, long(5));
    assert_eq!(claims(&later.access)["user_data"]["level"], long(5));
}

#[tokio::test]
async fn rules_call_functions() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    guild.returned(&ada, "makeQuests", json!([])).await;
    let names = |found: &Value| -> Vec<String> {
        found.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let find = json!({ "sort": { "_id": 1 } });
    assert_eq!(names(&guild.act(&ada, "find", "quests", find.clone()).await.body), ["rats"]);
    assert_eq!(names(&guild.returned(&ada, "quests", json!([])).await), ["rats"]);
    assert_eq!(names(&guild.returned(&ada, "allQuests", json!([])).await), ["rats", "wolves", "dragon"]);
    guild.returned(&ada, "levelUp", json!([int(2)])).await;
    let ada = guild.refreshed(&ada).await;
    assert_eq!(names(&guild.act(&ada, "find", "quests", find.clone()).await.body), ["rats", "wolves"]);
    assert_eq!(names(&guild.returned(&ada, "quests", json!([])).await), ["rats", "wolves"]);
    let update = json!({ "query": {}, "update": { "$set": { "taken": true } } });
    let updated = guild.act(&ada, "updateMany", "quests", update).await;
    assert_eq!(updated.body, json!({ "matchedCount": int(2), "modifiedCount": int(2) }));
    let insert = |level: i32| json!({ "document": { "name": "bandits", "level": level } });
    assert_eq!(guild.act(&ada, "insertOne", "quests", insert(2)).await.status, StatusCode::OK);
    let refused = guild.act(&ada, "insertOne", "quests", insert(9)).await;
    assert_eq!(refused.failure(), (400, "NoMatchingRuleFound", "insert not permitted"));
    // The function that the rule calls throws.
    let failed = guild.act(&ada, "insertOne", "quests", insert(13)).await;
    assert_ne!(failed.status, StatusCode::OK);
    assert!(!failed.body.to_string().contains("nobody talks"), "{failed:?}");
}

#[tokio::test]
async fn mutual_recursion_of_a_rule_and_a_function_ends() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    guild.returned(&ada, "hangMirror", json!([])).await;
    assert_eq!(guild.act(&ada, "find", "mirrors", json!({})).await.body, json!([]));
    let refused = guild.act(&ada, "insertOne", "mirrors", json!({ "document": { "_id": 2 } })).await;
    assert_eq!(refused.failure(), (400, "NoMatchingRuleFound", "insert not permitted"));
}

#[tokio::test]
async fn a_function_runs_only_as_users_who_exist() {
    let guild = Guild::new().await;
    let (ada, eve) = (guild.somebody().await, guild.somebody().await);
    guild.act(&eve, "insertOne", "chest", json!({ "document": { "owner": eve.user_id, "gold": 3 } })).await;
    let counted = |id: Value| guild.call(&ada, "asSomebody", json!([id]));
    assert_eq!(counted(json!(eve.user_id)).await.body["n"], json!({ "$numberLong": "1" }));
    assert_eq!(counted(json!(ada.user_id)).await.body["n"], json!({ "$numberLong": "0" }));
    for nobody in [json!("nobody"), json!(7), json!(null)] {
        assert_eq!(counted(nobody.clone()).await.failure().1, "FunctionExecutionError", "{nobody}");
    }
}

#[tokio::test]
async fn a_transaction_of_a_function_is_atomic() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    for (id, gold) in [("red", 5), ("blue", 0)] {
        let document = json!({ "document": { "_id": id, "owner": ada.user_id, "gold": gold } });
        assert_eq!(guild.act(&ada, "insertOne", "chest", document).await.status, StatusCode::OK);
    }
    let gold = |id: &'static str| {
        let (guild, ada) = (&guild, &ada);
        async move { guild.act(ada, "findOne", "chest", json!({ "query": { "_id": id } })).await.body["gold"].clone() }
    };
    guild.returned(&ada, "pay", json!(["red", "blue", int(2)])).await;
    assert_eq!((gold("red").await, gold("blue").await), (long(3), long(2)));
    let failed = guild.call(&ada, "pay", json!(["red", "green", int(2)])).await;
    assert_eq!(failed.failure(), (400, "FunctionExecutionError", "Error: there is no such chest"));
    assert_eq!((gold("red").await, gold("blue").await), (long(3), long(2)));
}

#[tokio::test]
async fn a_transaction_that_a_function_leaves_open_is_aborted() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    let began = std::time::Instant::now();
    guild.returned(&ada, "forget", json!([])).await;
    // The next writer does not have to wait for the forgotten transaction.
    guild.returned(&ada, "makeQuests", json!([])).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(4));
    assert_eq!(guild.returned(&ada, "allQuests", json!([])).await.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_transaction_and_a_function_with_other_rights_do_not_deadlock() {
    let guild = Guild::new().await;
    let ada = guild.somebody().await;
    let told = guild.returned(&ada, "gather", json!(["red"])).await;
    assert!(told.as_str().unwrap().starts_with("the caller has a transaction open"), "{told}");
    let found = guild.act(&ada, "findOne", "chest", json!({ "query": { "_id": "red" } })).await;
    assert_eq!(found.body["owner"], json!(ada.user_id));
    assert_eq!(guild.returned(&ada, "allQuests", json!([])).await.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_confirmation_function_decides_whether_a_user_is_confirmed() {
    let guild = Guild::new().await;
    let operator = guild.somebody().await;
    assert_eq!(guild.register("ada@example.com").await.status, StatusCode::CREATED);
    Session::of(&guild.by_password("ada@example.com", "password").await);
    for email in ["eve@fail.example", "eve@throw.example"] {
        let text = format!("failed to confirm user \"{email}\"");
        for _ in 0..2 {
            assert_eq!(guild.register(email).await.failure(), (400, "BadRequest", text.as_str()));
        }
        assert_eq!(guild.by_password(email, "password").await.failure().1, "InvalidPassword");
        let again = guild.post("auth/providers/local-userpass/confirm/call", json!({ "email": email })).await;
        assert_eq!(again.failure().1, "UserNotFound");
    }
    let email = "ken@pending.example";
    assert_eq!(guild.register(email).await.status, StatusCode::CREATED);
    assert_eq!(guild.by_password(email, "password").await.failure().1, "AuthError");
    let first = guild.mails(&operator).await.remove(0);
    let call = json!({ "email": email });
    assert_eq!(guild.post("auth/providers/local-userpass/confirm/call", call.clone()).await.status, StatusCode::OK);
    let second = guild.mails(&operator).await.remove(0);
    assert_ne!(first["token"], second["token"]);
    for (mail, status) in [(first, 400), (second, 200)] {
        let body = json!({ "token": mail["token"], "tokenId": mail["tokenId"] });
        let reply = guild.post("auth/providers/local-userpass/confirm", body).await;
        assert_eq!(reply.status.as_u16(), status, "a newer token voids the older");
    }
    Session::of(&guild.by_password(email, "password").await);
    let again = guild.post("auth/providers/local-userpass/confirm/call", call).await;
    assert_eq!(again.failure().1, "UserAlreadyConfirmed");
}

#[tokio::test]
async fn a_reset_function_decides_whether_a_password_is_reset() {
    let guild = Guild::new().await;
    let operator = guild.somebody().await;
    let email = "ada@example.com";
    guild.register(email).await;
    let ada = Session::of(&guild.by_password(email, "password").await);
    let text = format!("failed to reset password for user \"{email}\"");
    for arguments in [json!([]), json!(["guess"]), json!([{ "status": "success" }])] {
        let reply = guild.reset(email, "stolen password", arguments).await;
        assert_eq!((reply.failure().0, reply.failure().2), (400, text.as_str()));
    }
    assert_eq!(guild.mails(&operator).await[0]["isCurrent"], json!(false));
    assert_eq!(guild.reset(email, "password", json!([])).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(guild.mails(&operator).await[0]["isCurrent"], json!(true), "which grants nothing");
    assert_eq!(guild.call(&ada, "nothing", json!([])).await.status, StatusCode::OK);

    assert_eq!(guild.reset(email, "new password", json!(["sesame"])).await.status, StatusCode::OK);
    assert_eq!(guild.by_password(email, "password").await.failure().1, "InvalidPassword");
    assert_eq!(guild.call(&ada, "nothing", json!([])).await.failure().1, "InvalidSession");
    Session::of(&guild.by_password(email, "new password").await);

    assert_eq!(guild.reset(email, "later password", json!(["later"])).await.status, StatusCode::OK);
    Session::of(&guild.by_password(email, "new password").await);
    let mail = guild.mails(&operator).await.remove(0);
    // A rejected attempt of someone else does not invalidate the token.
    assert_eq!(guild.reset(email, "stolen password", json!([])).await.status, StatusCode::BAD_REQUEST);
    let body = json!({ "token": mail["token"], "tokenId": mail["tokenId"], "password": "later password" });
    assert_eq!(guild.post("auth/providers/local-userpass/reset", body).await.status, StatusCode::OK);
    Session::of(&guild.by_password(email, "later password").await);

    assert_eq!(guild.reset("nobody@example.com", "password", json!(["sesame"])).await.failure().1, "UserNotFound");
    let send = guild.post("auth/providers/local-userpass/reset/send", json!({ "email": email })).await;
    assert_eq!(send.failure().2, "please use reset password via function");
}

#[tokio::test]
async fn a_login_function_returns_the_id_of_the_user() {
    let guild = Guild::new().await;
    let log_in = |payload: Value| guild.log_in("custom-function", payload);
    let device = json!({ "device": { "platform": "test" } });
    let first = Session::of(&log_in(json!({ "ticket": "ada", "options": device })).await);
    let second = Session::of(&log_in(json!({ "ticket": "ada" })).await);
    assert_eq!(first.user_id, second.user_id);
    let named = Session::of(&log_in(json!({ "ticket": "named" })).await);
    assert_ne!(named.user_id, first.user_id);
    let seen = guild.returned(&named, "whoAmI", json!([])).await;
    assert_eq!(seen["data"], json!({ "name": "Nada" }));
    let refused = log_in(json!({})).await;
    let (status, code, text) = refused.failure();
    assert_eq!((status, code), (401, "AuthError"));
    assert!(text.contains("Authentication failed: no ticket"), "{text}");
    assert_eq!(log_in(json!({ "ticket": "number" })).await.failure(), (401, "AuthError", "unauthorized"));
    assert_eq!(log_in(json!(["ada"])).await.failure().0, 400);
}
