//! Logging in and staying logged in, without a server: users and sessions in a database in memory or in a file, custom
//! data in memory or in files.

mod custom_data;
mod files;
mod tokens;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use portcullis::auth::CustomDataConfig;
use portcullis::auth::token::{SigningKey, SigningKeys, TokenIssuer, TokenProvider};
use portcullis::login::{Accounts, Authenticator, Freshness, Login, LoginError};
use portcullis::store::{MemoryCustomData, Sessions, Users};
use portcullis::{Clock, CustomData, User, json};
use portcullis_store::Embedded;
use portcullis_testkit::keys::{hs256, secret, sign};

/// A clock that stands until it is moved.
#[derive(Default)]
struct Hand(AtomicI64);

impl Hand {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    fn turn_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
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
