//! Tokens end with their session and their time, and none serves as another.

use bson::doc;
use portcullis::Clock;
use portcullis::auth::token::TokenError;
use portcullis::login::{Freshness, Login, LoginError};
use portcullis::store::Sessions;

use super::{DAY, House, MINUTE};

#[tokio::test]
async fn tokens_end_with_their_session() {
    let house = House::new();
    let check = async |login: &Login| {
        let access = house.authenticator.authenticate(&login.access_token, Freshness::Snapshot).await;
        let refresh = house.authenticator.refresh(&login.refresh_token).await;
        (access.err().map(|error| error.to_string()), refresh.err().map(|error| error.to_string()))
    };
    let ended = Some("invalid session: it has ended; log in again".to_owned());
    let (one, other) = (house.log_in("ada").await.unwrap(), house.log_in("ada").await.unwrap());
    assert!(house.authenticator.log_out(&one.refresh_token).await.unwrap());
    assert!(!house.authenticator.log_out(&one.access_token).await.unwrap());
    assert_eq!(check(&one).await, (ended.clone(), ended.clone()));
    assert_eq!(check(&other).await, (None, None));
    let third = house.log_in("ada").await.unwrap();
    assert_eq!(house.authenticator.accounts().revoke_sessions(&third.user.id).await.unwrap(), 2);
    assert_eq!(check(&other).await, (ended.clone(), ended.clone()));
    assert_eq!(check(&third).await, (ended.clone(), ended.clone()));

    let disabled = house.log_in("ada").await.unwrap();
    assert_eq!(house.authenticator.accounts().disable(&disabled.user.id).await.unwrap(), 1);
    let is_disabled = Some(format!("the user `{}` is disabled", disabled.user.id));
    assert_eq!(check(&disabled).await, (is_disabled.clone(), is_disabled));
    assert!(matches!(house.log_in("ada").await.err().unwrap(), LoginError::UserDisabled(_)));
    assert!(matches!(house.authenticator.look_up(&disabled.user.id).await.err().unwrap(), LoginError::UserDisabled(_)));
    house.authenticator.accounts().enable(&disabled.user.id).await.unwrap();
    assert_eq!(check(&disabled).await, (ended.clone(), ended.clone()));

    let deleted = house.log_in("ada").await.unwrap();
    assert_eq!(deleted.user.id, disabled.user.id);
    assert!(house.authenticator.accounts().delete(&deleted.user.id).await.unwrap().is_some());
    assert!(house.authenticator.accounts().delete(&deleted.user.id).await.unwrap().is_none());
    assert_eq!(check(&deleted).await, (ended.clone(), ended));
    assert!(matches!(house.authenticator.look_up(&deleted.user.id).await.err().unwrap(), LoginError::UserUnknown(_)));
    assert_ne!(house.log_in("ada").await.unwrap().user.id, deleted.user.id);
}

#[tokio::test]
async fn tokens_expire() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    house.clock.advance(29 * MINUTE);
    house.bearer(&login.access_token, Freshness::Snapshot).await.unwrap();
    house.clock.advance(MINUTE);
    let error = house.bearer(&login.access_token, Freshness::Live).await.err().unwrap();
    assert!(matches!(error, LoginError::Token(TokenError::Expired { .. })), "{error}");
    house.clock.advance(60 * DAY - 31 * MINUTE);
    house.authenticator.refresh(&login.refresh_token).await.unwrap();
    house.clock.advance(MINUTE);
    let error = house.authenticator.refresh(&login.refresh_token).await.err().unwrap();
    assert!(matches!(error, LoginError::Token(TokenError::Expired { .. })), "{error}");
    house.clock.advance(MINUTE);
    assert_eq!(house.authenticator.accounts().delete_expired(house.clock.now()).await.unwrap(), 0);
    assert_eq!(
        Sessions::end_all(house.users.as_ref(), &login.user.id).await.unwrap(),
        0,
        "expired sessions are forgotten"
    );
}

/// Results of verification are cached, but the times of a token are checked at each use.
#[tokio::test]
async fn a_cached_token_is_accepted_only_while_it_is_valid() {
    let house = House::new();
    let (ada, bob) = (house.log_in("ada").await.unwrap(), house.log_in("bob").await.unwrap());
    let seen = async |login: &Login| house.bearer(&login.access_token, Freshness::Snapshot).await;
    for _ in 0..2 {
        assert_eq!(seen(&ada).await.unwrap(), ada.user);
        assert_eq!(seen(&bob).await.unwrap(), bob.user);
    }
    // At a time before the token was issued.
    house.clock.turn_back(MINUTE);
    let error = seen(&ada).await.err().unwrap();
    assert!(matches!(error, LoginError::Token(TokenError::IssuedInFuture { .. })), "{error}");
    house.clock.advance(30 * MINUTE);
    assert_eq!(seen(&ada).await.unwrap(), ada.user);
    house.clock.advance(MINUTE);
    let error = seen(&ada).await.err().unwrap();
    assert!(matches!(error, LoginError::Token(TokenError::Expired { .. })), "{error}");
}

#[tokio::test]
async fn tokens_of_another_type_or_application_are_refused() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    assert!(matches!(
        house.authenticator.refresh(&login.access_token).await.err().unwrap(),
        LoginError::Token(TokenError::AccessAsRefresh)
    ));
    assert!(matches!(
        house.bearer(&login.refresh_token, Freshness::Snapshot).await.err().unwrap(),
        LoginError::Token(TokenError::RefreshAsAccess)
    ));
    let other = House::new();
    assert!(matches!(
        other.bearer(&login.access_token, Freshness::Snapshot).await.err().unwrap(),
        LoginError::Token(TokenError::Signature)
    ));
    assert!(matches!(
        other.authenticator.log_in("intranet", &login.access_token, None).await.err().unwrap(),
        LoginError::Token(_)
    ));
}

#[tokio::test]
async fn a_device_keeps_its_id() {
    let house = House::new();
    let login = async |device| {
        let token = house.token(doc! { "sub": "ada" });
        house.authenticator.log_in("intranet", &token, device).await.unwrap().device_id
    };
    let first = login(None).await;
    assert_eq!(login(Some(first.as_str())).await, first);
    assert_ne!(login(Some("000000000000000000000000")).await, "000000000000000000000000");
    assert_ne!(login(Some("<script>")).await, "<script>");
}
