//! Determines the user: the bearer of a token, or the user object that was given.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::login::{DataAge, Freshness};
use portcullis::{App, CustomData, User, UserType};
use portcullis_service::{DocumentPlace, Places, Service};

use super::accounts::{bearer, block_on, read_token, warn};
use super::context::ContextArgs;
use super::freshness::FreshnessArgs;
use super::output::note;
use super::stores::StoreArgs;
use super::trouble::Trouble;

/// The note for a command line with both a token and custom data, of which the token takes precedence.
pub(super) const NOT_LOOKED_UP: &str =
    "using the token's custom data; --custom-data only takes effect with `--fresh live` or `--fresh SECONDS`";

/// The arguments that determine the user.
pub(super) struct Asker<'a> {
    pub(super) token: Option<&'a str>,
    pub(super) freshness: &'a FreshnessArgs,
    pub(super) context: &'a ContextArgs,
    pub(super) stores: &'a StoreArgs,
    /// Where the command's documents are stored; `None` if the command uses none.
    pub(super) documents: Option<&'a DocumentPlace>,
}

/// The user, with the properties of the token if there is one.
#[derive(Default)]
pub(super) struct ResolvedUser {
    pub(super) user: Option<User>,
    /// The age of the user object, unless it was given on the command line.
    pub(super) age: Option<DataAge>,
    /// The expiry of the token.
    pub(super) expiry: Option<SystemTime>,
}

impl Asker<'_> {
    fn places(&self) -> Places {
        self.documents.map_or_else(|| self.stores.places(), |documents| self.stores.places_beside(documents))
    }

    /// The places in which to look up custom data: if the documents are on a server, that server.
    fn data_places(&self) -> Places {
        let places = self.places();
        match self.documents {
            Some(DocumentPlace::Server(uri)) => Places { server: Some(uri.clone()), ..places },
            _ => places,
        }
    }

    /// Determines the user; looks up custom data if that is requested and possible.
    pub(super) fn user(&self, app: &App) -> Result<ResolvedUser, Trouble> {
        if let Some(token) = self.token {
            let token = read_token(token, &["access_token"])?;
            let freshness = self.freshness.freshness();
            if freshness == Freshness::Snapshot && self.stores.names_custom_data() {
                note(NOT_LOOKED_UP);
            }
            let service = Service::new(app.clone(), self.places())?;
            let bearer = block_on(bearer(&service, &token, freshness))?;
            warn(&bearer.warnings);
            return Ok(ResolvedUser { user: Some(bearer.user), age: Some(bearer.age), expiry: expiry(&token) });
        }
        match self.context.user()? {
            // A server may be configured for the whole shell; it is queried only if the application has custom data.
            Some(user) if user.custom_data == CustomData::NotLoaded && self.data_places().serve_custom_data(app)? => {
                let service = Service::new(app.clone(), self.data_places())?;
                let (user, age, warnings) = block_on(async { Ok(service.with_custom_data(user).await?) })?;
                warn(&warnings);
                Ok(ResolvedUser { user: Some(user), age: Some(age), expiry: None })
            }
            user if self.stores.names_custom_data() => Err(Trouble::usage(match user {
                None => "--custom-data needs a user: --user '{\"id\": \"…\"}'",
                Some(user) if user.kind == UserType::System => {
                    "--custom-data does not apply to the system user, who has no custom data"
                }
                Some(_) => "--custom-data and `custom_data` in the object given with --user cannot be combined",
            })),
            user => Ok(ResolvedUser { user, ..ResolvedUser::default() }),
        }
    }
}

/// The `exp` claim of a token that has been verified.
fn expiry(token: &str) -> Option<SystemTime> {
    let claims = URL_SAFE_NO_PAD.decode(token.trim().split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims.get("exp")?.as_u64()?))
}
