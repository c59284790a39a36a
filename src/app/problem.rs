use thiserror::Error;

use crate::text::{Code, Finding, Located, Severity};

/// What can be wrong with a file of an application before its content is given a meaning.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProblemKind {
    /// A file that must not be read, a link that leads nowhere or in a circle.
    #[error("the file cannot be read: {0}")]
    FileUnreadable(String),
    /// A directory, a pipe or a device in the place of a file.
    #[error("this is not a regular file")]
    FileKind,
    /// More files or bytes than an application has.
    #[error("an application has at most {files} configuration files of {bytes} bytes together; the rest is not read")]
    Limit {
        /// How many files are read.
        files: usize,
        /// How many bytes are read.
        bytes: u64,
    },
    /// `rule.json`: a file that nothing reads, where rules belong.
    #[error("nothing reads this file")]
    FileUnused,
    /// A directory that must not be listed.
    #[error("the directory cannot be read: {0}")]
    DirectoryUnreadable(String),
    /// A name that is not UTF-8.
    #[error("the name of a file or directory here is not valid UTF-8")]
    NameEncoding,
    /// `[]` where `{}` belongs.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// `"database": "hr"` in `data_sources/<service>/crm/<collection>/rules.json`
    #[error("the file is for `{written}`, but its path says `{path}`")]
    NamespaceMismatch {
        /// The namespace by the file's keys, which counts.
        written: String,
        /// The namespace by the path.
        path: String,
    },
    /// The same where the data source has default roles.
    #[error("the file is for `{written}`, but its path says `{path}`, which so has the default roles")]
    NamespaceExposed {
        /// The namespace by the file's keys, which counts.
        written: String,
        /// The namespace by the path.
        path: String,
    },
    /// `"database": ""`
    #[error("`{0}` is not the name of a {1}")]
    NamespaceInvalid(String, &'static str),
    /// `services/<service>/rules/x.json` without `database` and `collection`
    #[error("neither the file nor its name says for which collection it is")]
    NamespaceUnknown,
    /// Two files, or two entries, for one thing.
    #[error("a second definition of the {what} `{name}`, which {first} defines already")]
    DefinitionDuplicate {
        /// Which kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// The file that defines it first.
        first: String,
    },
    /// `functions/config.json` with an entry without `name`
    #[error("this {0} has no name")]
    NameMissing(&'static str),
    /// `values/x.json` without `value`
    #[error("this value has no `value`")]
    ValueMissing,
    /// `"environment": "prod"` without `environments/prod.json`
    #[error("the environment `{0}` has no file environments/{0}.json")]
    EnvironmentUnknown(String),
    /// `"mongo_service_name": "x"` without a data source `x`
    #[error("there is no data source `{0}`")]
    DataSourceUnknown(String),
}

impl Code for ProblemKind {
    fn code(&self) -> &'static str {
        match self {
            Self::FileUnreadable(_) => "file-unreadable",
            Self::FileKind => "file-kind",
            Self::Limit { .. } => "limit",
            Self::FileUnused => "file-unused",
            Self::DirectoryUnreadable(_) => "directory-unreadable",
            Self::NameEncoding => "name-encoding",
            Self::Type { .. } => "file-type",
            Self::NamespaceMismatch { .. } => "namespace-mismatch",
            Self::NamespaceExposed { .. } => "namespace-exposed",
            Self::NamespaceInvalid(..) => "namespace-invalid",
            Self::NamespaceUnknown => "namespace-unknown",
            Self::DefinitionDuplicate { .. } => "definition-duplicate",
            Self::NameMissing(_) => "name-missing",
            Self::ValueMissing => "value-missing",
            Self::EnvironmentUnknown(_) => "environment-unknown",
            Self::DataSourceUnknown(_) => "data-source-unknown",
        }
    }
}

/// A problem at its place.
pub(super) type Problem = Located<ProblemKind>;

/// The finding that a problem makes: an error, unless it takes nobody's protection away.
pub(super) fn finding(problem: Problem) -> Finding {
    let severity = match problem.kind() {
        ProblemKind::FileUnused | ProblemKind::NamespaceMismatch { .. } => Severity::Warning,
        _ => Severity::Error,
    };
    Finding { severity, ..problem.into() }
}
