//! Stories about users, sessions and keys of an application, for either store. Each gets an empty place, and panics if
//! the application misbehaves.

mod administration;
mod bounds;
mod deletions;
mod keys;
mod rule_functions;
mod sessions;
mod takeovers;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use portcullis::App;
use portcullis::app::Secrets;
use portcullis::auth::ProviderType;
use portcullis::json::{self, Node};
use portcullis::login::Freshness;
use portcullis::store::{Account, AccountState, Identity};
use portcullis_service::Places;
use portcullis_service::client::{ClientApi, ClientError, Host, LoginReply, MailSettings, Served, StorePlace};
use portcullis_testkit::keys::{SECRET, hs256, sign};
use serde_json::{Value, json};

pub(crate) type Story = fn(Place) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! stories {
    ($($module:ident: $($name:ident)+;)+) => {
        vec![$($((stringify!($name), (|place| Box::pin($module::$name(place))) as Story)),+),+]
    };
}

pub(crate) fn all() -> Vec<(&'static str, Story)> {
    stories! {
        administration:
            a_created_user_can_log_in_immediately
            a_user_refused_by_the_creation_function_leaves_nothing
            a_set_password_ends_sessions_and_disables_keys
            a_server_key_has_a_user_that_is_deleted_with_it
            a_server_key_is_disabled_immediately
            an_address_is_confirmed;
        bounds:
            an_aggregation_is_returned_whole_or_refused
            replacing_too_many_documents_is_refused_as_a_whole;
        deletions:
            a_login_that_overlaps_a_deletion_leaves_no_user
            a_key_created_during_a_deletion_does_not_remain
            inactive_anonymous_users_are_deleted;
        keys:
            a_disabled_key_ends_the_sessions_that_it_opened
            a_deleted_key_disappears_from_the_profile
            a_login_that_overlaps_the_deletion_of_a_key_leaves_nothing
            concurrent_links_give_a_user_one_address;
        rule_functions:
            a_function_decides_whether_a_role_applies
            a_function_decides_whether_a_filter_applies;
        sessions:
            refreshing_the_token_shows_changed_custom_data
            watched_custom_data_takes_effect_without_a_new_token
            a_stream_ends_when_watched_custom_data_changes
            a_stream_older_than_its_token_sends_no_change_to_a_changed_user
            a_stream_ends_when_its_user_is_disabled_or_deleted;
        takeovers:
            claims_take_over_only_matching_users
            a_refused_token_takes_over_no_user
            a_reset_mail_takes_over_a_user
            a_user_is_taken_over_by_either_a_mail_or_a_token
            one_of_several_concurrent_tokens_takes_over_a_user
            a_takeover_is_logged
            an_import_reports_addresses_already_in_use;
    }
}

