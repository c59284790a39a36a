use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use portcullis::App;
use portcullis::app::{Secrets, Trigger};
use portcullis::auth::CustomDataSource;
use portcullis::auth::token::{SigningKeys, TokenIssuer};
use portcullis::login::{
    Authenticator, CustomDataChanges, Freshness, UserAssembler, custom_data_config, token_provider,
};
use portcullis::store::documents::{ChangeFeed, Namespace, Watch};
use portcullis::store::{CustomDataObserver, CustomDataStore, RecentSessions, Sessions, StoreError};
use portcullis::trigger::{Source, TriggerEvent};
use portcullis_functions::Options as FunctionOptions;
use portcullis_store::{Embedded, EmbeddedDocuments};

use super::{
    ClaimUsersBy, ClientApi, ClientParts, FolderMail, LANGUAGES, MailTexts, MailTextsError, Mailer, PositionNames,
    StoredCustomData,
};
use crate::call_log::CallLog;
use crate::clients::ServerUri;
use crate::data::{Data, DataStore, Reserved};
use crate::error::ServiceError;
use crate::functions::{CreationFunction, Functions, Known};
use crate::places::{AccountStores, IfMissing, Places};
use crate::service::https_keys;
use crate::triggers::TriggerStores;
use crate::watched_custom_data::WatchedCustomData;

/// Where the served applications store users, passwords, sessions and documents.
#[derive(Clone, Debug)]
pub enum StorePlace {
    /// In the state directory: `state.redb` and `documents.redb`.
    Directory,
    /// In a single file.
    File(PathBuf),
    /// On a MongoDB server: documents in their databases, everything else in the database [`Places::database`].
    Server(ServerUri),
}

/// An application to be served, with its secrets.
pub struct Served {
    /// The application.
    pub app: Arc<App>,
    /// Those of its secrets that are known.
    pub secrets: Secrets,
}

/// The stores shared by all applications that are served together.
enum Stores {
    Embedded { accounts: Embedded, documents: EmbeddedDocuments },
    Server(crate::server::Server),
}

/// Approximately how long startup waits for a server to configure its collections.
const IMAGES_PATIENCE: Duration = Duration::from_secs(30);

/// How long a session read from a server is cached. Sessions that this process ends are rejected at once. Those that
/// another process ends are rejected within a second, which leaves the rest of that second to the request itself.
const SESSION_AGE: Duration = Duration::from_millis(500);

/// How mail is sent, and what it says.
#[derive(Clone)]
pub struct MailSettings {
    /// Sends the mail.
    pub mailer: Arc<dyn Mailer>,
    /// The texts of the mail.
    pub texts: MailTexts,
}

impl MailSettings {
    /// Writes mail into a directory, in the default language.
    ///
    /// # Errors
    /// Never in practice: the built-in texts are valid.
    pub fn to_folder(folder: PathBuf) -> Result<Self, MailTextsError> {
        let [language, ..] = LANGUAGES;
        Ok(Self { mailer: Arc::new(FolderMail::new(folder)), texts: MailTexts::load(language, None)? })
    }
}

/// The keys and stores of the applications that are served together.
pub struct Host {
    places: Places,
    keys: SigningKeys,
    stores: Stores,
    /// The session caches by application, for a MongoDB server. An application that is reloaded keeps its cache.
    sessions: Mutex<HashMap<String, Arc<RecentSessions>>>,
    watched: WatchedCustomData,
    mail: MailSettings,
    takeover: Vec<ClaimUsersBy>,
    freshness: Freshness,
    runs_triggers: bool,
    call_log: Option<CallLog>,
    functions: FunctionOptions,
}

impl Host {
    /// Opens the stores. Creates whatever does not exist yet; also returns the file of the signing key if it had to be
    /// created.
    ///
    /// # Errors
    /// A store cannot be opened, or a key cannot be read.
    pub async fn open(
        places: Places,
        place: &StorePlace,
        mail: MailSettings,
    ) -> Result<(Self, Option<PathBuf>), ServiceError> {
        let (keys, made) = places.signing_keys(IfMissing::Create)?;
        let stores = Stores::open(&places, place).await?;
        let host = Self {
            places,
            keys,
            stores,
            sessions: Mutex::default(),
            watched: WatchedCustomData::default(),
            mail,
            takeover: Vec::new(),
            freshness: Freshness::default(),
            runs_triggers: false,
            call_log: None,
            functions: FunctionOptions::default(),
        };
        Ok((host, made))
    }

    /// Records account events for the triggers of the applications. The caller must then run these triggers,
    /// [`ClientApi::run_triggers`], because nothing else removes the events.
    #[must_use]
    pub fn with_triggers(self) -> Self {
        Self { runs_triggers: true, ..self }
    }

    /// Logs function calls.
    #[must_use]
    pub fn with_call_log(self, log: CallLog) -> Self {
        Self { call_log: Some(log), ..self }
    }

    /// Sets the limits of function calls and the resources that functions may access.
    #[must_use]
    pub fn with_functions(self, functions: FunctionOptions) -> Self {
        Self { functions, ..self }
    }

