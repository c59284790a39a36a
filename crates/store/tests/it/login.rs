//! Logging in and staying logged in, without a server: users and sessions in a database in memory or in a file, custom
//! data in memory or in files.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use portcullis::auth::token::{SigningKey, SigningKeys, TokenError, TokenIssuer, TokenProvider};
use portcullis::auth::{CustomDataConfig, ProviderType, Selection};
use portcullis::clock::Clock;
use portcullis::future::BoxFuture;
use portcullis::json;
use portcullis::login::{
    Accounts, Authenticator, DataSource, Freshness, FunctionMissing, Login, LoginError, UserCreation,
    UserCreationRefused,
};
use portcullis::store::{
    Account, AccountState, CustomDataStore, FileCustomData, Identity, LookUpError, MemoryCustomData, Sessions,
    StoreError, Users,
};
use portcullis::user::{CustomData, User};
use portcullis_store::Embedded;

use portcullis_testkit::keys::{hs256, secret, sign};

/// A clock that stands until it is moved.
#[derive(Default)]
struct Hand(AtomicI64);

impl Hand {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> DateTime {
        DateTime::from_millis(1_800_000_000_000 + self.0.load(Ordering::Relaxed))
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An application with one provider, and everything that it stands on.
struct House {
    authenticator: Authenticator,
    custom_data: Arc<MemoryCustomData>,
    users: Arc<Embedded>,
    clock: Arc<Hand>,
    secret: String,
}

fn config() -> CustomDataConfig {
    let text = r#"{"enabled": true, "database_name": "hr", "collection_name": "users", "user_id_field": "user_id"}"#;
    CustomDataConfig::compile(&json::parse(text).unwrap()).unwrap()
}

fn provider(secret: &str, disabled: bool) -> TokenProvider {
    let text = format!(
        r#"{{"name": "intranet", "type": "custom-token", "disabled": {disabled},
            "config": {{"audience": "hr", "signingAlgorithm": "HS256"}}, "secret_config": {{"signingKeys": ["key"]}},
            "metadata_fields": [{{"required": false, "name": "email"}}, {{"required": false, "name": "age"}}]}}"#
    );
    let secrets = BTreeMap::from([("key".to_owned(), secret.to_owned())]);
    TokenProvider::compile(&json::parse(&text).unwrap(), "app", &secrets).unwrap()
}

fn issuer() -> TokenIssuer {
    let key = SigningKey::from_secret(secret().into_bytes()).unwrap();
    TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "app")
}

fn accounts(users: &Arc<Embedded>) -> Accounts {
    Accounts::new(Arc::clone(users) as Arc<dyn Users>, Arc::clone(users) as Arc<dyn Sessions>)
}

impl House {
    fn new() -> Self {
        let users = Arc::new(Embedded::in_memory("app").unwrap());
        let custom_data = Arc::new(MemoryCustomData::new(config(), Vec::new()));
        let clock = Arc::new(Hand::default());
        let secret = portcullis_testkit::keys::secret();
        let authenticator = Authenticator::new(issuer(), accounts(&users))
            .with_provider(provider(&secret, false))
            .with_anonymous_users()
            .with_custom_data(Arc::clone(&custom_data) as Arc<_>)
            .with_clock(Arc::clone(&clock) as Arc<_>);
        Self { authenticator, custom_data, users, clock, secret }
    }

    fn with(self, change: impl FnOnce(Authenticator) -> Authenticator) -> Self {
        Self { authenticator: change(self.authenticator), ..self }
    }

