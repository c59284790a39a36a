use thiserror::Error;

use crate::text::{Code, Finding, Located, Severity};

/// Problems of an application's files that are found before their content is interpreted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A file without read permission, or a dangling or circular link.
    #[error("the file cannot be read: {0}")]
    FileUnreadable(String),
    /// A symbolic link out of the application directory.
    #[error("this symbolic link leads out of the application directory and is not followed")]
    LinkOutward,
    /// A directory, a pipe or a device in place of a file.
    #[error("this is not a regular file")]
    FileKind,
    /// More files or bytes than an application has.
    #[error(
        "an application has at most {files} configuration files of {bytes} bytes and {values} JSON values together; \
         the rest is not read"
    )]
    Limit {
        /// The most files that are read.
        files: usize,
        /// The most bytes that are read.
        bytes: u64,
        /// The most JSON values that are kept.
        values: usize,
    },
    /// Templates that insert too much text.
    #[error(
        "templates insert more than {bytes} bytes into the application's files together, the last of them into this one, \
         which is not read; insert shorter values, or fewer"
    )]
    TemplatesLarge {
        /// The most bytes that they may add, over all files.
        bytes: usize,
    },
    /// `rule.json`: a file that nothing reads, where rules belong.
    #[error("nothing reads this file")]
    FileUnused,
    /// [`FileUnused`](Self::FileUnused) where a collection's rules belong, if it has no others.
    #[error("nothing reads this file, so the collection has no rules and is closed")]
    FileClosing,
    /// [`FileUnused`](Self::FileUnused) where a collection's rules belong, if the data source has default roles.
    #[error("nothing reads this file, so the default roles serve the collection")]
    FileExposed,
    /// A directory without read permission.
    #[error("the directory cannot be read: {0}")]
    DirectoryUnreadable(String),
    /// A name that is not UTF-8.
    #[error("the name of a file or directory here is not valid UTF-8")]
    NameEncoding,
    /// `[]` where `{}` belongs.
    #[error("expected {expected}, found {found}")]
    Type {
        /// The expected type.
        expected: &'static str,
        /// The value found.
        found: &'static str,
    },
    /// `"database": "hr"` in `data_sources/<service>/crm/<collection>/rules.json`
    #[error("the file is for `{written}`, but its path names `{path}`, which therefore has no rules and is closed")]
    NamespaceMismatch {
        /// The namespace by the file's keys, which takes precedence.
        written: String,
        /// The namespace by the path.
        path: String,
    },
    /// [`NamespaceMismatch`](Self::NamespaceMismatch) if the data source has default roles.
    #[error("the file is for `{written}`, but its path names `{path}`, which therefore has the default roles")]
    NamespaceExposed {
        /// The namespace by the file's keys, which takes precedence.
        written: String,
        /// The namespace by the path.
        path: String,
    },
    /// `"database": ""`
    #[error("`{0}` is not the name of a {1}")]
    NamespaceInvalid(String, &'static str),
    /// `services/<service>/rules/x.json` without `database` and `collection`
    #[error("neither the file's content nor its name shows which collection it is for")]
    NamespaceUnknown,
    /// Two files, or two entries, for one thing.
    #[error("duplicate definition of the {what} `{name}`, already defined in {first}")]
    DefinitionDuplicate {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
        /// The file that defines it first.
        first: String,
    },
    /// `"sso": {"type": "custom-token"}, "intranet": {"type": "custom-token"}`
    #[error(
        "a second provider of type `{0}`: its tokens could identify users of the first provider, whose IDs may be the same"
    )]
    ProviderTypeTwice(&'static str),
    /// `functions/config.json` with an entry without `name`
    #[error("this {0} has no name")]
    NameMissing(&'static str),
    /// `values/x.json` without `value`
    #[error("the value has no `value`")]
    ValueMissing,
    /// `"environment": "prod"` without `environments/prod.json`
    #[error("the environment `{0}` has no file environments/{0}.json")]
    EnvironmentUnknown(String),
    /// `"mongo_service_name": "x"` without a data source `x`
    #[error("there is no data source `{0}`")]
    DataSourceUnknown(String),
    /// `"function_name": "x"` without a function `x`
    #[error("there is no function `{0}`")]
    FunctionUnknown(String),
    /// [`FunctionUnknown`](Self::FunctionUnknown) in something that is disabled.
    #[error("no function `{0}`; it is not called while this is disabled")]
    FunctionUnused(String),
    /// `functions/x.js` without an entry in `functions/config.json`
    #[error("no manifest lists the function `{0}`")]
    FunctionUnlisted(String),
    /// An entry of `functions/config.json` without a source.
    #[error("the function `{0}` has no source")]
    ScriptMissing(String),
    /// `"name": "x"` where only `functions/folder/x.js` exists.
    #[error("the function `{name}` has no source of this name; {path} is used")]
    ScriptElsewhere {
        /// The function.
        name: String,
        /// The file that is used.
        path: String,
    },
    /// `"name": "x"` where `functions/a/x.js` and `functions/b/x.js` exist.
    #[error("the function `{name}` has no source of this name, and several files could be it: {}", list(paths))]
    ScriptAmbiguous {
        /// The function.
        name: String,
        /// The files.
        paths: Vec<String>,
    },
    /// A trigger on a data source that does not exist.
    #[error("no data source `{0}`; the trigger never fires")]
    TriggerSource(String),
    /// A secret that is not supplied.
    #[error("nothing supplies the secret `{0}`")]
    SecretMissing(String),
    /// `"secret_config": {"signingKeys": ["x"]}` where no other file refers to a secret `x`
    #[error("the secret `{0}` is not in these files, as intended, and must be supplied separately")]
    SecretUnlisted(String),
    /// `"disbled": true`
    #[error("nothing reads the key `{key}` of {what}")]
    KeyUnused {
        /// The key.
        key: String,
        /// The object that contains it.
        what: &'static str,
    },
    /// [`KeyUnused`](Self::KeyUnused), probably misspelt.
    #[error("nothing reads the key `{key}` of {what}")]
    KeyMisspelt {
        /// The key.
        key: String,
        /// The object that contains it.
        what: &'static str,
    },
    /// `"Private": true`
    #[error("the key `{key}` of a function keeps nobody out: it is not `{meant}`")]
    FunctionGuardMisspelt {
        /// The key.
        key: String,
        /// What was probably meant.
        meant: &'static str,
    },
    /// `"run_as_system": true` of the data API
    #[error("the Data API runs as the system user, who bypasses all rules")]
    DataApiSystem,
    /// `"fetch_custom_user_data": false` of the Data API, beside rules that need it.
    #[error(
        "rules read `%%user.custom_data`, which the Data API does not fetch; its requests to their collections fail"
    )]
    DataApiCustomData,
    /// Two endpoints for one route and method.
    #[error("a second endpoint for `{name}`, already defined in {first}; neither is served")]
    EndpointTwice {
        /// The method and the route.
        name: String,
        /// The file that defines it first.
        first: String,
    },
    /// A webhook of a service that parses the payload.
    #[error("webhooks of `{0}` services get a parsed payload, which is not supported; this one refuses every request")]
    WebhookService(String),
    /// A webhook without code.
    #[error("the webhook has no source.js")]
    WebhookCode,
    /// `HR` beside `hr`
    #[error("the database `{name}` differs from `{other}` only in case, which MongoDB does not allow")]
    DatabaseCase {
        /// One name.
        name: String,
        /// The other.
        other: String,
    },
    /// Permissions of device sync that have become roles.
    #[error("device sync permissions are converted to roles of {}", list(.0))]
    SyncConverted(Vec<String>),
    /// Permissions of device sync next to roles.
    #[error("device sync permissions are ignored for collections that have roles: {}", list(.0))]
    SyncOverruled(Vec<String>),
    /// Permissions of device sync that apply to no collection.
    #[error("device sync permissions grant nothing: no collection has a schema for sync")]
    SyncIdle,
    /// Permissions of device sync that is disabled.
    #[error("device sync is not enabled, so its permissions grant nothing")]
    SyncDisabled,
    /// Permissions of device sync that would grant something else as roles.
    #[error("device sync permissions cannot be converted to roles of {}: {reason}", list(.names))]
    SyncRefused {
        /// The collections, which are closed.
        names: Vec<String>,
        /// The reason.
        reason: String,
    },
}

