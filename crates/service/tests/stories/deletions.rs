//! Users who are deleted while something else happens.

use std::sync::Arc;

use bson::{DateTime, doc};
use portcullis::auth::ProviderType;
use portcullis::store::{Account, AccountState, Identity};
use portcullis::{Clock, SystemClock};

use super::{CodeName as _, PASSWORD, Place, credentials, log_in_by, log_in_by_key, register, told, users};

pub(super) async fn a_login_that_overlaps_a_deletion_leaves_no_user(place: Place) {
    let api = Arc::new(place.open().await);
    for round in 0..6 {
        let email = format!("ken{round}@example.com");
        register(&api, &email).await;
        let ken = log_in_by(&api, &email).await;
        let logins: Vec<_> = (0..6)
            .map(|_| {
                let (api, payload) = (Arc::clone(&api), credentials(&email, PASSWORD));
                tokio::spawn(async move { api.log_in("local-userpass", Some(&payload)).await })
            })
            .collect();
        // While the logins are hashing.
        api.delete_user(&ken.access_token).await.unwrap();
        for login in logins {
            if let Ok(login) = login.await.unwrap() {
                assert_eq!(login.user_id, ken.user_id);
                assert_eq!(told(api.bearer(&login.access_token).await).code_name(), "InvalidSession");
            }
        }
        assert_eq!(users(&api).await, [], "round {round}");
        // The address can be registered again.
        register(&api, &email).await;
        let again = log_in_by(&api, &email).await;
        assert_ne!(again.user_id, ken.user_id);
        api.delete_user(&again.access_token).await.unwrap();
    }
}

pub(super) async fn a_key_created_during_a_deletion_does_not_remain(place: Place) {
    let api = Arc::new(place.open().await);
    for round in 0..4 {
        let email = format!("ken{round}@example.com");
        register(&api, &email).await;
        let ken = log_in_by(&api, &email).await;
        let keys: Vec<_> = (0..6)
            .map(|n| {
                let (api, token) = (Arc::clone(&api), ken.refresh_token.clone());
                tokio::spawn(async move { api.create_key(&token, Some(&format!("k{n}"))).await })
            })
            .collect();
        api.delete_user(&ken.access_token).await.unwrap();
        for key in keys {
            if let Ok(key) = key.await.unwrap() {
                assert_eq!(told(log_in_by_key(&api, &key.key).await).code_name(), "AuthError");
            }
        }
        assert_eq!(users(&api).await, []);
    }
}

pub(super) async fn inactive_anonymous_users_are_deleted(place: Place) {
    let api = place.open().await;
    let ago = |days: i64| DateTime::from_millis(SystemClock.now().timestamp_millis() - days * 24 * 60 * 60 * 1000);
    let anonymous = |id: &str, last_login_at| {
        let identity = Identity { provider_type: ProviderType::Anonymous, id: id.to_owned(), data: doc! {} };
        Account { state: AccountState::Active, last_login_at, ..Account::new(id, identity, ago(200)) }
    };
    let accounts = [anonymous("never", None), anonymous("long ago", Some(ago(91))), anonymous("back", Some(ago(89)))];
    api.accounts().import(&accounts).await.unwrap();
    let guest = api.log_in("anon-user", None).await.unwrap();
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    assert_eq!(api.accounts().delete_expired(SystemClock.now()).await.unwrap(), 2);
    let mut left: Vec<String> = users(&api).await.into_iter().map(|account| account.id).collect();
    left.sort();
    let mut expected = vec!["back".to_owned(), guest.user_id.clone(), ken.user_id];
    expected.sort();
    assert_eq!(left, expected);
    api.refresh(&guest.refresh_token).await.unwrap();
}
