use thiserror::Error;

use crate::text::{Code, Finding, Located, Severity};

/// A problem with the files of an application that occurs before their content is interpreted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A file that cannot be opened: for lack of read permission, or because it is a dangling or circular link.
    #[error("the file cannot be read: {0}")]
    FileUnreadable(String),
    /// A symbolic link out of the application directory.
    #[error("this symbolic link leads out of the application directory and is not followed")]
    LinkOutward,
    /// A directory, pipe or device where a file is expected.
    #[error("this is not a regular file")]
    FileKind,
    /// More files, bytes or values than any application has.
    #[error(
        "an application has at most {files} configuration files of {bytes} bytes and {values} JSON values together; \
         the rest is not read"
    )]
    Limit {
        /// The maximum number of files.
        files: usize,
        /// The maximum number of bytes in them.
        bytes: u64,
        /// The maximum number of JSON values in them.
        values: usize,
    },
    /// Templates whose values are too long in total.
    #[error(
        "templates insert more than {bytes} bytes into the application's files together, the last of them into this one, \
         which is not read; insert shorter values, or fewer"
    )]
    TemplatesLarge {
        /// The maximum number of bytes that templates may add over all files.
        bytes: usize,
    },
    /// A file that nothing uses, where rules are expected, such as `rule.json`.
    #[error("nothing reads this file")]
    FileUnused,
    /// Like [`FileUnused`](Self::FileUnused), in the directory of a collection without other rules, which is therefore
    /// closed.
    #[error("nothing reads this file, so the collection has no rules and is closed")]
    FileClosing,
    /// Like [`FileUnused`](Self::FileUnused), in the directory of a collection to which default roles therefore apply.
    #[error("nothing reads this file, so the default roles serve the collection")]
    FileExposed,
    /// A directory without read permission.
    #[error("the directory cannot be read: {0}")]
    DirectoryUnreadable(String),
    /// A file name that is not UTF-8.
    #[error("the name of a file or directory here is not valid UTF-8")]
    NameEncoding,
    /// A value of the wrong type, such as `[]` instead of `{}`.
    #[error("expected {expected}, found {found}")]
    Type {
        /// The expected type.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A namespace in the file that differs from the one in its path: `"database": "hr"` in
    /// `data_sources/<service>/crm/<collection>/rules.json`
    #[error("the file is for `{written}`, but its path names `{path}`, which therefore has no rules and is closed")]
    NamespaceMismatch {
        /// The namespace in the file, which takes precedence.
        written: String,
        /// The namespace in the path.
        path: String,
    },
    /// Like [`NamespaceMismatch`](Self::NamespaceMismatch), if default roles apply to the namespace in the path.
    #[error("the file is for `{written}`, but its path names `{path}`, which therefore has the default roles")]
    NamespaceExposed {
        /// The namespace in the file, which takes precedence.
        written: String,
        /// The namespace in the path.
        path: String,
    },
    /// A name of a database or collection that is not valid: `"database": ""`
    #[error("`{0}` is not the name of a {1}")]
    NamespaceInvalid(String, &'static str),
    /// A rules file whose collection is unknown: `services/<service>/rules/x.json` without `database` and `collection`
    #[error("neither the file's content nor its name shows which collection it is for")]
    NamespaceUnknown,
    /// Several files or entries that define the same thing.
    #[error("duplicate definition of the {what} `{name}`, already defined in {first}")]
    DefinitionDuplicate {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// The file that defines it first.
        first: String,
    },
    /// Several providers of the same type: `"sso": {"type": "custom-token"}, "intranet": {"type": "custom-token"}`
    #[error(
        "a second provider of type `{0}`: its tokens could identify users of the first provider, whose IDs may be the same"
    )]
    ProviderTypeTwice(&'static str),
    /// `"autoConfirm": true` beside `"runConfirmationFunction": true`
    #[error("`autoConfirm` confirms every address, so the confirmation function is not called")]
    ConfirmationSkipped,
    /// An entry without a name, as in `functions/config.json`
    #[error("this {0} has no name")]
    NameMissing(&'static str),
    /// A value file without a value: `values/x.json` without `value`
    #[error("the value has no `value`")]
    ValueMissing,
    /// An environment that does not exist: `"environment": "prod"` without `environments/prod.json`
    #[error("the environment `{0}` has no file environments/{0}.json")]
    EnvironmentUnknown(String),
    /// A data source that does not exist: `"mongo_service_name": "x"` without a data source `x`
    #[error("there is no data source `{0}`")]
    DataSourceUnknown(String),
    /// A provider that calls a function but names none: `"runResetFunction": true` without `resetFunctionName`
    #[error("`{0}` names no function, so every request that needs it is rejected")]
    FunctionUnnamed(&'static str),
    /// A function that does not exist: `"function_name": "x"` without a function `x`
    #[error("there is no function `{0}`")]
    FunctionUnknown(String),
    /// Like [`FunctionUnknown`](Self::FunctionUnknown), in a configuration that is disabled.
    #[error("no function `{0}`; it is not called while this is disabled")]
    FunctionUnused(String),
    /// A function that the manifest does not list: `functions/x.js` without an entry in `functions/config.json`
    #[error("no manifest lists the function `{0}`")]
    FunctionUnlisted(String),
    /// A function without code: an entry of `functions/config.json` without a file
    #[error("the function `{0}` has no source")]
    ScriptMissing(String),
    /// A function whose code is in another folder: `"name": "x"` if there is only `functions/folder/x.js`
    #[error("the function `{name}` has no source of this name; {path} is used")]
    ScriptElsewhere {
        /// The name of the function.
        name: String,
        /// The path of the file that is used.
        path: String,
    },
    /// A function whose code may be in any of several folders: `"name": "x"` if there are `functions/a/x.js` and
    /// `functions/b/x.js`
    #[error("the function `{name}` has no source of this name, and several files could be it: {}", list(paths))]
    ScriptAmbiguous {
        /// The name of the function.
        name: String,
        /// The paths of the files.
        paths: Vec<String>,
    },
    /// A trigger on a data source that does not exist.
    #[error("no data source `{0}`; the trigger never fires")]
    TriggerSource(String),
    /// A secret whose value was not supplied.
    #[error("nothing supplies the secret `{0}`")]
    SecretMissing(String),
    /// A secret that only one place refers to: `"secret_config": {"signingKeys": ["x"]}`, if no other file mentions a
    /// secret `x`
    #[error("the secret `{0}` is not in these files, as intended, and must be supplied separately")]
    SecretUnlisted(String),
    /// An unknown key, which has no effect: `"disbled": true`
    #[error("nothing reads the key `{key}` of {what}")]
    KeyUnused {
        /// The key.
        key: String,
        /// The kind of object that contains it.
        what: &'static str,
    },
    /// Like [`KeyUnused`](Self::KeyUnused), for a probable misspelling.
    #[error("nothing reads the key `{key}` of {what}")]
    KeyMisspelt {
        /// The key.
        key: String,
        /// The kind of object that contains it.
        what: &'static str,
    },
    /// A probable misspelling of a key that restricts who may call a function: `"Private": true`
    #[error("the key `{key}` of a function has no effect: it should be `{meant}`")]
    FunctionGuardMisspelt {
        /// The key.
        key: String,
        /// The intended key.
        meant: &'static str,
    },
    /// `"run_as_system": true` for the Data API.
    #[error("the Data API runs as the system user, who bypasses all rules")]
    DataApiSystem,
    /// `"fetch_custom_user_data": false` for the Data API, although rules refer to custom data.
    #[error(
        "rules read `%%user.custom_data`, which the Data API does not fetch; its requests to their collections fail"
    )]
    DataApiCustomData,
    /// Two endpoints with the same route and method.
    #[error("a second endpoint for `{name}`, already defined in {first}; neither is served")]
    EndpointTwice {
        /// The method and the route.
        name: String,
        /// The file that defines it first.
        first: String,
    },
    /// A webhook of a service that parses the payload, which is not supported.
    #[error("webhooks of `{0}` services get a parsed payload, which is not supported; this one refuses every request")]
    WebhookService(String),
    /// A webhook without code.
    #[error("the webhook has no source.js")]
    WebhookCode,
    /// Databases whose names differ only in case: `HR` and `hr`
    #[error("the database `{name}` differs from `{other}` only in case, which MongoDB does not allow")]
    DatabaseCase {
        /// The name of one database.
        name: String,
        /// The name of the other database.
        other: String,
    },
    /// Permissions of device sync that were converted to roles of these collections.
    #[error("device sync permissions are converted to roles of {}", list(.0))]
    SyncConverted(Vec<String>),
    /// Permissions of device sync that these collections ignore, because they have roles.
    #[error("device sync permissions are ignored for collections that have roles: {}", list(.0))]
    SyncOverruled(Vec<String>),
    /// Permissions of device sync that concern no collection.
    #[error("device sync permissions grant nothing: no collection has a schema for sync")]
    SyncIdle,
    /// Permissions in settings of device sync that are disabled.
    #[error("device sync is not enabled, so its permissions grant nothing")]
    SyncDisabled,
    /// Permissions of device sync that cannot be converted to roles with the same effect.
    #[error("device sync permissions cannot be converted to roles of {}: {reason}", list(.names))]
    SyncRefused {
        /// The names of the collections, which are closed.
        names: Vec<String>,
        /// The reason.
        reason: String,
    },
}

/// The first few names, as a list.
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
            Self::ConfirmationSkipped => "confirmation-skipped",
            Self::NameMissing(_) => "name-missing",
            Self::ValueMissing => "value-missing",
            Self::EnvironmentUnknown(_) => "environment-unknown",
            Self::DataSourceUnknown(_) | Self::TriggerSource(_) => "data-source-unknown",
            Self::FunctionUnnamed(_) => "function-unnamed",
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

/// A problem, with its position.
pub(super) type Problem = Located<ProblemKind>;

/// The finding for a problem. It is an error, unless nothing loses its protection because of the problem.
pub(super) fn finding(problem: Problem) -> Finding {
    let severity = match problem.kind() {
        ProblemKind::FileUnused
        | ProblemKind::ConfirmationSkipped
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
