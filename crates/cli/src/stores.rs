use std::path::PathBuf;
use std::sync::LazyLock;

use portcullis_service::{Clients, Places, Server, ServerUri};

use super::trouble::Trouble;

/// Where users, sessions, keys and custom data are.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Users")]
pub(super) struct StoreArgs {
    /// Application ID, overriding the one in its configuration
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    application: Option<String>,
    /// Directory for the signing key and, without MongoDB, users and sessions
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_STATE", default_value = ".portcullis")]
    state: PathBuf,
    /// Store users and sessions in MongoDB and look up custom data there: `mongodb://localhost:27017`
    #[arg(long, value_name = "URI", env = "PORTCULLIS_MONGODB_URI", hide_env_values = true)]
    mongodb_uri: Option<ServerUri>,
    /// MongoDB database for users and sessions
    #[arg(long, value_name = "NAME", default_value = "portcullis")]
    mongodb_database: String,
    /// Custom data: a file of extended JSON documents as written by `mongoexport`, or a directory with one named after
    /// the collection
    #[arg(long, value_name = "FILE|DIR")]
    custom_data: Option<PathBuf>,
    /// File with a signing key for tokens, at least 32 bytes; repeatable: the first key signs, all keys verify
    #[arg(long = "signing-key", value_name = "FILE")]
    signing_keys: Vec<PathBuf>,
}

/// The connections of the work that runs now.
static CLIENTS: LazyLock<Clients> = LazyLock::new(Clients::default);

/// A connection to a server, which [`shut_down`] closes.
pub(super) async fn connect(uri: &ServerUri) -> Result<Server, Trouble> {
    Ok(CLIENTS.connect(uri).await?)
}

/// The connections of the work that runs now, to be shared.
pub(super) fn clients() -> Clients {
    CLIENTS.clone()
}

/// Closes the connections to servers.
pub(super) async fn shut_down() {
    CLIENTS.shut_down().await;
}

impl StoreArgs {
    /// Where everything is.
    pub(super) fn places(&self) -> Places {
        Places {
            application: self.application.clone(),
            state: self.state.clone(),
            server: self.mongodb_uri.clone(),
            database: self.mongodb_database.clone(),
            custom_data: self.custom_data.clone(),
            signing_keys: self.signing_keys.clone(),
            clients: CLIENTS.clone(),
        }
    }

    /// Whether the command line says where custom data is looked up.
    pub(super) const fn names_custom_data(&self) -> bool {
        self.custom_data.is_some()
    }

    /// The id that the command line gives the application.
    pub(super) fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }
}
