//! API keys of users, their sessions, and their identities in the profile.

use std::sync::Arc;

use portcullis::auth::ProviderType;
use serde_json::Value;

use super::{CodeName as _, PASSWORD, Place, credentials, log_in_by, log_in_by_key, register, told, users};

pub(super) async fn a_disabled_key_ends_the_sessions_that_it_opened(place: Place) {
    let api = place.open().await;
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let [one, other] = ["one", "other"].map(|name| api.create_key(&ken.refresh_token, Some(name)));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let (first, second) = (log_in_by_key(&api, &one.key).await.unwrap(), log_in_by_key(&api, &one.key).await.unwrap());
    let apart = log_in_by_key(&api, &other.key).await.unwrap();
    api.set_key_disabled(&ken.refresh_token, &one.id, true).await.unwrap();
    for ended in [&first, &second] {
        assert_eq!(told(api.bearer(&ended.access_token).await).code_name(), "InvalidSession");
        assert_eq!(told(api.refresh(&ended.refresh_token).await).code_name(), "InvalidSession");
    }
    for lasting in [&apart, &ken] {
        api.bearer(&lasting.access_token).await.unwrap();
        api.refresh(&lasting.refresh_token).await.unwrap();
    }
    api.set_key_disabled(&ken.refresh_token, &one.id, false).await.unwrap();
    assert_eq!(told(api.bearer(&first.access_token).await).code_name(), "InvalidSession", "it does not come back");
    let again = log_in_by_key(&api, &one.key).await.unwrap();
    assert_eq!(again.user_id, ken.user_id);
    // A session may disable the key that opened it, which ends the session.
    api.set_key_disabled(&again.refresh_token, &one.id, true).await.unwrap();
    assert_eq!(told(api.bearer(&again.access_token).await).code_name(), "InvalidSession");
}

fn kinds(profile: &Value) -> Vec<&str> {
    let identities = profile["identities"].as_array().unwrap();
    identities.iter().map(|identity| identity["provider_type"].as_str().unwrap()).collect()
}

pub(super) async fn a_deleted_key_disappears_from_the_profile(place: Place) {
    let api = place.open().await;
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let key = api.create_key(&ken.refresh_token, Some("one")).await.unwrap();
    let by_key = log_in_by_key(&api, &key.key).await.unwrap();
    assert_eq!(kinds(&api.profile(&ken.access_token).await.unwrap()), ["local-userpass", "api-key"]);
    assert_eq!(told(api.delete_key(&by_key.refresh_token, &key.id).await).code_name(), "BadRequest");
    api.set_key_disabled(&ken.refresh_token, &key.id, true).await.unwrap();
    assert_eq!(kinds(&api.profile(&ken.access_token).await.unwrap()), ["local-userpass", "api-key"]);
    api.set_key_disabled(&ken.refresh_token, &key.id, false).await.unwrap();
    let by_key = log_in_by_key(&api, &key.key).await.unwrap();
    api.delete_key(&ken.refresh_token, &key.id).await.unwrap();
    assert_eq!(kinds(&api.profile(&ken.access_token).await.unwrap()), ["local-userpass"]);
    assert_eq!(told(api.bearer(&by_key.access_token).await).code_name(), "InvalidSession");
    assert_eq!(told(api.refresh(&by_key.refresh_token).await).code_name(), "InvalidSession");
}

pub(super) async fn a_login_that_overlaps_the_deletion_of_a_key_leaves_nothing(place: Place) {
    let api = Arc::new(place.open().await);
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    for round in 0..6 {
        let key = api.create_key(&ken.refresh_token, Some(&format!("k{round}"))).await.unwrap();
        let server = api.create_server_key(&format!("k{round}")).await.unwrap();
        let logins: Vec<_> = (0..8)
            .map(|n| {
                let (api, key) = (Arc::clone(&api), if n % 2 == 0 { key.key.clone() } else { server.key.clone() });
                tokio::spawn(async move { log_in_by_key(&api, &key).await })
            })
            .collect();
        api.delete_key(&ken.refresh_token, &key.id).await.unwrap();
        api.administration().delete_server_key(&server.id).await.unwrap();
        for login in logins {
            if let Ok(login) = login.await.unwrap() {
                assert_eq!(told(api.bearer(&login.access_token).await).code_name(), "InvalidSession");
            }
        }
        assert_eq!(kinds(&api.profile(&ken.access_token).await.unwrap()), ["local-userpass"]);
        assert_eq!(users(&api).await.len(), 1, "no user of the server's key is left");
    }
}

pub(super) async fn concurrent_links_give_a_user_one_address(place: Place) {
    let api = Arc::new(place.open().await);
    let guest = api.log_in("anon-user", None).await.unwrap();
    let links: Vec<_> = (0..6)
        .map(|n| {
            let (api, token, email) = (Arc::clone(&api), guest.access_token.clone(), format!("ken{n}@example.com"));
            tokio::spawn(async move {
                register(&api, &email).await;
                api.link(&token, "local-userpass", Some(&credentials(&email, PASSWORD))).await.map(|_| ())
            })
        })
        .collect();
    let mut linked = 0;
    for link in links {
        match link.await.unwrap() {
            Ok(()) => linked += 1,
            Err(refused) => {
                assert_eq!(refused.message, "unauthorized: the user has an email identity already");
                assert_eq!(refused.code_name(), "AuthError");
            }
        }
    }
    let identities = api.accounts().identities(&guest.user_id).await.unwrap();
    let addresses = identities.iter().filter(|one| one.provider_type == ProviderType::EmailPassword).count();
    assert_eq!((linked, addresses), (1, 1));
}
