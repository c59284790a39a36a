//! Two servers of one application that share a database and nothing else.

use std::time::{Duration, Instant};

use portcullis_service::client::ClientApi;
use portcullis_testkit::mongodb::World;
use serde_json::json;

use crate::place;
use crate::stories::{CodeName as _, Place, imported, log_in_by, register, told};

async fn two(world: &World) -> [(Place, ClientApi); 2] {
    let places = [place(world), place(world)];
    let [one, other] = places;
    let apis = (one.open_claiming(&["email=email"]).await, other.open_claiming(&["email=email"]).await);
    [(one, apis.0), (other, apis.1)]
}

async fn end(places: [Place; 2]) {
    for place in places {
        place.places.clients.shut_down().await;
    }
}

pub(crate) async fn a_session_revoked_by_one_process_is_invalid_in_the_other(world: World) {
    let [(here, api), (there, other)] = two(&world).await;
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let second = log_in_by(&other, "ken@example.com").await;
    assert_eq!(ken.user_id, second.user_id);
    for one in [&api, &other] {
        one.bearer(&ken.access_token).await.unwrap();
        one.refresh(&second.refresh_token).await.unwrap();
    }
    api.log_out(&ken.refresh_token).await.unwrap();
    let ended = Instant::now();
    // On the server that ended the session, at once; on the other one, at least no new access token can be obtained.
    assert_eq!(told(api.bearer(&ken.access_token).await).code_name(), "InvalidSession");
    for one in [&api, &other] {
        assert_eq!(told(one.refresh(&ken.refresh_token).await).code_name(), "InvalidSession");
        one.bearer(&second.access_token).await.unwrap();
    }
    dies_within_a_second(&other, &ken.access_token, ended).await;
    other.administration().set_password("ken@example.com", "another").await.unwrap();
    let ended = Instant::now();
    assert_eq!(told(other.bearer(&second.access_token).await).code_name(), "InvalidSession");
    dies_within_a_second(&api, &second.access_token, ended).await;
    end([here, there]).await;
}

/// Requests that begin a second or more after the end of their session must be rejected.
async fn dies_within_a_second(api: &ClientApi, access_token: &str, ended: Instant) {
    loop {
        let asked = Instant::now();
        match api.bearer(access_token).await {
            Ok(_) => assert!(asked.duration_since(ended) < Duration::from_secs(1), "the session still lasts"),
            Err(error) => return assert_eq!(error.code_name(), "InvalidSession"),
        }
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn keys_created_by_two_processes_stay_within_the_limit_of_a_user(world: World) {
    let [(here, api), (there, other)] = two(&world).await;
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let apis = [std::sync::Arc::new(api), std::sync::Arc::new(other)];
    let making: Vec<_> = (0..30)
        .map(|n: usize| {
            let (api, token) = (std::sync::Arc::clone(&apis[n % 2]), ken.refresh_token.clone());
            tokio::spawn(async move { api.create_key(&token, Some(&format!("key{n}"))).await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for one in making {
        made += usize::from(one.await.unwrap());
    }
    assert_eq!((made, apis[0].keys(&ken.refresh_token).await.unwrap().len()), (20, 20));
    end([here, there]).await;
}

pub(crate) async fn concurrent_takeovers_in_two_processes_succeed_once(world: World) {
    let [(here, api), (there, other)] = two(&world).await;
    let ken = imported("65a0000000000000000000b2", "ken@example.com");
    api.administration().import(std::slice::from_ref(&ken)).await.unwrap();
    let apis = [std::sync::Arc::new(api), std::sync::Arc::new(other)];
    let logins: Vec<_> = (0..12)
        .map(|n: usize| {
            let claims = json!({ "sub": format!("subject {n}"), "email": "ken@example.com", "email_verified": true });
            let (api, payload) = (std::sync::Arc::clone(&apis[n % 2]), here.token_payload(claims));
            tokio::spawn(async move { api.log_in("custom-token", Some(&payload)).await.unwrap().user_id })
        })
        .collect();
    let mut taken = 0;
    for login in logins {
        taken += usize::from(login.await.unwrap() == ken.id);
    }
    assert_eq!(taken, 1);
    end([here, there]).await;
}