    /// A third party's token.
    fn token(&self, claims: Document) -> String {
        let mut all = doc! { "aud": "hr", "exp": (self.clock.now().timestamp_millis() / 1000) + 600 };
        all.extend(claims);
        sign(r#"{"alg": "HS256"}"#, &Bson::Document(all).into_relaxed_extjson().to_string(), &hs256(&self.secret))
    }

    async fn log_in(&self, sub: &str) -> Result<Login, LoginError> {
        self.authenticator.log_in("intranet", &self.token(doc! { "sub": sub }), None).await
    }

    async fn bearer(&self, token: &str, freshness: Freshness) -> Result<User, LoginError> {
        Ok(self.authenticator.authenticate(token, freshness).await?.user)
    }

    fn set(&self, user_id: &str, level: i32) {
        self.custom_data.replace(vec![doc! { "_id": 1, "user_id": user_id, "level": level }]);
    }
}

fn level(user: &User) -> Option<i32> {
    match &user.custom_data {
        CustomData::Loaded(data) => Some(data.get_i32("level").unwrap()),
        CustomData::Absent => None,
        CustomData::NotLoaded => panic!("custom data was not looked up"),
    }
}

#[tokio::test]
async fn a_person_keeps_one_id_and_what_the_provider_says_is_renewed() {
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

#[tokio::test]
async fn a_login_gives_the_custom_data_of_that_moment_and_a_refresh_that_of_its_own() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    assert_eq!(level(&login.user), None);
    house.set(&login.user.id, 1);
    assert_eq!(level(&house.bearer(&login.access_token, Freshness::Snapshot).await.unwrap()), None);
    assert_eq!(level(&house.bearer(&login.access_token, Freshness::Live).await.unwrap()), Some(1));
    let refreshed = house.authenticator.refresh(&login.refresh_token).await.unwrap();
    assert_eq!(level(&house.bearer(&refreshed.access_token, Freshness::Snapshot).await.unwrap()), Some(1));
}

#[tokio::test]
async fn data_is_never_older_than_was_asked_for() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    house.set(&login.user.id, 1);
    let ask = async |seconds| {
        let freshness = Freshness::AtMost(Duration::from_secs(seconds));
        let found = house.authenticator.authenticate(&login.access_token, freshness).await.unwrap();
        (level(&found.user), found.age.source, found.age.age.as_secs())
    };
    house.clock.advance(Duration::from_secs(10));
    assert_eq!(ask(10).await, (None, DataSource::Token, 10));
    // The login itself has looked up, ten seconds ago; that is too old for this.
    assert_eq!(ask(9).await, (Some(1), DataSource::Store, 0));
    house.set(&login.user.id, 2);
    house.clock.advance(Duration::from_secs(5));
    assert_eq!(ask(5).await, (Some(1), DataSource::Store, 5));
    assert_eq!(ask(4).await, (Some(2), DataSource::Store, 0));
    assert_eq!(ask(60).await, (None, DataSource::Token, 15));
}

