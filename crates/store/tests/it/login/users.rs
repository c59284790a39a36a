//! Who is let in, as which user.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bson::{DateTime, Document, doc};
use portcullis::auth::ProviderType;
use portcullis::auth::token::TokenError;
use portcullis::login::{Authenticator, Freshness, FunctionMissing, LoginError, UserCreation, UserCreationRefused};
use portcullis::store::{Account, AccountState, Identity, MemoryCustomData, Users};
use portcullis::{BoxFuture, Clock, CustomData, User, UserType};
use portcullis_store::Embedded;
use portcullis_testkit::keys::secret;

use super::{DAY, House, MINUTE, accounts, issuer, level, provider};

#[tokio::test]
async fn a_user_keeps_one_id_and_gets_current_provider_data() {
    let house = House::new();
    let token = house.token(doc! { "sub": "ada", "email": "a@x", "age": 3 });
    let first = house.authenticator.log_in("intranet", &token, None).await.unwrap();
    assert_ne!(first.user.id, "ada");
    assert_eq!(first.user.data, doc! { "email": "a@x", "age": 3 });
    let token = house.token(doc! { "sub": "ada", "email": "b@x" });
    let again = house.authenticator.log_in("intranet", &token, None).await.unwrap();
    assert_eq!((again.user.id, again.user.data), (first.user.id.clone(), doc! { "email": "b@x" }));
    assert_ne!(house.log_in("eve").await.unwrap().user.id, first.user.id);
}

/// A user-creation function that writes custom data, or refuses.
struct Creation {
    calls: Mutex<Vec<User>>,
    custom_data: Arc<MemoryCustomData>,
    refusals: AtomicUsize,
}

impl UserCreation for Creation {
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(user.clone());
            if self.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                return Err(UserCreationRefused { function: "greet".to_owned(), message: "not today".to_owned() });
            }
            self.custom_data.replace(vec![doc! { "user_id": &user.id, "level": 7 }]);
            Ok(())
        })
    }
}

#[tokio::test]
async fn the_user_creation_function_runs_once_before_the_first_token_and_can_refuse_it() {
    let house = House::new();
    let creation = Arc::new(Creation {
        calls: Mutex::default(),
        custom_data: Arc::clone(&house.custom_data),
        refusals: AtomicUsize::new(1),
    });
    let house = house.with(|house| house.with_user_creation(Arc::clone(&creation) as Arc<_>));
    let refused = house.log_in("ada").await.err().unwrap();
    assert_eq!(refused.to_string(), "the user-creation function `greet` refuses the user: not today");
    let pending = house.users.list(None, 10).await.unwrap();
    assert_eq!(pending[0].state, AccountState::Pending);
    // What is disabled while it is pending is pending again afterwards: the function still has to agree.
    house.authenticator.accounts().disable(&pending[0].id).await.unwrap();
    assert!(matches!(house.log_in("ada").await.err().unwrap(), LoginError::UserDisabled(_)));
    house.authenticator.accounts().enable(&pending[0].id).await.unwrap();
    let login = house.log_in("ada").await.unwrap();
    assert_eq!((level(&login.user), &login.user.id), (Some(7), &pending[0].id));
    house.log_in("ada").await.unwrap();
    let calls = creation.calls.lock().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].custom_data, CustomData::NotLoaded);
}

#[tokio::test]
async fn without_a_host_for_the_user_creation_function_new_users_are_refused() {
    let house = House::new();
    let known = house.log_in("ada").await.unwrap();
    let house = house.with(|house| house.with_user_creation(Arc::new(FunctionMissing::new("greet"))));
    assert_eq!(house.log_in("ada").await.unwrap().user.id, known.user.id);
    assert!(matches!(house.log_in("eve").await.err().unwrap(), LoginError::UserCreation(_)));
    assert!(matches!(house.log_in("eve").await.err().unwrap(), LoginError::UserCreation(_)));
}

