use std::path::PathBuf;
use std::sync::LazyLock;

use portcullis_service::client::StorePlace;
use portcullis_service::{Clients, DocumentPlace, Places, Server, ServerUri};

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
    /// the collection (default: looked up in the store, for commands that open one)
    #[arg(long, value_name = "FILE|DIR")]
    custom_data: Option<PathBuf>,
    /// File with a signing key for tokens, at least 32 bytes; repeatable: the first key signs, all keys verify
    #[arg(long = "signing-key", value_name = "FILE")]
    signing_keys: Vec<PathBuf>,
}

/// The connections of the running command.
static CLIENTS: LazyLock<Clients> = LazyLock::new(Clients::default);

/// Connects to a server; [`shut_down`] closes the connection.
pub(super) async fn connect(uri: &ServerUri) -> Result<Server, Trouble> {
    Ok(CLIENTS.connect(uri).await?)
}

/// The connections of the running command, for sharing.
pub(super) fn clients() -> Clients {
    CLIENTS.clone()
}

/// Closes all connections.
pub(super) async fn shut_down() {
    CLIENTS.shut_down().await;
}

impl StoreArgs {
    /// The locations of all stores.
    pub(super) fn places(&self) -> Places {
        Places {
            application: self.application.clone(),
            state: self.state.clone(),
            server: self.mongodb_uri.clone(),
            database: self.mongodb_database.clone(),
            custom_data: self.custom_data.clone(),
            documents: None,
            signing_keys: self.signing_keys.clone(),
            clients: CLIENTS.clone(),
            file: None,
        }
    }

    /// Whether the command line says where to look up custom data.
    pub(super) const fn names_custom_data(&self) -> bool {
        self.custom_data.is_some()
    }

    /// Like `places`, for commands that read documents: custom data may be in the same store.
    pub(super) fn places_beside(&self, documents: &DocumentPlace) -> Places {
        let places = self.places();
        match documents {
            DocumentPlace::Default => Places { documents: Some(places.state.join("documents.redb")), ..places },
            DocumentPlace::File(path) => Places { documents: Some(path.clone()), ..places },
            DocumentPlace::Server(_) => places,
        }
    }

    /// The application ID from the command line.
    pub(super) fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }
}

/// The same for commands that administer users, who may be where `serve --store` keeps them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Users")]
pub(super) struct AccountStoreArgs {
    #[command(flatten)]
    stores: StoreArgs,
    /// Where users are stored, the same as for `serve`: a MongoDB URI or the path of an embedded store; takes
    /// precedence over --mongodb-uri
    #[arg(long, value_name = "URI|FILE", env = "PORTCULLIS_STORE", hide_env_values = true)]
    store: Option<String>,
}

impl AccountStoreArgs {
    /// The store that `serve` would use.
    pub(super) fn place(&self) -> Result<StorePlace, Trouble> {
        match (&self.store, &self.stores.mongodb_uri) {
            (Some(store), _) => store_place(Some(store)),
            (None, Some(uri)) => Ok(StorePlace::Server(uri.clone())),
            (None, None) => Ok(StorePlace::Directory),
        }
    }

    /// The locations of all stores.
    pub(super) fn places(&self) -> Result<Places, Trouble> {
        let places = self.stores.places();
        Ok(match self.place()? {
            StorePlace::Directory => Places { documents: Some(places.state.join("documents.redb")), ..places },
            StorePlace::File(path) => Places { file: Some(path.clone()), documents: Some(path), ..places },
            StorePlace::Server(uri) => Places { server: Some(uri), ..places },
        })
    }

    pub(super) const fn names_custom_data(&self) -> bool {
        self.stores.names_custom_data()
    }

    pub(super) fn application(&self) -> Option<&str> {
        self.stores.application()
    }
}

/// The store that `--store` names; without it, the state directory.
pub(super) fn store_place(store: Option<&str>) -> Result<StorePlace, Trouble> {
    let Some(store) = store else { return Ok(StorePlace::Directory) };
    if store.starts_with("mongodb://") || store.starts_with("mongodb+srv://") {
        let Ok(uri) = store.parse::<ServerUri>();
        return Ok(StorePlace::Server(uri));
    }
    if store.contains("://") {
        return Err(Trouble::usage("--store takes a path, or an address that begins with mongodb://"));
    }
    Ok(StorePlace::File(PathBuf::from(store)))
}
