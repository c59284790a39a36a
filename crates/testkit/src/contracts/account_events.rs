//! Laws for implementations of `AccountEvents`.

use std::sync::Arc;
use std::time::Duration;

use bson::{DateTime, Document, doc};
use portcullis::auth::ProviderType;
use portcullis::store::{
    Account, AccountEvent, AccountEvents, AccountState, Identity, Removed, Session, Sessions, Users, UsersError,
};

/// The traits of one store, for one application.
#[derive(Clone)]
pub struct Store {
    pub events: Arc<dyn AccountEvents>,
    pub users: Arc<dyn Users>,
    pub sessions: Arc<dyn Sessions>,
}

super::laws! { Store:
    an_activation_has_one_event
    a_deletion_event_has_the_deleted_user
    removing_the_last_identity_deletes_its_user_with_an_event
    a_login_has_an_event_while_its_session_exists
    events_wait_in_order_until_they_are_removed
    each_trigger_has_its_own_events
    waiting_runners_are_woken_by_new_events
    concurrent_changes_have_one_event_each
}

fn now() -> DateTime {
    DateTime::from_millis(1_700_000_000_000)
}

async fn made(store: &Store, name: &str) -> Account {
    let data = doc! { "email": name };
    let identity = Identity { provider_type: ProviderType::EmailPassword, id: name.to_owned(), data };
    store.users.find_or_create(&identity, now()).await.unwrap()
}

/// An event for the trigger `t`.
fn event(user_id: &str, what: impl Into<Document>) -> AccountEvent {
    AccountEvent { trigger: "t".to_owned(), user_id: user_id.to_owned(), event: what.into() }
}

fn telling(what: &'static str) -> impl Fn(&Account) -> Vec<AccountEvent> + Send + Sync {
    move |account| vec![event(&account.id, doc! { "what": what, "state": account.state.name() })]
}

/// The events that wait for the trigger `t`.
async fn waiting(store: &Store) -> Vec<AccountEvent> {
    let waiting = store.events.waiting("t", None, 1000).await.unwrap();
    assert_eq!(store.events.count("t").await.unwrap(), u64::try_from(waiting.len()).unwrap());
    waiting.into_iter().map(|waiting| waiting.event).collect()
}

async fn start(store: &Store, id: &str, user_id: &str) {
    let session = Session {
        id: id.to_owned(),
        user_id: user_id.to_owned(),
        device_id: "d".to_owned(),
        key_id: None,
        started_at: now(),
        expires_at: None,
    };
    store.sessions.start(&session).await.unwrap();
}

async fn an_activation_has_one_event(store: Store) {
    let ada = made(&store, "ada").await;
    for _ in 0..2 {
        store.events.activate(&ada.id, &telling("created")).await.unwrap();
    }
    assert_eq!(waiting(&store).await, [event(&ada.id, doc! { "what": "created", "state": "active" })]);
    assert_eq!(store.users.find(&ada.id).await.unwrap().unwrap().state, AccountState::Active);
    let unknown = store.events.activate("nobody", &telling("created")).await;
    assert!(matches!(unknown, Err(UsersError::Unknown(_))), "{unknown:?}");
    // A disabled user stays disabled, and there is no event.
    let eve = made(&store, "eve").await;
    store.users.set_state(&eve.id, AccountState::DisabledPending).await.unwrap();
    store.events.activate(&eve.id, &telling("created")).await.unwrap();
    assert_eq!(store.users.find(&eve.id).await.unwrap().unwrap().state, AccountState::DisabledPending);
    assert_eq!(waiting(&store).await.len(), 1);
    // The user is activated even if there are no events.
    let cy = made(&store, "cy").await;
    store.events.activate(&cy.id, &|_| Vec::new()).await.unwrap();
    assert_eq!(store.users.find(&cy.id).await.unwrap().unwrap().state, AccountState::Active);
}