#[tokio::test]
async fn a_source_of_custom_data_that_cannot_be_read_is_not_no_custom_data() {
    let directory = std::env::temp_dir().join(format!("portcullis-login-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("users.json");
    let house = House::new().with(|house| house.with_custom_data(Arc::new(FileCustomData::new(config(), &directory))));
    let refused = |error: LoginError| {
        assert!(matches!(error, LoginError::Store(_)) && !error.is_refusal(), "{error}");
        error.to_string()
    };
    assert!(refused(house.log_in("ada").await.err().unwrap()).contains("contains no file of documents"));
    fs::write(&file, "{\"user_id\": \"x\"}\n{\"user_id\": ").unwrap();
    let message = refused(house.log_in("ada").await.err().unwrap());
    assert!(message.contains("users.json`, line 2"), "{message}");
    fs::write(&file, "[{\"user_id\": \"x\"},\n7]\n").unwrap();
    assert!(refused(house.log_in("ada").await.err().unwrap()).contains("line 2: expected a document"));
    fs::write(&file, "\n{\"user_id\": \"x\", \"level\": 1}\n").unwrap();
    let login = house.log_in("ada").await.unwrap();
    assert_eq!(login.user.custom_data, CustomData::Absent);
    fs::write(&file, format!("{{\"user_id\": \"x\"}}\n{{\"user_id\": \"{}\", \"level\": 2}}", login.user.id)).unwrap();
    assert_eq!(level(&house.authenticator.refresh(&login.refresh_token).await.unwrap().user), Some(2));
    fs::remove_dir_all(&directory).unwrap();
    let refused_refresh = house.authenticator.refresh(&login.refresh_token).await.err().unwrap();
    assert!(matches!(refused_refresh, LoginError::Store(_)));
    assert!(house.bearer(&login.access_token, Freshness::Live).await.is_err());
}

#[tokio::test]
async fn files_in_which_too_many_documents_name_a_user_are_no_custom_data_of_theirs() {
    let file = std::env::temp_dir().join(format!("portcullis-many-{}.json", std::process::id()));
    let custom_data = FileCustomData::new(config(), &file);
    let document = "{\"user_id\": \"ada\", \"level\": 1}\n";
    fs::write(&file, document.repeat(1000)).unwrap();
    assert!(custom_data.find("ada").await.unwrap().document.is_some());
    fs::write(&file, document.repeat(1001)).unwrap();
    assert!(custom_data.find("ada").await.unwrap_err().to_string().contains("more than 1000 documents"));
    assert_eq!(custom_data.find("eve").await.unwrap().document, None);
    let large = format!("{{\"user_id\": \"ada\", \"much\": \"{}\"}}\n", "x".repeat(12 << 20));
    fs::write(&file, large.repeat(3)).unwrap();
    assert!(custom_data.find("ada").await.unwrap_err().to_string().contains("33554432 bytes"));
    fs::remove_file(&file).unwrap();
}

/// Custom data of nearly a mebibyte for everyone.
struct Bulk(AtomicI64);

impl CustomDataStore for Bulk {
    fn find<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        let document = doc! { "much": "x".repeat(1_000_000), "level": self.0.load(Ordering::Relaxed) };
        Box::pin(async move { Ok(Selection { document: Some(document), warnings: Vec::new() }) })
    }
}

#[tokio::test]
async fn what_is_remembered_of_users_has_an_end() {
    let bulk = Arc::new(Bulk(AtomicI64::new(1)));
    let house = House::new().with(|authenticator| authenticator.with_custom_data(Arc::clone(&bulk) as Arc<_>));
    let ada = house.log_in("ada").await.unwrap();
    let others = (0..70).map(|n| {
        let identity = Identity { provider_type: ProviderType::CustomToken, id: n.to_string(), data: doc! {} };
        Account { state: AccountState::Active, ..Account::new(format!("user {n}"), identity, house.clock.now()) }
    });
    let others: Vec<Account> = others.collect();
    house.users.import(&others).await.unwrap();
    house.clock.advance(10 * MINUTE);
    house.authenticator.look_up(&ada.user.id).await.unwrap();
    bulk.0.store(2, Ordering::Relaxed);
    let level = async || {
        let user = house.bearer(&ada.access_token, Freshness::AtMost(MINUTE)).await.unwrap();
        let CustomData::Loaded(data) = user.custom_data else { panic!("custom data was not looked up") };
        data.get_i64("level").unwrap()
    };
    assert_eq!(level().await, 1);
    for other in &others {
        house.authenticator.look_up(&other.id).await.unwrap();
    }
    assert_eq!(level().await, 2);
}

#[tokio::test]
async fn a_document_that_is_too_large_fails_the_login() {
    let house = House::new();
    let login = house.log_in("ada").await.unwrap();
    let large = |bytes| vec![doc! { "user_id": &login.user.id, "text": "x".repeat(bytes) }];
    house.custom_data.replace(large(20 * 1024));
    assert_eq!(house.log_in("ada").await.unwrap().warnings.len(), 1);
    house.custom_data.replace(large(1024 * 1024 - 200));
    house.log_in("ada").await.unwrap();
    house.custom_data.replace(large(1024 * 1024));
    assert!(matches!(house.log_in("ada").await.err().unwrap(), LoginError::CustomData(_)));
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
async fn a_user_creation_function_that_nobody_can_run_lets_no_new_user_in() {
    let house = House::new();
    let known = house.log_in("ada").await.unwrap();
    let house = house.with(|house| house.with_user_creation(Arc::new(FunctionMissing::new("greet"))));
    assert_eq!(house.log_in("ada").await.unwrap().user.id, known.user.id);
    assert!(matches!(house.log_in("eve").await.err().unwrap(), LoginError::UserCreation(_)));
    assert!(matches!(house.log_in("eve").await.err().unwrap(), LoginError::UserCreation(_)));
}

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
async fn tokens_end_with_their_time() {
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

#[tokio::test]
async fn one_token_is_no_other() {
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
async fn providers_that_are_not_there_or_disabled_let_nobody_in() {
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
async fn there_is_one_provider_of_tokens() {
    let house = House::new();
    house.log_in("ada").await.unwrap();
    let (ours, other) = (house.token(doc! { "sub": "ada" }), secret());
    let house = house.with(|house| house.with_provider(provider(&other, false)));
    let refused = house.authenticator.log_in("intranet", &ours, None).await.err().unwrap();
    assert!(matches!(refused, LoginError::Token(TokenError::Signature)), "{refused}");
}

#[tokio::test]
async fn anonymous_users_last_ninety_days_after_they_were_last_here() {
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
async fn a_linked_identity_leads_to_the_same_user_and_can_be_nobody_elses() {
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

#[tokio::test]
async fn users_and_sessions_in_a_file_outlast_the_process() {
    let path = std::env::temp_dir().join(format!("portcullis-state-{}.redb", std::process::id()));
    let _ = fs::remove_file(&path);
    let house = House::new();
    let open = || {
        let users = Arc::new(Embedded::open(&path, "app").unwrap());
        Authenticator::new(issuer_again(), accounts(&users))
            .with_provider(provider(&house.secret, false))
            .without_custom_data()
            .with_clock(Arc::clone(&house.clock) as Arc<_>)
    };
    let token = house.token(doc! { "sub": "ada" });
    let login = open().log_in("intranet", &token, None).await.unwrap();
    let later = open();
    assert!(Embedded::open(&path, "app").unwrap_err().to_string().contains("another process has had it open"));
    assert_eq!(later.log_in("intranet", &token, None).await.unwrap().user.id, login.user.id);
    later.refresh(&login.refresh_token).await.unwrap();
    drop(later);
    fs::remove_file(&path).unwrap();
}

/// An issuer that has one key in all calls.
fn issuer_again() -> TokenIssuer {
    static SECRET: Mutex<Option<String>> = Mutex::new(None);
    let secret = SECRET.lock().unwrap().get_or_insert_with(secret).clone();
    let key = SigningKey::from_secret(secret.into_bytes()).unwrap();
    TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "app")
}

#[test]
fn an_identity_of_an_api_key_is_a_server() {
    let identity =
        portcullis::store::Identity { provider_type: ProviderType::ApiKey, id: "k".to_owned(), data: Document::new() };
    let account = portcullis::store::Account::new("u", identity, DateTime::MIN);
    assert_eq!(account.to_user(CustomData::Absent).kind, portcullis::user::UserType::Server);
}

/// Changes somebody's custom data and ends the sessions, as a watcher does, after the data was read.
struct ChangesBetween(Arc<Embedded>, AtomicUsize);

impl CustomDataStore for ChangesBetween {
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async move {
            let ended = self.0.end_all(user_id).await.unwrap();
            self.1.fetch_add(usize::try_from(ended).unwrap(), Ordering::Relaxed);
            Ok(Selection::default())
        })
    }
}

#[tokio::test]
async fn a_change_between_look_up_and_tokens_ends_the_login() {
    let house = House::new();
    let kept = house.log_in("ada").await.unwrap();
    let store = Arc::new(ChangesBetween(Arc::clone(&house.users), AtomicUsize::new(0)));
    let house = house.with(|authenticator| authenticator.with_custom_data(Arc::clone(&store) as Arc<_>));
    let error = house.authenticator.refresh(&kept.refresh_token).await.err().unwrap();
    assert!(matches!(error, LoginError::SessionEnded), "{error}");
    let error = house.log_in("ada").await.err().unwrap();
    assert!(matches!(error, LoginError::SessionEnded), "{error}");
    assert_eq!(store.1.load(Ordering::Relaxed), 2, "the session began after the look-up");
}

/// A store of custom data that cannot be asked.
struct Gone;

impl CustomDataStore for Gone {
    fn find<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async { Err(StoreError::new("cannot read the custom data", "gone").into()) })
    }
}

#[tokio::test]
async fn a_login_that_fails_leaves_no_session() {
    let house = House::new();
    let id = house.log_in("ada").await.unwrap().user.id;
    assert_eq!(house.users.end_all(&id).await.unwrap(), 1);
    let house = house.with(|authenticator| authenticator.with_custom_data(Arc::new(Gone)));
    assert!(matches!(house.log_in("ada").await.err().unwrap(), LoginError::Store(_)));
    assert_eq!(house.users.end_all(&id).await.unwrap(), 0);
}

#[test]
fn an_empty_file_is_not_read_as_no_users() {
    let path = std::env::temp_dir().join(format!("portcullis-empty-{}.redb", std::process::id()));
    fs::write(&path, "").unwrap();
    let error = Embedded::open(&path, "app").unwrap_err().to_string();
    assert!(error.contains("it is empty"), "{error}");
    fs::remove_file(&path).unwrap();
}

#[test]
fn processes_wait_for_each_other() {
    let path = std::env::temp_dir().join(format!("portcullis-waiting-{}.redb", std::process::id()));
    let _ = fs::remove_file(&path);
    let opens: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let open = Embedded::open(&path, "app").unwrap();
                std::thread::sleep(Duration::from_millis(30));
                drop(open);
            })
        })
        .collect();
    opens.into_iter().for_each(|open| open.join().unwrap());
    fs::remove_file(&path).unwrap();
}