    /// Lets the bearers of third-party tokens take over imported users whom these claims identify.
    #[must_use]
    pub fn with_takeover(self, takeover: Vec<ClaimUsersBy>) -> Self {
        Self { takeover, ..self }
    }

    /// Sets the maximum age of the user and the custom data that rules see. By default, they are those of the access
    /// token.
    #[must_use]
    pub fn with_freshness(self, freshness: Freshness) -> Self {
        Self { freshness, ..self }
    }

    /// Opens applications for their clients: all of them, or none.
    ///
    /// # Errors
    /// A configuration cannot be used, or two applications have the same ID.
    pub fn applications(&self, served: Vec<Served>) -> Result<Vec<ClientApi>, ServiceError> {
        let mut apis: Vec<ClientApi> = Vec::new();
        for served in served {
            let api = self.application(served)?;
            if apis.iter().any(|known| known.id() == api.id()) {
                return Err(ServiceError::SameId(api.id().to_owned()));
            }
            apis.push(api);
        }
        Ok(apis)
    }

    /// Enables pre-images for the applications' collections on a MongoDB server. Without them, changes other than
    /// insertions can be reported only to users from whom nothing is hidden, and triggers get no previous documents.
    /// Returns for each collection whether pre-images were disabled before. The embedded store always has them;
    /// collections that have only default rules are not changed, unless a trigger asks for previous documents.
    pub async fn keep_images(&self, apis: &[ClientApi]) -> Vec<(Namespace, Result<bool, StoreError>)> {
        let Stores::Server(server) = &self.stores else { return Vec::new() };
        let apps = || apis.iter().map(ClientApi::app);
        let named = apps().flat_map(|app| &app.collections).filter_map(|one| Namespace::parse(&one.namespace));
        // Triggers receive nothing about users and sessions.
        let listened = apps().flat_map(|app| &app.triggers).filter_map(with_previous_documents);
        let listened = listened.filter(|namespace| namespace.database() != self.places.database);
        let namespaces: BTreeSet<Namespace> = named.chain(listened).collect();
        let (mut kept, began) = (Vec::new(), Instant::now());
        for namespace in namespaces.into_iter().filter(|namespace| !namespace.is_internal()) {
            let outcome = if began.elapsed() < IMAGES_PATIENCE {
                server.keep_images(&namespace).await
            } else {
                Err(StoreError::new("there was no time left to enable pre-images", "the server took too long"))
            };
            kept.push((namespace, outcome));
        }
        kept
    }

    fn application(&self, served: Served) -> Result<ClientApi, ServiceError> {
        let Served { app, secrets } = served;
        let Self { places, keys, stores, mail, takeover, freshness, runs_triggers, call_log, .. } = self;
        let id = places.id_of(&app)?.to_owned();
        let mut account_stores = stores.accounts(places, &id);
        if let Stores::Server(_) = stores {
            account_stores.sessions = self.recent_sessions(&id, account_stores.sessions);
        }
        let credentials = Arc::clone(&account_stores.credentials);
        let triggers = stores.triggers(places, &account_stores);
        let accounts = if *runs_triggers { account_stores.accounts_of(&app) } else { account_stores.accounts() };
        let config = custom_data_config(&app)?.filter(portcullis::auth::CustomDataConfig::is_enabled);
        let creation = config.as_ref().and_then(|config| config.on_user_creation()).map(str::to_owned);
        let source = config.as_ref().and_then(|config| config.source()).cloned();
        let custom_data = config.and_then(|config| stores.custom_data(config));
        let data = Data::new(Arc::clone(&app), secrets.clone(), stores.documents(), stores.reserved(places));
        let data = Arc::new(data);
        let assembler = UserAssembler::new(accounts.clone());
        let assembler = match &custom_data {
            Some(custom_data) => assembler.with_custom_data(Arc::clone(custom_data)),
            None => assembler.without_custom_data(),
        };
        let log = call_log.as_ref().map(|log| log.of(&id));
        let functions = Functions::new(&data, Known::Accounts(assembler), self.functions.clone(), log);
        let issuer = TokenIssuer::new(keys.clone(), id.as_str());
        let mut authenticator = Authenticator::new(issuer, accounts).with_session_age(SESSION_AGE);
        if let Some(name) = creation {
            let function = CreationFunction::new(Arc::clone(&functions), name);
            authenticator = authenticator.with_user_creation(Arc::new(function));
        }
        authenticator = match custom_data.clone() {
            Some(custom_data) => authenticator.with_custom_data(custom_data),
            None => authenticator.without_custom_data(),
        };
        if *freshness == Freshness::UntilChanged {
            let changes = match &source {
                Some(source) => self.watched.changes(source, |changes| stores.watch_custom_data(source, changes)),
                // Without a source, no user has custom data that could change.
                None => {
                    let changes = Arc::<CustomDataChanges>::default();
                    changes.watched_always();
                    changes
                }
            };
            authenticator = authenticator.with_custom_data_changes(changes);
        }
        if let Some(provider) = token_provider(&app, &id, &secrets)? {
            let provider = match provider.jwk_uri() {
                Some(uri) => {
                    let keys = https_keys(uri)?;
                    provider.with_jwks(keys)
                }
                None => provider,
            };
            authenticator = authenticator.with_provider(provider);
        }
        if app.takes_anonymous_users() {
            authenticator = authenticator.with_anonymous_users();
        }
        let api = ClientApi::new(ClientParts {
            mailer: Arc::clone(&mail.mailer),
            mail_texts: mail.texts.clone(),
            changes: Some(stores.changes()),
            position_names: PositionNames::new(keys.clone(), id.as_str()),
            freshness: *freshness,
            id,
            data,
            functions,
            authenticator,
            credentials,
            triggers,
            custom_data,
        });
        Ok(api.with_takeover(takeover.clone()))
    }

