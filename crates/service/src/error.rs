use std::io;
use std::path::PathBuf;

use portcullis::app::FileFinding;
use portcullis::auth::token::SigningKeyError;
use portcullis::login::{LoginError, SetupError};
use portcullis::store::{LookUpError, StoreError};
use portcullis::text::OneLine;
#[cfg(feature = "jwks")]
use portcullis_store::jwks::HttpsJwksError;
#[cfg(feature = "mongodb")]
use portcullis_store::mongodb::ConnectError;
use thiserror::Error;

/// Why an application cannot be served, or an operation on its users fails.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The named setting takes a path or a name, but was given a connection string. The string is not shown, since it
    /// may contain a password.
    #[error("{0} does not take a connection string")]
    ConnectionString(Setting),
    /// The name of the database of users and sessions is not valid in MongoDB.
    #[error("the database of users and sessions has a malformed name")]
    DatabaseName,
    /// The namespace holds users or sessions of Portcullis.
    #[error("`{}` stores Portcullis users or sessions and is closed regardless of the rules", OneLine(.0))]
    Closed(String),
    /// A collection of the application would also hold users or sessions of Portcullis.
    #[error("`{}` is a collection of the application and cannot also store Portcullis users or sessions", OneLine(.0))]
    SharedCollection(String),
    /// Two applications that are to be served together have the same ID.
    #[error("two applications have the id `{}`; clients could not tell them apart", OneLine(.0))]
    SameId(String),
    /// The application has no ID.
    #[error(
        "the application in `{}` has no ID, which keeps its users apart from those of other applications: write `app_id` or \
         `name` into its file `{}`", .directory.display(), OneLine(.file)
    )]
    NoId {
        /// The application's directory.
        directory: PathBuf,
        /// The file in it that should have the ID.
        file: String,
    },
    /// The file that contains the application's ID does not load.
    #[error("the application's own file, which has its id, does not load")]
    IdUnreadable(Vec<FileFinding>),
    /// There are no users: nobody has logged in or been imported.
    #[error("no users yet: `{}` does not exist", .0.display())]
    NoUsers(PathBuf),
    /// No signing key has been created yet.
    #[error("no signing key yet: `{}` does not exist", .0.display())]
    NoKey(PathBuf),
    /// A configured key file does not exist. Its name is not shown, since it may be the key itself.
    #[error("cannot read the signing key: no such file")]
    KeyFile,
    /// A key cannot be used.
    #[error("the key `{}`: {error}", .path.display())]
    Key {
        /// The file of the key.
        path: PathBuf,
        /// The reason.
        error: SigningKeyError,
    },
    /// The signing keys cannot be used together.
    #[error("the signing keys cannot be used together: {0}")]
    Keys(SigningKeyError),
    /// There are no documents yet.
    #[error("no documents yet: `{}` does not exist", .0.display())]
    NoDocuments(PathBuf),
    /// The place of the custom user data is not configured.
    #[error("no custom data source given")]
    CustomDataPlace,
    /// The application has no custom user data.
    #[error("the application has no custom user data")]
    NoCustomData,
    /// A file cannot be read.
    #[error("cannot read `{}`: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// A file or directory cannot be written.
    #[error("cannot write `{}`: {error}", .path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The address of a provider's keys is invalid.
    #[cfg(feature = "jwks")]
    #[error("`jwkURI` of the provider: {0}")]
    Jwks(#[from] HttpsJwksError),
    /// A file of documents cannot be opened.
    #[error("`{}`: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: StoreError,
    },
    /// The server cannot be used.
    #[cfg(feature = "mongodb")]
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A server is configured, but this build has no MongoDB driver.
    #[error("this build has no MongoDB support: enable the feature `mongodb`, which is on by default")]
    NoDriver,
    /// The keys of a provider must be fetched, but this build cannot do so.
    #[error("this build cannot fetch a provider's keys: build it with the feature `jwks`, which is on by default")]
    NoHttps,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Custom data cannot be looked up.
    #[error(transparent)]
    LookUp(#[from] LookUpError),
    /// The application's configuration of logins or users cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The documents of a [`Trial`](crate::Trial) cannot be stored or read.
    #[error("the documents of `{}`: {reason}", OneLine(namespace))]
    Trial {
        /// The namespace of the documents.
        namespace: String,
        /// The reason.
        reason: String,
    },
    /// A login or a token is rejected.
    #[error(transparent)]
    Login(#[from] LoginError),
}

/// A setting that names a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// [`Places::state`](crate::Places::state).
    State,
    /// [`Places::database`](crate::Places::database).
    Database,
    /// [`Places::custom_data`](crate::Places::custom_data).
    CustomData,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::State => "the state directory",
            Self::Database => "the database of users and sessions",
            Self::CustomData => "the location of custom data",
        })
    }
}
