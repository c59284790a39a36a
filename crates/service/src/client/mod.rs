//! The requests of an application's clients as plain calls: logins, sessions, profiles, keys and collections. A server
//! adds paths, headers and status codes.

mod actions;
mod administration;
mod calls;
mod custom_data;
mod endpoints;
mod error;
mod evaluation;
mod hashing;
mod keys;
mod login_function;
mod logins;
mod mail;
mod open;
mod password_functions;
mod passwords;
mod position_names;
mod profile;
mod providers;
mod random;
mod session_checks;
mod sessions;
mod silence;
mod takeover;
mod watch;

use std::sync::Arc;

use portcullis::auth::{Selection, Warning};
use portcullis::login::{Authenticator, Freshness};
use portcullis::store::documents::{Find, Namespace, Watch};
use portcullis::store::{Credentials, CustomDataStore};
use portcullis::{App, CustomData, User};

use self::session_checks::SessionChecks;
use crate::data::Data;
pub use crate::data::Outcome;
use crate::error::ServiceError;
use crate::functions::Functions;
use crate::triggers::{Runner, RunnerOptions, RunnerParts, TriggerFunctions, TriggerPlan, TriggerStores};

pub use administration::{Administration, ImportedUser};
pub use custom_data::StoredCustomData;
pub use endpoints::{DataApiCall, Entries, Form, HttpReply, Incoming, Tries, plain_json};
pub use error::{ClientError, ErrorClass, ErrorCode};
pub use evaluation::{Evaluation, Evaluator, GivenDocument, Question};
pub use hashing::Hashing;
pub use keys::{CreatedKey, KeyView};
pub use logins::{LinkedUser, LoginReply};
pub use mail::{FolderMail, LANGUAGES, Mail, MailTexts, MailTextsError, Mailer, QueuedMail};
#[cfg(feature = "smtp")]
pub use mail::{SmtpError, SmtpMail};
pub use open::{Host, MailSettings, Served, StorePlace};
pub use position_names::PositionNames;
pub use providers::Providers;
pub use sessions::{bearer_token, delete};
pub use takeover::{ClaimUsersBy, ClaimUsersByError, PasswordSet};
pub use watch::StreamItem;

/// One application, open for its clients.
pub struct ClientApi {
    id: String,
    data: Arc<Data>,
    functions: Arc<Functions>,
    authenticator: Authenticator,
    credentials: Arc<dyn Credentials>,
    changes: Option<Arc<dyn Watch>>,
    position_names: PositionNames,
    providers: Providers,
    entries: Entries,
    hashing: Hashing,
    mailer: Arc<dyn Mailer>,
    mail_texts: MailTexts,
    freshness: Freshness,
    triggers: TriggerStores,
    custom_data: Option<Arc<dyn CustomDataStore>>,
    session_checks: SessionChecks,
}

/// What is needed to serve an application.
pub(crate) struct ClientParts {
    /// The client app ID.
    pub(crate) id: String,
    /// The application with its documents.
    pub(crate) data: Arc<Data>,
    /// Its functions.
    pub(crate) functions: Arc<Functions>,
    /// Verifies logins and issues tokens.
    pub(crate) authenticator: Authenticator,
    /// The store of passwords and API keys.
    pub(crate) credentials: Arc<dyn Credentials>,
    /// The changes of the documents, if the store reports them.
    pub(crate) changes: Option<Arc<dyn Watch>>,
    /// Converts positions in change streams into the opaque names that clients see.
    pub(crate) position_names: PositionNames,
    /// Sends mail to users.
    pub(crate) mailer: Arc<dyn Mailer>,
    /// What the mails say.
    pub(crate) mail_texts: MailTexts,
    /// The maximum age of the user object that a request's rules see.
    pub(crate) freshness: Freshness,
    /// The stores of its triggers.
    pub(crate) triggers: TriggerStores,
    /// The store of custom user data, if the application has any.
    pub(crate) custom_data: Option<Arc<dyn CustomDataStore>>,
}

impl ClientApi {
    /// Opens an application for its clients.
    #[must_use]
    pub(crate) fn new(parts: ClientParts) -> Self {
        let ClientParts {
            id,
            data,
            functions,
            authenticator,
            credentials,
            changes,
            position_names,
            mailer,
            mail_texts,
            freshness,
            triggers,
            custom_data,
        } = parts;
        let providers = Providers::of(&data.app);
        let entries = Entries::of(&data.app, &data.secrets, functions.library());
        Self {
            id,
            data,
            functions,
            authenticator,
            credentials,
            changes,
            position_names,
            providers,
            hashing: Hashing::default(),
            mailer,
            mail_texts,
            entries,
            freshness,
            triggers,
            custom_data,
            session_checks: SessionChecks::default(),
        }
    }

    /// The functions of the application.
    #[must_use]
    pub const fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }

    /// The client app ID.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.data.app
    }

    /// Which of the application's triggers run, and why others do not.
    #[must_use]
    pub fn trigger_plan(&self) -> TriggerPlan {
        TriggerPlan::within(&self.data.app, &self.triggers, &*self.functions)
    }

    /// Runs the application's triggers on the caller's tokio runtime. Authentication triggers also require that account
    /// events are recorded: [`Host::with_triggers`].
    #[must_use]
    pub fn run_triggers(&self, options: RunnerOptions) -> Runner {
        let functions: Arc<dyn TriggerFunctions> = Arc::<Functions>::clone(&self.functions);
        let (application, app, stores) = (self.id.clone(), Arc::clone(&self.data.app), self.triggers.clone());
        Runner::start(RunnerParts { application, app, functions, stores }, options)
    }

    /// A user with current custom data, which is looked up if the application has any and it has not been loaded yet.
    ///
    /// # Errors
    /// The store fails, or several documents match the user and contradict each other.
    pub async fn with_custom_data(&self, user: User) -> Result<(User, Vec<Warning>), ServiceError> {
        match &self.custom_data {
            Some(store) if user.custom_data == CustomData::NotLoaded => {
                let Selection { document, warnings } = store.find(&user.id).await?;
                Ok((User { custom_data: document.map_or(CustomData::Absent, CustomData::Loaded), ..user }, warnings))
            }
            _ => Ok((user, Vec::new())),
        }
    }

    /// The authentication providers.
    #[must_use]
    pub const fn providers(&self) -> &Providers {
        &self.providers
    }

    /// Sends a cheap request to each store, to check that it responds.
    ///
    /// # Errors
    /// A store does not respond.
    pub async fn check_stores(&self) -> Result<(), ClientError> {
        // No key has an empty ID.
        self.credentials.key("").await?;
        let namespace = Namespace::parse("portcullis.readiness");
        if let Some(namespace) = namespace {
            let find = Find { limit: Some(1), ..Find::by(bson::Document::new()) };
            let mut cursor = self.data.documents().find(&namespace, &find).await.map_err(ClientError::internal)?;
            cursor.batch().await.map_err(ClientError::internal)?;
        }
        Ok(())
    }

    /// The endpoints, webhooks and the Data API.
    #[must_use]
    pub const fn entries(&self) -> &Entries {
        &self.entries
    }
}
