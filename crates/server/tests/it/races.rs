//! Concurrent requests that conflict.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::client::{AUTH, NOTES, Reply, Server, Session};

/// The number of concurrent attempts.
const CONCURRENT: usize = 8;

fn count(replies: &[Reply], status: StatusCode) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

async fn all<T>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_several_concurrent_registrations_wins_with_its_password() {
    let server = Arc::new(Server::new().await);
    let register = |n: usize| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.register("ken@example.com", &format!("password {n}")).await })
    };
    let replies = all((0..CONCURRENT).map(register).collect()).await;
    assert_eq!((count(&replies, StatusCode::CREATED), count(&replies, StatusCode::CONFLICT)), (1, CONCURRENT - 1));
    let winner = replies.iter().position(|reply| reply.status == StatusCode::CREATED).unwrap();
    for n in 0..CONCURRENT {
        let payload = json!({ "username": "ken@example.com", "password": format!("password {n}") });
        let expected = if n == winner { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(server.log_in("local-userpass", payload).await.status, expected, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrently_linked_credentials_belong_to_exactly_one_user() {
    let server = Arc::new(Server::new().await);
    for round in 0..4 {
        let email = format!("ken{round}@example.com");
        assert_eq!(server.register(&email, "password").await.status, StatusCode::CREATED);
        let mut guests = Vec::new();
        for _ in 0..CONCURRENT {
            guests.push(Session::of(&server.log_in("anon-user", json!({})).await));
        }
        let payload = json!({ "username": email, "password": "password" });
        let mut tasks: Vec<_> = guests
            .iter()
            .map(|guest| {
                let (server, token, payload) = (Arc::clone(&server), guest.access.clone(), payload.clone());
                let path = format!("{NOTES}/auth/providers/local-userpass/login?link=true");
                tokio::spawn(async move { server.ask(Method::POST, &path, Some(&token), Some(payload)).await })
            })
            .collect();
        {
            let (server, payload) = (Arc::clone(&server), payload.clone());
            tasks.push(tokio::spawn(async move { server.log_in("local-userpass", payload).await }));
        }
        let replies = all(tasks).await;
        let (links, login) = (&replies[..CONCURRENT], &replies[CONCURRENT]);
        let owner = Session::of(&server.log_in("local-userpass", payload).await).user_id;
        // The login that succeeded belongs to the one user that the credentials lead to from then on.
        assert_eq!(Session::of(login).user_id, owner);
        let linked: Vec<&Session> = guests
            .iter()
            .zip(links)
            .filter(|(_, reply)| reply.status == StatusCode::OK)
            .map(|(guest, _)| guest)
            .collect();
        assert!(linked.len() <= 1);
        assert!(linked.iter().all(|guest| guest.user_id == owner));
        for refused in links.iter().filter(|reply| reply.status != StatusCode::OK) {
            let (status, code, text) = refused.failure();
            assert_eq!((status, code), (401, "AuthError"));
            // If the message were just `unauthorized`, web clients would repeat the request forever.
            assert!(text.starts_with("unauthorized: "), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_mail_token_is_redeemed_once_even_concurrently() {
    let server = Arc::new(Server::new().await);
    server.somebody("ken@example.com").await;
    let path = format!("{NOTES}/auth/providers/local-userpass");
    assert_eq!(server.post(&format!("{path}/reset/send"), json!({ "email": "ken@example.com" })).await.status, 200);
    let mail = server.mails().pop().unwrap();
    let part = |name: &str| {
        let rest = mail.split(&format!("{name}=")).nth(1).unwrap();
        rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>()
    };
    let (token, id) = (part("token"), part("tokenId"));
    let reset = |n: usize| {
        let body = json!({ "token": token, "tokenId": id, "password": format!("password {n}") });
        let (server, path) = (Arc::clone(&server), format!("{path}/reset"));
        tokio::spawn(async move { server.post(&path, body).await })
    };
    let replies = all((0..CONCURRENT).map(reset).collect()).await;
    assert_eq!(count(&replies, StatusCode::OK), 1);
    assert!(replies.iter().all(|reply| reply.status == 200 || reply.failure().1 == "UserpassTokenInvalid"));
    let winner = replies.iter().position(|reply| reply.status == StatusCode::OK).unwrap();
    let payload = json!({ "username": "ken@example.com", "password": format!("password {winner}") });
    assert_eq!(server.log_in("local-userpass", payload).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_deletion_leaves_no_user_and_no_working_credentials() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let again = server.again("ken@example.com").await;
    let keys = format!("{AUTH}/api_keys");
    let key = server.ask(Method::POST, &keys, Some(&ken.refresh), Some(json!({ "name": "k" }))).await;
    let reset = format!("{NOTES}/auth/providers/local-userpass/reset");
    server.post(&format!("{reset}/send"), json!({ "email": "ken@example.com" })).await;
    let mail = server.mails().pop().unwrap();
    let deleted = server.ask(Method::DELETE, &format!("{AUTH}/delete"), Some(&ken.access), None).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    for session in [&ken, &again] {
        let profile = server.ask(Method::GET, &format!("{AUTH}/profile"), Some(&session.access), None).await;
        assert_eq!(profile.failure().1, "InvalidSession");
        let renewed = server.ask(Method::POST, &format!("{AUTH}/session"), Some(&session.refresh), None).await;
        assert_eq!(renewed.failure().1, "InvalidSession");
        assert_eq!(server.call(session, "find", "notes", json!({})).await.failure().1, "InvalidSession");
    }
    let twice = server.ask(Method::DELETE, &format!("{AUTH}/delete"), Some(&ken.access), None).await;
    assert_eq!(twice.failure().0, 401);
    assert_eq!(server.log_in("api-key", json!({ "key": key.body["key"] })).await.failure().1, "AuthError");
    let payload = json!({ "username": "ken@example.com", "password": "password" });
    assert_eq!(server.log_in("local-userpass", payload).await.failure().1, "InvalidPassword");
    let part = |name: &str| {
        let rest = mail.split(&format!("{name}=")).nth(1).unwrap();
        rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>()
    };
    let body = json!({ "token": part("token"), "tokenId": part("tokenId"), "password": "password" });
    assert_eq!(server.post(&reset, body).await.failure().1, "UserpassTokenInvalid");
    // The address can be registered again, which creates another user.
    assert_ne!(server.somebody("ken@example.com").await.user_id, ken.user_id);
}