/// Where the application of one story stores everything.
pub(crate) struct Place {
    pub(crate) places: Places,
    pub(crate) store: StorePlace,
    folder: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    /// Creates a place; `store` receives its directory.
    pub(crate) fn new(store: impl FnOnce(&std::path::Path) -> StorePlace) -> Self {
        let folder = std::env::temp_dir().join(format!("portcullis-service-{}", ObjectId::new().to_hex()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = store(&folder);
        // Servers that share a database must have the same key.
        let key = folder.join("shared.key");
        std::fs::write(&key, SECRET.as_bytes()).unwrap();
        let places = Places { signing_keys: vec![key], ..Places::in_directory(folder.join("state")) };
        Self { places, store, folder }
    }

    /// Another, empty place on the same kind of store.
    fn fresh(&self, name: &str) -> Self {
        let mut place = Self::new(|folder| match &self.store {
            StorePlace::Server(uri) => StorePlace::Server(uri.clone()),
            _ => StorePlace::File(folder.join("data.redb")),
        });
        place.places.clients = self.places.clients.clone();
        place.places.database = format!("{}_{name}", self.places.database);
        place
    }

    /// A path in the directory of this place.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) async fn open(&self) -> ClientApi {
        self.open_app(portcullis_testkit::root().join("fixtures/served/moved")).await
    }

    pub(crate) async fn open_claiming(&self, by: &[&str]) -> ClientApi {
        self.open().await.with_takeover(by.iter().map(|by| by.parse().unwrap()).collect())
    }

    async fn open_app(&self, directory: PathBuf) -> ClientApi {
        self.open_fresh(directory, Freshness::default()).await
    }

    /// The application `moved`, with its custom data watched.
    async fn open_watched(&self) -> ClientApi {
        self.open_fresh(portcullis_testkit::root().join("fixtures/served/moved"), Freshness::UntilChanged).await
    }

    async fn open_fresh(&self, directory: PathBuf, freshness: Freshness) -> ClientApi {
        let app = Arc::new(App::load(directory).unwrap());
        let mut secrets = Secrets::default();
        secrets.insert("tokenKey", SECRET.as_str());
        let mail = MailSettings::to_folder(self.places.state.join("mail")).unwrap();
        let (host, _) = Host::open(self.places.clone(), &self.store, mail).await.unwrap();
        host.with_freshness(freshness).applications(vec![Served { app, secrets }]).unwrap().remove(0)
    }

    /// The payload of a login with a third-party token.
    pub(crate) fn token_payload(&self, claims: Value) -> Node {
        payload(json!({ "token": token(claims, &SECRET) }))
    }

    /// The texts of the mails that were sent, in order.
    fn mails(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.places.state.join("mail")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    /// The token and the token ID in the last mail.
    fn mailed(&self) -> (String, String) {
        let mail = self.mails().pop().unwrap();
        let part = |name: &str| {
            let rest = mail.split(&format!("{name}=")).nth(1).unwrap();
            rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>()
        };
        (part("token"), part("tokenId"))
    }
}

/// A third-party token for this application, valid for an hour.
fn token(mut claims: Value, secret: &str) -> String {
    let now = DateTime::now().timestamp_millis() / 1000;
    let usual = json!({ "sub": "somebody", "aud": "moved-abcde", "iat": now, "exp": now + 3600 });
    for (name, value) in usual.as_object().unwrap() {
        claims.as_object_mut().unwrap().entry(name).or_insert_with(|| value.clone());
    }
    sign(r#"{"alg":"HS256"}"#, &claims.to_string(), &hs256(secret))
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
pub(crate) fn payload(payload: Value) -> Node {
    json::parse(&payload.to_string()).unwrap()
}

pub(crate) const PASSWORD: &str = "password";

fn credentials(email: &str, password: &str) -> Node {
    payload(json!({ "username": email, "password": password }))
}

pub(crate) async fn register(api: &ClientApi, email: &str) {
    api.register(email, PASSWORD).await.unwrap();
}

pub(crate) async fn log_in_by(api: &ClientApi, email: &str) -> LoginReply {
    api.log_in("local-userpass", Some(&credentials(email, PASSWORD))).await.unwrap()
}

async fn log_in_by_key(api: &ClientApi, key: &str) -> Result<LoginReply, ClientError> {
    api.log_in("api-key", Some(&payload(json!({ "key": key })))).await
}

/// A user to be imported with an address but without a password.
pub(crate) fn imported(id: &str, email: &str) -> Account {
    let identity = Identity {
        provider_type: ProviderType::EmailPassword,
        id: format!("identity of {id}"),
        data: doc! { "email": email },
    };
    Account {
        state: AccountState::Active,
        is_unclaimed: true,
        last_login_at: None,
        ..Account::new(id, identity, DateTime::from_millis(1_600_000_000_000))
    }
}

async fn users(api: &ClientApi) -> Vec<Account> {
    api.accounts().list(None, 1000).await.unwrap()
}

/// The error of a request that must fail.
pub(crate) fn told<T>(result: Result<T, ClientError>) -> ClientError {
    result.err().expect("it must fail")
}

/// The name of an error's code.
pub(crate) trait CodeName {
    fn code_name(&self) -> &'static str;
}

impl CodeName for ClientError {
    fn code_name(&self) -> &'static str {
        self.code.map_or("", |code| code.name())
    }
}

/// Performs an action on a collection of the database `moved`.
async fn call(
    api: &ClientApi,
    access_token: &str,
    action: &str,
    collection: &str,
    options: Value,
) -> Result<bson::Bson, ClientError> {
    let user = api.bearer(access_token).await?;
    let mut argument = json!({ "database": "moved", "collection": collection });
    argument.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let call = json!({ "name": action, "service": "mongodb-atlas", "arguments": [argument] });
    api.call(user, None, Some(&payload(call))).await
}

/// The claims of a Portcullis token.
fn claims(token: &str) -> Document {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    json::to_plain_document(&json::parse_bytes(&bytes).unwrap()).unwrap()
}
