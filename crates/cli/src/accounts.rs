use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use portcullis::auth::token::StaticJwks;
use portcullis::auth::{CustomDataConfig, Warning};
use portcullis::eval::Functions;
use portcullis::login::{
    Accounts, Authenticated, Authenticator, Freshness, FunctionMissing, UserCreation, UserCreationRefused,
    custom_data_config,
};
use portcullis::store::Credentials;
use portcullis::{App, BoxFuture, User, testfile};
use portcullis_service::{AccountStores, IfMissing, LoginOptions, Service, ServiceError};

use super::application::load_app;
use super::input::{self, Input, read_file};
use super::output::note;
use super::secrets::SecretArgs;
use super::stores::{AccountStoreArgs, shut_down};
use super::trouble::Trouble;

/// The application whose users these are.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AppArgs {
    /// The application directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    app: PathBuf,
    /// Environment tag of the application
    #[arg(long)]
    tag: Option<String>,
}

impl AppArgs {
    pub(super) fn load(&self) -> Result<App, Trouble> {
        load_app(&self.app, self.tag.as_deref())
    }

    /// Opens the application's users. If the command line contains the application ID, no directory is needed.
    pub(super) async fn open(&self, stores: &AccountStoreArgs, missing: IfMissing) -> Result<AccountStores, Trouble> {
        Ok(self.opened(stores, missing).await??)
    }

    /// Like [`open`](Self::open); `None` if nothing has been stored yet.
    pub(super) async fn open_existing(&self, stores: &AccountStoreArgs) -> Result<Option<AccountStores>, Trouble> {
        match self.opened(stores, IfMissing::Refuse).await? {
            Err(ServiceError::NoUsers(_)) => Ok(None),
            opened => Ok(Some(opened?)),
        }
    }

    async fn opened(
        &self,
        stores: &AccountStoreArgs,
        missing: IfMissing,
    ) -> Result<Result<AccountStores, ServiceError>, Trouble> {
        let places = stores.places()?;
        if let Some(application) = stores.application() {
            return Ok(places.account_stores(application, missing).await);
        }
        let app = self.load().map_err(|trouble| match trouble {
            Trouble::App(error) => {
                Trouble::usage(format!("no application given: {error}; pass --app DIR or --application ID"))
            }
            trouble => trouble,
        })?;
        Ok(places.account_stores(places.id_of(&app)?, missing).await)
    }

    /// Like [`open`](Self::open), for changes about which the application's triggers get events, if its directory
    /// exists.
    pub(super) async fn open_telling(
        &self,
        stores: &AccountStoreArgs,
        missing: IfMissing,
    ) -> Result<(Accounts, Arc<dyn Credentials>), Trouble> {
        let opened = self.open(stores, missing).await?;
        let credentials = Arc::clone(&opened.credentials);
        let accounts = match self.load() {
            Ok(app) => opened.accounts_of(&app),
            Err(_) => opened.accounts(),
        };
        Ok((accounts, credentials))
    }

    /// The application with its stores.
    pub(super) fn service(&self, stores: &AccountStoreArgs) -> Result<Service, Trouble> {
        Ok(Service::new(self.load()?, stores.places()?)?)
    }
}

/// What new users need.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Providers")]
pub(super) struct ProviderArgs {
    /// The token provider's keys (a JWK set), instead of fetching them from its URI
    #[arg(long, value_name = "JSON|FILE")]
    jwks: Option<String>,
    /// Result of the user-creation function: {"name": {"returns": value} | {"fails": "…"}}
    #[arg(long, value_name = "JSON|FILE")]
    functions: Option<String>,
    #[command(flatten)]
    secrets: SecretArgs,
}

/// Runs async work to completion on one thread, since starting more takes longer than most commands.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let result = work.await;
        shut_down().await;
        result
    })
}

/// Verifies an access token and returns its bearer.
pub(super) async fn bearer(service: &Service, token: &str, freshness: Freshness) -> Result<Authenticated, Trouble> {
    let bearer = service.bearer(token, freshness).await;
    if matches!(bearer, Err(ServiceError::Login(_))) {
        note_foreign(token);
    }
    Ok(bearer?)
}