async fn a_deletion_event_has_the_deleted_user(store: Store) {
    let ada = made(&store, "ada").await;
    let identity = Identity { provider_type: ProviderType::CustomToken, id: "x".to_owned(), data: doc! {} };
    store.users.link(&ada.id, &identity).await.unwrap();
    let all = |account: &Account| {
        let providers: Vec<&str> = account.identities.iter().map(|identity| identity.provider_type.name()).collect();
        vec![event(&account.id, doc! { "providers": providers })]
    };
    assert!(store.events.delete(&ada.id, &all).await.unwrap().is_some());
    assert!(store.events.delete(&ada.id, &all).await.unwrap().is_none());
    assert_eq!(waiting(&store).await, [event(&ada.id, doc! { "providers": ["local-userpass", "custom-token"] })]);
    assert_eq!(store.users.find(&ada.id).await.unwrap(), None);
    assert_eq!(store.users.owner(ProviderType::CustomToken, "x").await.unwrap(), None);
}

async fn removing_the_last_identity_deletes_its_user_with_an_event(store: Store) {
    let ada = made(&store, "ada").await;
    let kind = ProviderType::CustomToken;
    let identity = Identity { provider_type: kind, id: "x".to_owned(), data: doc! {} };
    store.users.link(&ada.id, &identity).await.unwrap();
    let removed = store.events.remove_identity(kind, "x", &telling("deleted")).await.unwrap();
    assert_eq!(removed, Some(Removed::FromUser(ada.id.clone())));
    assert_eq!(store.events.remove_identity(kind, "x", &telling("deleted")).await.unwrap(), None);
    assert_eq!(waiting(&store).await, []);
    let [last] = &store.users.find(&ada.id).await.unwrap().unwrap().identities[..] else { panic!("one is left") };
    let all = |account: &Account| vec![event(&account.id, doc! { "identities": account.identities.len().to_string() })];
    let removed = store.events.remove_identity(last.provider_type, &last.id, &all).await.unwrap();
    assert_eq!(removed, Some(Removed::WithUser(ada.id.clone())));
    assert_eq!(waiting(&store).await, [event(&ada.id, doc! { "identities": "1" })]);
    assert_eq!(store.users.find(&ada.id).await.unwrap(), None);
}

async fn a_login_has_an_event_while_its_session_exists(store: Store) {
    start(&store, "s1", "ada").await;
    let events = [event("ada", doc! { "what": "login" })];
    assert!(store.events.logged_in("s1", &events).await.unwrap());
    assert!(store.sessions.find("s1").await.unwrap().is_some());
    assert_eq!(waiting(&store).await, events);
    store.sessions.end("s1").await.unwrap();
    assert!(!store.events.logged_in("s1", &events).await.unwrap());
    assert!(!store.events.logged_in("s2", &events).await.unwrap());
    assert_eq!(waiting(&store).await.len(), 1);
}

