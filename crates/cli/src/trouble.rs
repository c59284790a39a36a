use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use portcullis::app::{AppError, FileFinding, SecretError, ServiceAmbiguous};
use portcullis::guarded::GuardedError;
use portcullis::login::{LoginError, SetupError};
use portcullis::store::documents::DocumentsError;
use portcullis::store::{LookUpError, StoreError};
use portcullis::text::{Finding, Source};
use portcullis_service::client::{ClientError, ErrorClass};
use portcullis_service::{ServiceError, Setting};
use thiserror::Error;

/// Why a command fails.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    /// Invalid arguments, with advice.
    #[error("{0}")]
    Usage(String),
    /// A file or standard input cannot be read.
    #[error("cannot read {name}: {error}")]
    Read { name: String, error: io::Error },
    /// A file cannot be written.
    #[error("cannot write {name}: {error}")]
    Write { name: String, error: io::Error },
    /// Standard output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// An input is invalid.
    #[error("{what} cannot be used: {}", .findings.first().map_or("", |finding| &finding.message))]
    Findings { what: String, source_text: Box<Source>, findings: Vec<Finding>, pointers: Vec<Option<String>> },
    /// Files of an application are invalid.
    #[error("{what}: {}", .found.first().map_or("", |found| &found.finding.message))]
    Files { what: String, found: Vec<FileFinding> },
    /// An error whose details have already been printed.
    #[error("{0}")]
    Reported(String),
    /// An application directory cannot be read.
    #[error("{0}")]
    App(#[from] AppError),
    /// Several data sources have this namespace.
    #[error("{0}; name one with --service")]
    Service(#[from] ServiceAmbiguous),
    /// A login or a token is rejected, or cannot be verified.
    #[error("{0}")]
    Login(#[from] LoginError),
    /// The users of an application cannot be served.
    #[error("{0}")]
    Setup(SetupError),
    /// A store of users, sessions or custom data fails.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Custom data cannot be looked up.
    #[error("{0}")]
    LookUp(#[from] LookUpError),
    /// A request to a guarded collection fails.
    #[error("{0}")]
    Guarded(GuardedError),
    /// A document store fails or refuses a request.
    #[error("{0}")]
    Documents(DocumentsError),
    /// A request about users or keys fails. The private message is shown if there is one, since an administrator may
    /// see more than a client.
    #[error("{}", .0.private.as_ref().unwrap_or(&.0.message))]
    Client(ClientError),
    /// A secret cannot be obtained.
    #[error("{0}")]
    Secret(#[from] SecretError),
}

impl Trouble {
    /// Whether this is a denial rather than a failure: the user is not let in.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::Login(error) => error.is_refusal(),
            Self::Client(error) => !matches!(error.class, ErrorClass::Internal),
            Self::Guarded(error) => matches!(error, GuardedError::NoRule(_) | GuardedError::Denied { .. }),
            _ => false,
        }
    }

    /// The same error, with the application's directory prefixed to the names of its files.
    pub(super) fn in_directory(self, directory: &Path) -> Self {
        match self {
            Self::Files { what, found } => Self::Files { what, found: renamed(found, directory) },
            other => other,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// The findings in a text; `root` is its JSON, if it could be parsed.
    pub(super) fn findings(
        what: impl Into<String>,
        source: &Source,
        root: Option<&portcullis::json::Node>,
        findings: Vec<Finding>,
    ) -> Self {
        let pointers = findings.iter().map(|finding| root.map(|root| root.pointer_at(finding.span))).collect();
        Self::Findings { what: what.into(), source_text: Box::new(source.clone()), findings, pointers }
    }
}

/// Prefixes the names of the findings' files with the application's directory.
pub(super) fn renamed(findings: Vec<FileFinding>, directory: &Path) -> Vec<FileFinding> {
    let mut sources: BTreeMap<String, Arc<Source>> = BTreeMap::new();
    findings
        .into_iter()
        .map(|found| {
            let name = directory.join(found.source.name()).display().to_string();
            let source =
                sources.entry(name.clone()).or_insert_with(|| Arc::new(Source::new(name, found.source.text()))).clone();
            FileFinding { source, ..found }
        })
        .collect()
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// Adds advice about the command line to errors of the service.
impl From<ServiceError> for Trouble {
    fn from(error: ServiceError) -> Self {
        const URI: &str = "pass a connection string with --mongodb-uri";
        let help = match error {
            ServiceError::Login(error) => return Self::Login(error),
            ServiceError::Setup(error) => return error.into(),
            ServiceError::Store(error) => return Self::Store(error),
            ServiceError::LookUp(error) => return Self::LookUp(error),
            ServiceError::IdUnreadable(found) => {
                return Self::Files {
                    what: format!(
                        "{error}; --application ID gives it one",
                        error = ServiceError::IdUnreadable(Vec::new())
                    ),
                    found,
                };
            }
            ServiceError::Write { path, error } => return Self::Write { name: format!("`{}`", path.display()), error },
            ServiceError::Read { path, error } => return Self::Read { name: format!("`{}`", path.display()), error },
            ServiceError::ConnectionString(Setting::State) => {
                return Self::usage(format!("--state takes a directory; {URI}"));
            }
            ServiceError::ConnectionString(Setting::Database) | ServiceError::DatabaseName => {
                return Self::usage(format!("--mongodb-database takes the name of a database; {URI}"));
            }
            ServiceError::ConnectionString(Setting::CustomData) => {
                return Self::usage(format!("--custom-data takes a file or a directory; {URI}"));
            }
            ServiceError::KeyFile => {
                return Self::usage("--signing-key takes a file that holds the key; no such file");
            }
            ServiceError::Keys(error) => return Self::usage(format!("--signing-key: {error}")),
            ServiceError::NoUsers(_) => {
                "`portcullis login` and `portcullis users import` create it; --state and --mongodb-uri select another location"
            }
            ServiceError::NoKey(_) => "`portcullis login` creates it; --signing-key names another file",
            ServiceError::NoDocuments(_) => "`portcullis insert` creates it; --store names another file or a server",
            ServiceError::SharedCollection(_) => "name another database with --mongodb-database",
            ServiceError::NoId { .. } => "or pass --application ID",
            ServiceError::CustomDataPlace => {
                "pass --custom-data with a file or directory of documents, or --mongodb-uri"
            }
            ServiceError::NoCustomData => "omit --custom-data",
            _ => return Self::Usage(error.to_string()),
        };
        Self::Usage(match error {
            ServiceError::NoId { .. } => format!("{error}, {help}"),
            error => format!("{error}; {help}"),
        })
    }
}

/// Converts an error of the service for a command without `--application`, so that the message does not suggest it.
pub(super) fn without_application(error: ServiceError) -> Trouble {
    match error {
        ServiceError::IdUnreadable(found) => {
            Trouble::Files { what: ServiceError::IdUnreadable(Vec::new()).to_string(), found }
        }
        error @ ServiceError::NoId { .. } => Trouble::Usage(error.to_string()),
        error => error.into(),
    }
}

impl From<SetupError> for Trouble {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Files { what, findings } => {
                Self::Files { what: format!("{what} cannot be used"), found: findings }
            }
            unreadable => Self::Setup(unreadable),
        }
    }
}
