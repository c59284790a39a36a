use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::App;
use portcullis::auth::CustomDataConfig;
use portcullis::login::{Accounts, custom_data_config};
use portcullis::store::{AccountEvents, Credentials, CustomDataStore, FileCustomData, Sessions, Triggers, Users};
use portcullis::text::Severity;
use portcullis_store::Embedded;

use crate::client::StoredCustomData;
use crate::clients::{Clients, ServerUri};
use crate::error::{ServiceError, Setting};
use crate::server::{Server, holds_accounts};

/// Where users, sessions, keys and custom user data are stored.
#[derive(Clone, Debug)]
pub struct Places {
    /// The application's ID, overriding the one in its files.
    pub application: Option<String>,
    /// The directory of the signing key and, without MongoDB, of users and sessions.
    pub state: PathBuf,
    /// The file of users and sessions, overriding both the one in [`state`](Self::state) and the server.
    pub file: Option<PathBuf>,
    /// The server that holds users, sessions and custom user data.
    pub server: Option<ServerUri>,
    /// The database of users and sessions on the server.
    pub database: String,
    /// Custom user data in files instead of on the server: a file of extended JSON, or a directory with a file named
    /// after the collection.
    pub custom_data: Option<PathBuf>,
    /// An embedded store whose documents contain custom user data, if neither files nor a server are configured.
    pub documents: Option<PathBuf>,
    /// The files of the keys for tokens: the first one signs, all of them verify. If empty, `signing.key` in
    /// [`state`](Self::state).
    pub signing_keys: Vec<PathBuf>,
    /// The open connections.
    pub clients: Clients,
}

/// What to do if something does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Create it.
    Create,
    /// Return an error.
    Refuse,
}

/// The open stores of one application's users and sessions.
#[derive(Clone)]
pub struct AccountStores {
    /// The users.
    pub users: Arc<dyn Users>,
    /// Their sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Their passwords and API keys.
    pub credentials: Arc<dyn Credentials>,
    /// Account events, for triggers.
    pub events: Arc<dyn AccountEvents>,
    /// The states of triggers.
    pub triggers: Arc<dyn Triggers>,
}

impl AccountStores {
    /// All stores in one file.
    pub(crate) fn of(embedded: &Arc<Embedded>) -> Self {
        Self {
            users: Arc::<Embedded>::clone(embedded),
            sessions: Arc::<Embedded>::clone(embedded),
            credentials: Arc::<Embedded>::clone(embedded),
            events: Arc::<Embedded>::clone(embedded),
            triggers: Arc::<Embedded>::clone(embedded),
        }
    }

    /// The users and their sessions.
    #[must_use]
    pub fn accounts(self) -> Accounts {
        Accounts::new(self.users, self.sessions)
    }

    /// The users and their sessions; account events are recorded for the triggers of their application.
    #[must_use]
    pub fn accounts_of(self, app: &App) -> Accounts {
        match crate::triggers::announcer(app, &self.events) {
            Some(announcer) => self.accounts().with_announcer(announcer),
            None => self.accounts(),
        }
    }
}

impl Places {
    /// The default name of the database of users and sessions.
    pub const DATABASE: &str = "portcullis";

    /// Everything in one directory, without a server.
    #[must_use]
    pub fn in_directory(state: impl Into<PathBuf>) -> Self {
        Self {
            application: None,
            state: state.into(),
            file: None,
            server: None,
            database: Self::DATABASE.to_owned(),
            custom_data: None,
            documents: None,
            signing_keys: Vec::new(),
            clients: Clients::default(),
        }
    }

    /// Whether custom data must be looked up for this application: if files are configured, or if there is a server or
    /// an embedded store and the application has custom data.
    ///
    /// # Errors
    /// The application's configuration of custom user data cannot be used.
    pub fn serve_custom_data(&self, app: &App) -> Result<bool, ServiceError> {
        if self.custom_data.is_some() || (self.server.is_none() && self.documents_at_hand().is_none()) {
            return Ok(self.custom_data.is_some());
        }
        Ok(custom_data_config(app)?.is_some_and(|config| config.is_enabled()))
    }

    /// The embedded store in which custom data are looked up, if it exists and nothing else is configured.
    fn documents_at_hand(&self) -> Option<&Path> {
        self.documents.as_deref().filter(|path| self.custom_data.is_none() && self.server.is_none() && path.exists())
    }

    /// Rejects settings that cannot be intended.
    pub(crate) fn verify(&self) -> Result<(), ServiceError> {
        if self.state.to_str().is_some_and(|path| path.contains("://")) {
            return Err(ServiceError::ConnectionString(Setting::State));
        }
        if self.database.contains("://") {
            return Err(ServiceError::ConnectionString(Setting::Database));
        }
        // The characters that MongoDB does not permit in the name of a database.
        if self.database.is_empty() || self.database.contains(['/', '\\', '.', ' ', '"', '$', ':', '\0']) {
            return Err(ServiceError::DatabaseName);
        }
        Ok(())
    }

