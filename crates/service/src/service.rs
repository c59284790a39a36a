use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis::app::Secrets;
use portcullis::auth::token::{JwksSource, TokenIssuer};
use portcullis::auth::{CustomDataConfig, Selection, Warning};
use portcullis::login::{
    Accounts, Authenticated, Authenticator, DataAge, DataSource, Freshness, UserAssembler, UserCreation,
    custom_data_config, token_provider,
};
use portcullis::store::CustomDataStore;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{App, CustomData, User};

use crate::documents::DocumentPlace;
use crate::error::ServiceError;
use crate::places::{IfMissing, Places};

/// An application, and the places of its users, keys and data, which are opened when first needed.
#[derive(Clone, Debug)]
pub struct Service {
    app: Arc<App>,
    places: Places,
}

/// What logins require in addition to the application.
#[derive(Default)]
pub struct LoginOptions {
    /// The application's secrets, which include the keys of its providers.
    pub secrets: Secrets,
    /// The keys of the third-party token provider, overriding those at its address.
    pub jwks: Option<Arc<dyn JwksSource>>,
    /// Called for each new user before the first token is issued; can reject the user.
    pub user_creation: Option<Arc<dyn UserCreation>>,
}

impl Service {
    /// Checks that the places suit the application.
    ///
    /// # Errors
    /// Users and sessions would be written into collections of the application.
    pub fn new(app: impl Into<Arc<App>>, places: Places) -> Result<Self, ServiceError> {
        let app = app.into();
        places.keep_apart(&app)?;
        Ok(Self { app, places })
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The places of its users, keys and data.
    #[must_use]
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// The application's ID.
    ///
    /// # Errors
    /// Those of [`Places::id_of`].
    pub fn id(&self) -> Result<&str, ServiceError> {
        self.places.id_of(&self.app)
    }

    /// Opens the users and sessions of the application.
    ///
    /// # Errors
    /// They do not exist, or cannot be opened.
    pub async fn accounts(&self, missing: IfMissing) -> Result<Accounts, ServiceError> {
        Ok(self.places.account_stores(self.id()?, missing).await?.accounts())
    }

    /// The user of an access token. [`Freshness::Snapshot`] does not require custom data to be configured.
    ///
    /// # Errors
    /// The token is rejected, or a store cannot be opened or fails.
    pub async fn bearer(&self, token: &str, freshness: Freshness) -> Result<Authenticated, ServiceError> {
        let authenticator = match freshness {
            Freshness::Snapshot => self.tokens().await?,
            Freshness::Live | Freshness::AtMost(_) | Freshness::UntilChanged => self.authenticator().await?,
        };
        Ok(authenticator.authenticate(token, freshness).await?)
    }

    /// An authenticator without custom data, which is enough to verify tokens and to end sessions.
    ///
    /// # Errors
    /// The keys or the accounts do not exist, or cannot be opened.
    pub async fn tokens(&self) -> Result<Authenticator, ServiceError> {
        Ok(self.issuing(IfMissing::Refuse).await?.0)
    }

    /// An authenticator, and the file of the signing key if it had to be created.
    async fn issuing(&self, missing: IfMissing) -> Result<(Authenticator, Option<PathBuf>), ServiceError> {
        let application = self.id()?;
        let (keys, made) = self.places.signing_keys(missing)?;
        let accounts = self.accounts(missing).await?;
        Ok((Authenticator::new(TokenIssuer::new(keys, application), accounts), made))
    }

    /// An authenticator that looks up custom data, which is enough to refresh tokens.
    ///
    /// # Errors
    /// Those of [`tokens`](Self::tokens), or the location of custom data is not configured.
    pub async fn authenticator(&self) -> Result<Authenticator, ServiceError> {
        Ok(self.looking_up(IfMissing::Refuse).await?.0)
    }

    async fn looking_up(&self, missing: IfMissing) -> Result<(Authenticator, Option<PathBuf>), ServiceError> {
        let custom_data = self.custom_data().await?;
        let (authenticator, made) = self.issuing(missing).await?;
        let authenticator = match custom_data {
            Some(custom_data) => authenticator.with_custom_data(custom_data),
            None => authenticator.without_custom_data(),
        };
        Ok((authenticator, made))
    }

    /// An authenticator with the application's login providers. Creates whatever does not exist yet; returns the file
    /// of the signing key if it had to be created.
    ///
    /// # Errors
    /// Those of [`authenticator`](Self::authenticator), or a provider's configuration cannot be used.
    pub async fn login_authenticator(
        &self,
        options: LoginOptions,
    ) -> Result<(Authenticator, Option<PathBuf>), ServiceError> {
        // Errors of providers are reported before anything is created.
        let provider = token_provider(&self.app, self.id()?, &options.secrets)?;
        let (mut authenticator, made) = self.looking_up(IfMissing::Create).await?;
        if let Some(provider) = provider {
            let jwks = match (provider.jwk_uri(), options.jwks) {
                (None, _) => None,
                (Some(_), Some(given)) => Some(given),
                (Some(uri), None) => Some(https_keys(uri)?),
            };
            authenticator = authenticator.with_provider(match jwks {
                Some(jwks) => provider.with_jwks(jwks),
                None => provider,
            });
        }
        if self.app.takes_anonymous_users() {
            authenticator = authenticator.with_anonymous_users();
        }
        if let Some(function) = options.user_creation {
            authenticator = authenticator.with_user_creation(function);
        }
        Ok((authenticator, made))
    }

    /// Looks up users by their IDs.
    ///
    /// # Errors
    /// Those of [`authenticator`](Self::authenticator).
    pub async fn assembler(&self) -> Result<UserAssembler, ServiceError> {
        let assembler = UserAssembler::new(self.accounts(IfMissing::Refuse).await?);
        Ok(match self.custom_data().await? {
            Some(custom_data) => assembler.with_custom_data(custom_data),
            None => assembler.without_custom_data(),
        })
    }

    /// The store of the application's custom user data, if it has any.
    async fn custom_data(&self) -> Result<Option<Arc<dyn CustomDataStore>>, ServiceError> {
        match custom_data_config(&self.app)? {
            Some(config) if config.is_enabled() => Ok(Some(self.places.custom_data(config).await?)),
            _ => Ok(None),
        }
    }

    /// Loads the current custom data of a user; the warnings are for the log.
    ///
    /// # Errors
    /// The application has no custom user data, or they cannot be looked up.
    pub async fn with_custom_data(&self, user: User) -> Result<(User, DataAge, Vec<Warning>), ServiceError> {
        let config =
            custom_data_config(&self.app)?.filter(CustomDataConfig::is_enabled).ok_or(ServiceError::NoCustomData)?;
        let Selection { document, warnings } = self.places.custom_data(config).await?.find(&user.id).await?;
        let custom_data = document.map_or(CustomData::Absent, CustomData::Loaded);
        Ok((User { custom_data, ..user }, DataAge { source: DataSource::Store, age: Duration::ZERO }, warnings))
    }

    /// Opens the store of a collection.
    ///
    /// # Errors
    /// Those of [`Places::documents`].
    pub async fn documents(
        &self,
        place: &DocumentPlace,
        namespace: &Namespace,
        missing: IfMissing,
    ) -> Result<Box<dyn DocumentStore>, ServiceError> {
        self.places.documents(place, namespace, missing).await
    }

    /// Closes the connections to servers.
    pub async fn shut_down(&self) {
        self.places.clients.shut_down().await;
    }
}

#[cfg(feature = "jwks")]
pub(crate) fn https_keys(uri: &str) -> Result<Arc<dyn JwksSource>, ServiceError> {
    use portcullis_store::jwks::{HttpsJwks, HttpsJwksOptions};
    Ok(Arc::new(HttpsJwks::new(uri, HttpsJwksOptions::default())?))
}

#[cfg(not(feature = "jwks"))]
pub(crate) fn https_keys(_: &str) -> Result<Arc<dyn JwksSource>, ServiceError> {
    Err(ServiceError::NoHttps)
}