    /// A cache in front of the sessions of an application.
    fn recent_sessions(&self, id: &str, sessions: Arc<dyn Sessions>) -> Arc<dyn Sessions> {
        let mut known = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = known.entry(id.to_owned()).or_insert_with(|| Arc::new(RecentSessions::new(sessions)));
        Arc::<RecentSessions>::clone(recent)
    }
}

impl Stores {
    async fn open(places: &Places, place: &StorePlace) -> Result<Self, ServiceError> {
        let file = |path: PathBuf| move |error| ServiceError::File { path, error };
        Ok(match place {
            StorePlace::Directory => {
                places.make_directory()?;
                let path = places.state.join("documents.redb");
                let documents = EmbeddedDocuments::open(&path).map_err(file(path))?;
                let path = places.state.join("state.redb");
                let accounts = Embedded::open(&path, "").map_err(file(path))?;
                Self::Embedded { accounts, documents }
            }
            StorePlace::File(path) => {
                let accounts = Embedded::open(path, "").map_err(file(path.clone()))?;
                let documents = accounts.documents();
                Self::Embedded { accounts, documents }
            }
            StorePlace::Server(uri) => Self::Server(places.clients.connect(uri).await?),
        })
    }

    fn accounts(&self, places: &Places, id: &str) -> AccountStores {
        match self {
            Self::Embedded { accounts, .. } => AccountStores::of(&Arc::new(accounts.of(id))),
            Self::Server(server) => server.account_stores(&places.database, id),
        }
    }

    fn triggers(&self, places: &Places, accounts: &AccountStores) -> TriggerStores {
        let (changes, database): (Arc<dyn ChangeFeed>, _) = match self {
            Self::Embedded { documents, .. } => (Arc::new(documents.clone()), None),
            Self::Server(server) => (Arc::from(server.feed()), Some(places.database.clone())),
        };
        let (states, events) = (Arc::clone(&accounts.triggers), Arc::clone(&accounts.events));
        TriggerStores { states, events, changes: Some(changes), accounts: database }
    }

    fn documents(&self) -> DataStore {
        match self {
            Self::Embedded { documents, .. } => documents.clone().into(),
            Self::Server(server) => DataStore::of_server(server),
        }
    }

    /// The database of users and sessions, which applications must not access, if it is on the server of the documents.
    fn reserved(&self, places: &Places) -> Reserved {
        match self {
            Self::Embedded { .. } => Reserved::default(),
            Self::Server(_) => Reserved::database(&places.database),
        }
    }

    fn changes(&self) -> Arc<dyn Watch> {
        match self {
            Self::Embedded { documents, .. } => Arc::new(documents.clone()),
            Self::Server(server) => Arc::from(server.changes()),
        }
    }

    /// Reports changes in a collection of custom data to `changes` until that is dropped.
    fn watch_custom_data(&self, source: &CustomDataSource, changes: &Arc<CustomDataChanges>) {
        match self {
            Self::Embedded { documents, .. } => {
                let observer: Weak<dyn CustomDataObserver> = Arc::<CustomDataChanges>::downgrade(changes);
                documents.observe_custom_data(source, observer);
                changes.watched_always();
            }
            Self::Server(server) => server.watch_custom_data(source, Arc::downgrade(changes)),
        }
    }

    fn custom_data(&self, config: portcullis::auth::CustomDataConfig) -> Option<Arc<dyn CustomDataStore>> {
        match self {
            Self::Embedded { documents, .. } => {
                let stored = StoredCustomData::new(Arc::new(documents.clone()), config)?;
                Some(Arc::new(stored))
            }
            Self::Server(server) => server.custom_data(&config),
        }
    }
}

/// The collection of which a trigger gets previous documents.
fn with_previous_documents(trigger: &Trigger) -> Option<Namespace> {
    let definition = trigger.definition().ok().filter(|definition| !definition.is_disabled)?;
    let TriggerEvent::Database(changes) = definition.event else { return None };
    match changes.source {
        Source::Collection { database, collection } if changes.full_document_before_change => {
            Namespace::parse(&format!("{database}.{collection}"))
        }
        _ => None,
    }
}