    /// Rejects a namespace that holds users or sessions of Portcullis on the configured server, regardless of the
    /// rules.
    ///
    /// # Errors
    /// [`ServiceError::Closed`]
    pub fn refuse_ours(&self, namespace: &str) -> Result<(), ServiceError> {
        if self.server.is_some() { self.refuse_ours_anywhere(namespace) } else { Ok(()) }
    }

    /// Like [`refuse_ours`](Self::refuse_ours), but for any server: another installation may store its users on the
    /// server of the documents.
    ///
    /// # Errors
    /// [`ServiceError::Closed`]
    pub fn refuse_ours_anywhere(&self, namespace: &str) -> Result<(), ServiceError> {
        if self.is_named_as_ours(namespace) { Err(ServiceError::Closed(namespace.to_owned())) } else { Ok(()) }
    }

    fn is_named_as_ours(&self, namespace: &str) -> bool {
        let Some((database, collection)) = namespace.split_once('.') else { return false };
        database.eq_ignore_ascii_case(&self.database) && holds_accounts(collection)
    }

    /// Rejects a configuration in which users and sessions would be written into collections of the application.
    ///
    /// # Errors
    /// [`ServiceError::SharedCollection`]
    pub fn keep_apart(&self, app: &App) -> Result<(), ServiceError> {
        let config = custom_data_config(app).ok().flatten();
        let source = config.as_ref().and_then(CustomDataConfig::source);
        let source = source.map(|source| format!("{}.{}", source.database, source.collection));
        let mut theirs = app.collections.iter().map(|collection| &collection.namespace).chain(&source);
        match theirs.find(|namespace| self.server.is_some() && self.is_named_as_ours(namespace)) {
            None => Ok(()),
            Some(namespace) => Err(ServiceError::SharedCollection(namespace.clone())),
        }
    }

    /// The ID of an application, which separates its users from those of other applications.
    ///
    /// # Errors
    /// The application has no ID, or its collections would be shared with users and sessions.
    pub fn id_of<'a>(&'a self, app: &'a App) -> Result<&'a str, ServiceError> {
        self.keep_apart(app)?;
        if let Some(id) = self.application.as_deref().or_else(|| app.id()) {
            return Ok(id);
        }
        let names = app.config.names();
        let found = app.findings.iter().filter(|found| names.iter().any(|name| name == found.source.name()));
        let found: Vec<_> = found.filter(|found| found.finding.severity == Severity::Error).cloned().collect();
        if found.is_empty() {
            let file = app.config.present().map_or("realm_config.json", |config| config.source.name());
            return Err(ServiceError::NoId { directory: app.directory.clone(), file: file.to_owned() });
        }
        Err(ServiceError::IdUnreadable(found))
    }

    /// Opens the stores of an application's users and sessions.
    ///
    /// # Errors
    /// The stores do not exist, or cannot be opened.
    pub async fn account_stores(&self, application: &str, missing: IfMissing) -> Result<AccountStores, ServiceError> {
        self.verify()?;
        if let Some(server) = self.server().await?.filter(|_| self.file.is_none()) {
            return Ok(server.account_stores(&self.database, application));
        }
        let path = self.file.clone().unwrap_or_else(|| self.state.join("state.redb"));
        if missing == IfMissing::Refuse && !path.exists() {
            return Err(ServiceError::NoUsers(path));
        }
        if self.file.is_none() {
            self.make_directory()?;
        }
        Ok(AccountStores::of(&Arc::new(self.clients.embedded(&path, application)?)))
    }

    /// Opens the store of custom data: the configured files, or else MongoDB, or else the embedded store.
    ///
    /// # Errors
    /// Neither is configured, or the server cannot be used.
    pub async fn custom_data(&self, config: CustomDataConfig) -> Result<Arc<dyn CustomDataStore>, ServiceError> {
        if let Some(path) = &self.custom_data {
            // The error for a missing file would show the password in a connection string.
            if path.to_str().is_some_and(|path| path.starts_with("mongodb:") || path.starts_with("mongodb+srv:")) {
                return Err(ServiceError::ConnectionString(Setting::CustomData));
            }
            return Ok(Arc::new(FileCustomData::new(config, path)));
        }
        if let Some(path) = self.documents_at_hand() {
            let documents = Arc::new(self.clients.embedded(path, "")?.documents());
            let stored = StoredCustomData::new(documents, config).ok_or(ServiceError::NoCustomData)?;
            return Ok(Arc::new(stored));
        }
        let server = self.server().await?.ok_or(ServiceError::CustomDataPlace)?;
        server.custom_data(&config).ok_or(ServiceError::NoCustomData)
    }

    /// The connection to the server, if one is configured.
    ///
    /// # Errors
    /// The server cannot be used.
    pub async fn server(&self) -> Result<Option<Server>, ServiceError> {
        match &self.server {
            None => Ok(None),
            Some(uri) => Ok(Some(self.clients.connect(uri).await?)),
        }
    }

    /// Creates the state directory, accessible to its owner only.
    pub(crate) fn make_directory(&self) -> Result<(), ServiceError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.state);
        made.map_err(|error| ServiceError::Write { path: self.state.clone(), error })
    }
}
