//! Registration, confirmation and password reset.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::client::{NOTES, Server, Session};

const OTHER: &str = "/api/client/v2.0/app/other-abcde";

async fn password(server: &Server, app: &str, path: &str, body: Value) -> (u16, String, String) {
    let reply = server.post(&format!("{app}/auth/providers/local-userpass/{path}"), body).await;
    let (status, code, text) = reply.failure();
    (status, code.to_owned(), text.to_owned())
}

fn told(status: u16, code: &str, text: &str) -> (u16, String, String) {
    (status, code.to_owned(), text.to_owned())
}

#[tokio::test]
async fn invalid_registrations_are_refused() {
    let server = Server::new().await;
    let length = told(400, "BadRequest", "password must be between 6 and 128 characters");
    let register = |email: &str, text: &str| {
        let body = json!({ "email": email, "password": text });
        password(&server, NOTES, "register", body)
    };
    assert_eq!(register("", "password").await, told(400, "BadRequest", "email invalid"));
    assert_eq!(register("a@x", "short").await, length);
    assert_eq!(register("a@x", &"x".repeat(129)).await, length);
    assert_eq!(register("a@x", &"ü".repeat(128)).await, told(201, "", ""));
    assert_eq!(register("a@x", "password").await, told(409, "AccountNameInUse", "name already in use"));
    assert_eq!(register("A@x", "password").await, told(201, "", ""));
    let long = "x".repeat(1024);
    assert_eq!(register(&long, "password").await, told(201, "", ""));
    assert_eq!(register(&long, "password").await, told(409, "AccountNameInUse", "name already in use"));
    assert_eq!(register(&format!("{long}x"), "password").await, told(400, "BadRequest", "email invalid"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_indistinguishable() {
    let server = Server::new().await;
    server.register("ken@example.com", "password").await;
    for (username, text) in [("ken@example.com", "Password"), ("ken@example.com", ""), ("nobody@x", "password")] {
        let reply = server.log_in("local-userpass", json!({ "username": username, "password": text })).await;
        assert_eq!(reply.failure(), (401, "InvalidPassword", "unauthorized"));
    }
}

#[tokio::test]
async fn a_confirmation_mail_confirms_its_address_once() {
    let server = Server::new().await;
    let path = format!("{OTHER}/auth/providers/local-userpass/login");
    let login = || server.post(&path, json!({ "username": "ken@x", "password": "password" }));
    let body = json!({ "email": "ken@x", "password": "password" });
    assert_eq!(password(&server, OTHER, "register", body).await.0, 201);
    assert_eq!(login().await.failure(), (401, "AuthError", "unauthorized"));
    password(&server, OTHER, "confirm/send", json!({ "email": "ken@x" })).await;
    let mails = server.mails();
    let (first, second) =
        (link(&mails[0], "https://other.example/confirm?"), link(&mails[1], "https://other.example/confirm?"));
    let invalid = told(400, "UserpassTokenInvalid", "userpass token is expired or invalid");
    assert_eq!(password(&server, OTHER, "confirm", first).await, invalid, "a newer one voids it");
    let wrong = json!({ "token": "0".repeat(128), "tokenId": second["tokenId"] });
    let of_another = json!({ "token": second["token"], "tokenId": "0".repeat(24) });
    for body in [wrong.clone(), of_another] {
        assert_eq!(password(&server, OTHER, "confirm", body.clone()).await, invalid, "{body}");
    }
    let (token, id) = (&second["token"], &second["tokenId"]);
    for body in [
        json!(null),
        json!({}),
        json!({ "token": token }),
        json!({ "tokenId": id }),
        json!({ "token": null, "tokenId": null }),
        json!({ "token": [token], "tokenId": { "$gt": "" } }),
        json!({ "token": { "$gt": "" }, "tokenId": id }),
        json!({ "token": token, "tokenId": { "$oid": id } }),
        json!({ "token": "x", "tokenId": "y" }),
        json!({ "token": format!("{}0", token.as_str().unwrap()), "tokenId": id }),
        json!({ "token": token.as_str().unwrap().get(1..).unwrap(), "tokenId": id }),
        json!({ "token": format!(" {}", token.as_str().unwrap().get(1..).unwrap()), "tokenId": id }),
        json!({ "token": id, "tokenId": token }),
    ] {
        let malformed = told(400, "BadRequest", "invalid token data");
        assert_eq!(password(&server, OTHER, "confirm", body.clone()).await, malformed, "{body}");
        let reset = password(&server, OTHER, "reset", json!({ "password": "another one" })).await;
        assert_eq!(reset, malformed);
    }
    assert_eq!(login().await.failure(), (401, "AuthError", "unauthorized"), "nobody has confirmed it yet");
    assert_eq!(password(&server, OTHER, "confirm", second.clone()).await.0, 200);
    assert_eq!(password(&server, OTHER, "confirm", second).await, invalid);
    assert_eq!(password(&server, OTHER, "confirm", wrong).await, invalid);
    Session::of(&login().await);
    let already = told(400, "UserAlreadyConfirmed", "already confirmed");
    assert_eq!(password(&server, OTHER, "confirm/send", json!({ "email": "ken@x" })).await, already);
    let unknown = told(404, "UserNotFound", "user not found");
    assert_eq!(password(&server, OTHER, "confirm/send", json!({ "email": "nobody@x" })).await, unknown);
    let automatic = "cannot run confirmation for nobody@x: automatic confirmation is enabled";
    assert_eq!(
        password(&server, NOTES, "confirm/call", json!({ "email": "nobody@x" })).await,
        told(400, "", automatic)
    );
}

#[tokio::test]
async fn resetting_a_password_by_mail_ends_sessions() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let unknown = told(404, "UserNotFound", "user not found");
    assert_eq!(password(&server, NOTES, "reset/send", json!({ "email": "nobody@x" })).await, unknown);
    assert_eq!(password(&server, NOTES, "reset/send", json!({ "email": "ken@example.com" })).await.0, 200);
    let mut body = link(&server.mails()[0], "https://notes.example/reset?");
    // A wrong guess does not invalidate the token.
    let guess = json!({ "token": "0".repeat(128), "tokenId": body["tokenId"], "password": "another one" });
    assert_eq!(password(&server, NOTES, "reset", guess).await.1, "UserpassTokenInvalid");
    let confirm = json!({ "token": body["token"], "tokenId": body["tokenId"] });
    assert_eq!(password(&server, NOTES, "confirm", confirm).await.1, "UserpassTokenInvalid");
    body["password"] = json!("short");
    assert_eq!(password(&server, NOTES, "reset", body.clone()).await.1, "BadRequest");
    body["password"] = json!("another one");
    assert_eq!(password(&server, NOTES, "reset", body.clone()).await.0, 200);
    assert_eq!(password(&server, NOTES, "reset", body).await.1, "UserpassTokenInvalid");
    assert_eq!(server.call(&ken, "find", "notes", json!({})).await.failure().1, "InvalidSession");
    let old = json!({ "username": "ken@example.com", "password": "password" });
    assert_eq!(server.log_in("local-userpass", old).await.failure().1, "InvalidPassword");
    let new = json!({ "username": "ken@example.com", "password": "another one" });
    assert_eq!(server.log_in("local-userpass", new).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_reset_function_that_is_not_run_fails_like_one_that_refuses() {
    let server = Server::new().await;
    server.register("ken@example.com", "password").await;
    let body = json!({ "email": "ken@example.com", "password": "another one", "arguments": [] });
    let failed = told(400, "", "failed to reset password for user \"ken@example.com\"");
    assert_eq!(password(&server, NOTES, "reset/call", body).await, failed);
    let body = json!({ "email": "nobody@x", "password": "another one" });
    assert_eq!(password(&server, NOTES, "reset/call", body).await.1, "UserNotFound");
}

/// The token in a mail, in the form in which clients send it.
fn link(mail: &str, address: &str) -> Value {
    let at = mail.find(address).unwrap_or_else(|| panic!("{mail}"));
    let query = mail[at + address.len()..].split_whitespace().next().unwrap();
    let part = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)).unwrap().to_owned();
    json!({ "token": part("token="), "tokenId": part("tokenId=") })
}