/// The first few names.
fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl Code for ProblemKind {
    fn code(&self) -> &'static str {
        match self {
            Self::FileUnreadable(_) => "file-unreadable",
            Self::LinkOutward => "link-outward",
            Self::FileKind => "file-kind",
            Self::Limit { .. } => "limit",
            Self::TemplatesLarge { .. } => "templates-large",
            Self::FileUnused | Self::FileClosing => "file-unused",
            Self::FileExposed => "file-exposed",
            Self::DirectoryUnreadable(_) => "directory-unreadable",
            Self::NameEncoding => "name-encoding",
            Self::Type { .. } => "file-type",
            Self::NamespaceMismatch { .. } => "namespace-mismatch",
            Self::NamespaceExposed { .. } => "namespace-exposed",
            Self::NamespaceInvalid(..) => "namespace-invalid",
            Self::NamespaceUnknown => "namespace-unknown",
            Self::DefinitionDuplicate { .. } => "definition-duplicate",
            Self::ProviderTypeTwice(_) => "provider-type-twice",
            Self::NameMissing(_) => "name-missing",
            Self::ValueMissing => "value-missing",
            Self::EnvironmentUnknown(_) => "environment-unknown",
            Self::DataSourceUnknown(_) | Self::TriggerSource(_) => "data-source-unknown",
            Self::FunctionUnknown(_) | Self::FunctionUnused(_) => "function-unknown",
            Self::FunctionUnlisted(_) => "function-unlisted",
            Self::ScriptMissing(_) | Self::ScriptAmbiguous { .. } => "function-script-missing",
            Self::ScriptElsewhere { .. } => "function-script-elsewhere",
            Self::SecretMissing(_) => "secret-missing",
            Self::SecretUnlisted(_) => "secret-unlisted",
            Self::KeyUnused { .. } | Self::KeyMisspelt { .. } => "key-unused",
            Self::FunctionGuardMisspelt { .. } => "function-guard-misspelt",
            Self::DataApiSystem => "data-api-system",
            Self::DataApiCustomData => "data-api-custom-data",
            Self::EndpointTwice { .. } => "endpoint-twice",
            Self::WebhookService(_) => "webhook-service",
            Self::WebhookCode => "webhook-code",
            Self::DatabaseCase { .. } => "database-case",
            Self::SyncConverted(_) => "sync-converted",
            Self::SyncOverruled(_) => "sync-overruled",
            Self::SyncIdle => "sync-idle",
            Self::SyncDisabled => "sync-disabled",
            Self::SyncRefused { .. } => "sync-refused",
        }
    }
}

/// A problem at its position.
pub(super) type Problem = Located<ProblemKind>;

/// The finding for a problem: an error, unless nothing loses its protection.
pub(super) fn finding(problem: Problem) -> Finding {
    let severity = match problem.kind() {
        ProblemKind::FileUnused
        | ProblemKind::FunctionUnused(_)
        | ProblemKind::KeyMisspelt { .. }
        | ProblemKind::ScriptMissing(_)
        | ProblemKind::ScriptElsewhere { .. }
        | ProblemKind::SecretMissing(_)
        | ProblemKind::DataApiSystem
        | ProblemKind::DataApiCustomData
        | ProblemKind::DatabaseCase { .. }
        | ProblemKind::SyncIdle
        | ProblemKind::SyncOverruled(_) => Severity::Warning,
        ProblemKind::SecretUnlisted(_)
        | ProblemKind::KeyUnused { .. }
        | ProblemKind::SyncConverted(_)
        | ProblemKind::SyncDisabled => Severity::Note,
        _ => Severity::Error,
    };
    Finding { severity, ..problem.into() }
}