/// If a rejected token was not issued by Portcullis, notes how to use it.
pub(super) fn note_foreign(token: &str) {
    if !is_ours(token) {
        note(
            "Portcullis did not issue this token; if a provider did, log in with it first: `portcullis login TOKEN` prints the \
             access token and the refresh token that other commands take",
        );
    }
}

/// Whether a token claims to be an access or refresh token of Portcullis. This is unverified and only used to choose
/// a message.
fn is_ours(token: &str) -> bool {
    let payload = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<serde_json::Value> = payload.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    claims
        .as_ref()
        .and_then(|claims| claims.get("typ")?.as_str())
        .is_some_and(|kind| matches!(kind, "access" | "refresh"))
}

/// The authenticator with all configured providers.
pub(super) async fn login_authenticator(service: &Service, providers: &ProviderArgs) -> Result<Authenticator, Trouble> {
    let app = service.app();
    let jwks = match &providers.jwks {
        Some(argument) => {
            let (name, bytes) = input::read_bytes(argument, "--jwks")?;
            let keys = StaticJwks::parse(&bytes);
            Some(Arc::new(keys.map_err(|error| Trouble::usage(format!("--jwks `{name}`: {error}")))?) as Arc<_>)
        }
        None => None,
    };
    let options =
        LoginOptions { secrets: providers.secrets.read(app)?, jwks, user_creation: user_creation(app, providers)? };
    let (authenticator, made) = service.login_authenticator(options).await?;
    if let Some(path) = made {
        note(&format!("created signing key `{}`; anyone who has it can issue tokens", path.display()));
    }
    Ok(authenticator)
}

/// The user creation function, if the application has one.
fn user_creation(app: &App, providers: &ProviderArgs) -> Result<Option<Arc<dyn UserCreation>>, Trouble> {
    let config = custom_data_config(app)?;
    let Some(name) = config.as_ref().and_then(CustomDataConfig::on_user_creation) else { return Ok(None) };
    let Some(argument) = &providers.functions else {
        note(&format!("the application calls `{name}` for new users; pass its result with --functions"));
        return Ok(Some(Arc::new(FunctionMissing::new(name))));
    };
    let input = Input::read(argument, "--functions")?;
    let functions = testfile::functions(&input.node)
        .map_err(|findings| Trouble::findings("--functions", &input.source, Some(&input.node), findings))?;
    Ok(Some(Arc::new(Stub { name: name.to_owned(), functions })))
}

/// A user creation function whose result is given on the command line.
struct Stub {
    name: String,
    functions: Arc<dyn Functions>,
}

impl UserCreation for Stub {
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>> {
        Box::pin(async move {
            let user = bson::Bson::Document(user.to_document());
            let refused = |message| UserCreationRefused { function: self.name.clone(), message };
            self.functions.call(&self.name, &[user]).map(|_| ()).map_err(|error| refused(error.to_string()))
        })
    }
}

/// Prints warnings that a server would log.
pub(super) fn warn(warnings: &[Warning]) {
    warnings.iter().for_each(|warning| note(&warning.to_string()));
}

/// Reads a token: given directly, on standard input, or in a file. The file may be the output of `login --json`, in
/// which the token has the first of `keys` that is present.
pub(super) fn read_token(argument: &str, keys: &[&str]) -> Result<String, Trouble> {
    // A path with exactly two dots that begins with `ey` is unlikely.
    let is_token = argument.matches('.').count() == 2 && argument.starts_with("ey");
    let text = if argument == "-" {
        String::from_utf8_lossy(&input::read_standard_input()?).into_owned()
    } else if is_token {
        argument.to_owned()
    } else {
        // If there is no such file, the argument may be a malformed token, so it is not shown.
        match read_file(argument.as_ref()) {
            Err(Trouble::Read { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Trouble::usage("the token is neither a JSON Web Token nor an existing file"));
            }
            read => String::from_utf8_lossy(&read?).into_owned(),
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Trouble::usage("no token found: the file or standard input is empty"));
    }
    if !text.starts_with('{') {
        return Ok(text.to_owned());
    }
    let document: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let token = keys.iter().find_map(|key| document.as_ref()?.get(key)?.as_str());
    token.map(str::to_owned).ok_or_else(|| {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        Trouble::usage(format!("there is no {} in the JSON given for the token", keys.join(" or ")))
    })
}