#[tokio::test]
async fn missing_and_disabled_providers_refuse_logins() {
    let house = House::new();
    let token = house.token(doc! { "sub": "ada" });
    let unknown = house.authenticator.log_in("extranet", &token, None).await.err().unwrap();
    assert!(matches!(unknown, LoginError::ProviderUnknown(_)));
    let users = Arc::new(Embedded::in_memory("app").unwrap());
    let disabled = Authenticator::new(issuer(), accounts(&users)).with_provider(provider(&house.secret, true));
    assert!(matches!(disabled.log_in("intranet", &token, None).await.err().unwrap(), LoginError::ProviderDisabled(_)));
    assert!(matches!(disabled.log_in_anonymously(None).await.err().unwrap(), LoginError::AnonymousRefused));
    assert_eq!(users.list(None, 10).await.unwrap().len(), 0);
}

/// Two third parties may both call somebody `ada`.
#[tokio::test]
async fn a_second_token_provider_replaces_the_first() {
    let house = House::new();
    house.log_in("ada").await.unwrap();
    let (ours, other) = (house.token(doc! { "sub": "ada" }), secret());
    let house = house.with(|house| house.with_provider(provider(&other, false)));
    let refused = house.authenticator.log_in("intranet", &ours, None).await.err().unwrap();
    assert!(matches!(refused, LoginError::Token(TokenError::Signature)), "{refused}");
}

#[tokio::test]
async fn anonymous_users_expire_ninety_days_after_their_last_visit() {
    let house = House::new();
    let login = house.authenticator.log_in_anonymously(None).await.unwrap();
    assert_ne!(house.authenticator.log_in_anonymously(None).await.unwrap().user.id, login.user.id);
    house.clock.advance(90 * DAY - MINUTE);
    let refreshed = house.authenticator.refresh(&login.refresh_token).await.unwrap();
    house.clock.advance(MINUTE);
    assert_eq!(house.authenticator.accounts().delete_expired(house.clock.now()).await.unwrap(), 1, "the other");
    assert!(house.bearer(&refreshed.access_token, Freshness::Snapshot).await.is_ok());
    // Refreshes are noted to the day.
    house.clock.advance(DAY - 2 * MINUTE);
    house.authenticator.refresh(&login.refresh_token).await.unwrap();
    house.clock.advance(89 * DAY);
    house.authenticator.refresh(&login.refresh_token).await.unwrap();
    house.clock.advance(90 * DAY);
    assert!(house.authenticator.refresh(&login.refresh_token).await.is_err());
    assert!(house.authenticator.refresh(&login.refresh_token).await.is_err(), "a refusal is no visit");
    assert!(matches!(house.authenticator.look_up(&login.user.id).await.err().unwrap(), LoginError::UserExpired(_)));
    let person = house.log_in("ada").await.unwrap();
    assert_eq!(house.authenticator.accounts().delete_expired(house.clock.now()).await.unwrap(), 1);
    let left: Vec<String> = house.users.list(None, 10).await.unwrap().into_iter().map(|account| account.id).collect();
    assert_eq!(left, [person.user.id]);
}

#[tokio::test]
async fn a_linked_identity_logs_in_as_its_user_and_cannot_belong_to_another() {
    let house = House::new();
    let anonymous = house.authenticator.log_in_anonymously(None).await.unwrap();
    let token = house.token(doc! { "sub": "ada", "email": "a@x" });
    let account = house.authenticator.link(&anonymous.access_token, "intranet", &token).await.unwrap();
    assert!(!account.is_anonymous());
    let login = house.log_in("ada").await.unwrap();
    assert_eq!(login.user.id, anonymous.user.id);
    assert_eq!(login.user.identities.len(), 2);
    let other = house.authenticator.log_in_anonymously(None).await.unwrap();
    let taken = house.authenticator.link(&other.access_token, "intranet", &token).await.err().unwrap();
    assert_eq!(taken.to_string(), "the identity `ada` of the provider `custom-token` belongs to another user");
    house.authenticator.log_out(&other.access_token).await.unwrap();
    let ended = house.authenticator.link(&other.access_token, "intranet", &house.token(doc! { "sub": "eve" })).await;
    assert!(matches!(ended.err().unwrap(), LoginError::SessionEnded));
}

#[test]
fn a_user_with_an_api_key_identity_is_a_server_user() {
    let identity = Identity { provider_type: ProviderType::ApiKey, id: "k".to_owned(), data: Document::new() };
    let account = Account::new("u", identity, DateTime::MIN);
    assert_eq!(account.to_user(CustomData::Absent).kind, UserType::Server);
}