async fn events_wait_in_order_until_they_are_removed(store: Store) {
    start(&store, "s", "ada").await;
    for round in 0..10 {
        // Events that are written together also keep their order.
        let events: Vec<_> = (0..3).map(|at| event("ada", doc! { "n": round * 3 + at })).collect();
        assert!(store.events.logged_in("s", &events).await.unwrap());
    }
    let numbers = |waiting: &[portcullis::store::WaitingEvent]| -> Vec<i32> {
        waiting.iter().map(|waiting| waiting.event.event.get_i32("n").unwrap()).collect()
    };
    let mut pages = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.events.waiting("t", after.as_deref(), 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        pages.extend(page);
    }
    assert_eq!(numbers(&pages), (0..30).collect::<Vec<_>>());
    assert!(pages.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert!(store.events.waiting("t", None, 0).await.unwrap().is_empty());
    let ids: Vec<String> = pages[..29].iter().map(|waiting| waiting.id.clone()).collect();
    assert_eq!(store.events.remove("t", &ids[..1]).await.unwrap(), 1);
    assert_eq!(store.events.remove("t", &ids).await.unwrap(), 28);
    assert_eq!(store.events.remove("t", &[]).await.unwrap(), 0);
    assert!(store.events.logged_in("s", &[event("ada", doc! { "n": 30 })]).await.unwrap());
    assert_eq!(numbers(&store.events.waiting("t", None, 100).await.unwrap()), [29, 30]);
    assert_eq!(store.events.forget("t").await.unwrap(), 2);
    assert!(store.events.logged_in("s", &[event("ada", doc! { "n": 31 })]).await.unwrap());
    let left = store.events.waiting("t", None, 100).await.unwrap();
    assert_eq!(numbers(&left), [31]);
    assert!(left[0].id > pages[29].id, "an id is not given twice");
}

async fn each_trigger_has_its_own_events(store: Store) {
    start(&store, "s", "ada").await;
    let other = AccountEvent { trigger: "other".to_owned(), ..event("ada", doc! { "n": 2 }) };
    assert!(store.events.logged_in("s", &[event("ada", doc! { "n": 1 }), other.clone()]).await.unwrap());
    let theirs = store.events.waiting("other", None, 10).await.unwrap();
    assert_eq!(theirs.iter().map(|waiting| &waiting.event).collect::<Vec<_>>(), [&other]);
    assert_eq!(store.events.count("other").await.unwrap(), 1);
    assert_eq!(store.events.forget("other").await.unwrap(), 1);
    assert_eq!(store.events.count("nothing").await.unwrap(), 0);
}

async fn waiting_runners_are_woken_by_new_events(store: Store) {
    start(&store, "s", "ada").await;
    let added = store.events.added();
    assert!(store.events.logged_in("s", &[event("ada", doc! {})]).await.unwrap());
    tokio::time::timeout(Duration::from_secs(20), added).await.expect("an event was added");
}

async fn concurrent_changes_have_one_event_each(store: Store) {
    let mut users = Vec::new();
    for number in 0..8 {
        users.push(made(&store, &number.to_string()).await.id);
    }
    let mut tasks = Vec::new();
    for (number, user) in users.iter().chain(&users).enumerate() {
        let (store, user, session) = (store.clone(), user.clone(), format!("s{number}"));
        tasks.push(tokio::spawn(async move {
            store.events.activate(&user, &telling("created")).await.unwrap();
            start(&store, &session, &user).await;
            assert!(store.events.logged_in(&session, &[event(&user, doc! { "what": "login" })]).await.unwrap());
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let told = waiting(&store).await;
    assert_eq!(told.len(), 24);
    for user in &users {
        let of_user: Vec<&str> = told
            .iter()
            .filter(|event| event.user_id == *user)
            .map(|event| event.event.get_str("what").unwrap())
            .collect();
        assert_eq!(of_user, ["created", "login", "login"]);
    }
    let deletions = users.iter().chain(&users).map(|user| {
        let (store, user) = (store.clone(), user.clone());
        tokio::spawn(async move { store.events.delete(&user, &telling("deleted")).await.unwrap() })
    });
    let mut deleted = 0;
    for task in deletions.collect::<Vec<_>>() {
        deleted += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!((deleted, waiting(&store).await.len()), (8, 32));
}

/// Not in the table above, since it needs two views of the same store.
pub async fn applications_in_one_store_are_isolated(mine: Store, other: Store) {
    start(&mine, "s-of-mine", "ada").await;
    assert!(mine.events.logged_in("s-of-mine", &[event("ada", doc! {})]).await.unwrap());
    assert!(!other.events.logged_in("s-of-mine", &[event("ada", doc! {})]).await.unwrap());
    let ids = [mine.events.waiting("t", None, 1).await.unwrap()[0].id.clone()];
    assert_eq!(other.events.count("t").await.unwrap(), 0);
    assert_eq!(other.events.remove("t", &ids).await.unwrap(), 0);
    assert_eq!(other.events.forget("t").await.unwrap(), 0);
    let user = made(&mine, "user-of-mine").await;
    assert!(other.events.activate(&user.id, &telling("x")).await.is_err());
    assert!(other.events.delete(&user.id, &telling("x")).await.unwrap().is_none());
    assert_eq!(mine.events.forget("t").await.unwrap(), 1);
    assert!(mine.sessions.end("s-of-mine").await.unwrap() && mine.users.delete(&user.id).await.unwrap().is_some());
}
