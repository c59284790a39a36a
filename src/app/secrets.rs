use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::json::{MAX_SIZE, parse_bytes};
use crate::text::OneLine;

/// The prefix of environment variables with secrets, as in `PORTCULLIS_SECRET_<NAME>`.
pub const SECRET_VARIABLE: &str = "PORTCULLIS_SECRET_";

/// The maximum length of a secret in bytes: 64 KiB.
const MAX_SECRET: u64 = 64 * 1024;

/// The secrets of an application, by name. They are never stored in its directory, nor do they appear in
/// [`Debug`](fmt::Debug) output, errors or logs.
///
/// ```
/// use portcullis::app::Secrets;
/// let mut secrets = Secrets::default();
/// secrets.insert("signingKey", "hunter2");
/// assert_eq!(format!("{secrets:?}"), r#"{"signingKey"}"#);
/// let error = secrets.add("otherKey=hunter2").unwrap_err();
/// assert!(!error.to_string().contains("hunter2"));
/// ```
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Why a secret cannot be read. The error never contains text that may be a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// An argument of another form than expected, such as `hunter2` or `name=hunter2`.
    #[error("a secret is given as NAME=env:VARIABLE or NAME=file:PATH, so that no other process sees its value")]
    Form,
    /// A secret that is given twice.
    #[error("duplicate secret `{}`", OneLine(.0))]
    Twice(String),
    /// An environment variable that does not exist, in `name=env:VARIABLE`.
    #[error("the environment variable given for the secret `{}` is not set", OneLine(.0))]
    VariableMissing(String),
    /// A secret that is not UTF-8 or is longer than 64 KiB.
    #[error("the secret `{}` is not UTF-8, or longer than {MAX_SECRET} bytes", OneLine(.0))]
    Text(String),
    /// A file that cannot be opened or read.
    #[error("the file given for {what} cannot be read: {reason}")]
    FileUnreadable {
        /// What the file should contain. The path is not shown, since it may be a secret that was passed in the wrong
        /// place.
        what: String,
        /// The error of the file system.
        reason: io::Error,
    },
    /// A secrets file that is not an object of strings.
    #[error("the file `{}` is not JSON of the form {{\"name\": \"secret\"}}: {problem}", path.display())]
    FileForm {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without any of its values.
        problem: String,
    },
    /// A secret to which no file of the application refers.
    #[error("no application file refers to a secret `{}`{}", OneLine(name), help.as_deref().map_or(String::new(), |help| format!("; {help}")))]
    Unknown {
        /// The name.
        name: String,
        /// The name that was probably intended.
        help: Option<String>,
    },
}

impl Secrets {
    /// Adds a secret, replacing any other of the same name.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// Adds a secret given as `NAME=env:VARIABLE` or `NAME=file:PATH`. A single newline at the end of the file is not
    /// part of the secret.
    ///
    /// # Errors
    /// If the argument has another form, the variable or file does not exist, or the secret was given before.
    pub fn add(&mut self, argument: &str) -> Result<(), SecretError> {
        let (name, place) = argument.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(SecretError::Form)?;
        let value = if let Some(variable) = place.strip_prefix("env:").filter(|variable| !variable.is_empty()) {
            from_variable(name, variable)?.ok_or_else(|| SecretError::VariableMissing(name.to_owned()))?
        } else if let Some(path) = place.strip_prefix("file:").filter(|path| !path.is_empty()) {
            from_file(name, Path::new(path))?
        } else {
            return Err(SecretError::Form);
        };
        self.add_new(name, value)
    }

    /// Adds the secrets in a JSON file, such as `{"name": "secret"}`.
    ///
    /// # Errors
    /// If the file cannot be read or is malformed, or a secret was given before.
    pub fn add_file(&mut self, path: &Path) -> Result<(), SecretError> {
        let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX);
        let form = |problem: String| SecretError::FileForm { path: path.to_path_buf(), problem };
        let bytes = read(path, limit, || "secrets".to_owned())?
            .ok_or_else(|| form(format!("it is longer than {limit} bytes")))?;
        // The message of a JSON error may quote the file.
        let node = parse_bytes(&bytes)
            .map_err(|error| form(format!("it is not valid JSON from byte {} on", error.span().start)))?;
        let members = node.as_object().ok_or_else(|| form(format!("it is {}", node.describe())))?;
        for member in members {
            let Some(value) = member.value.as_str() else {
                let problem = format!("`{}` is {}, not a string", member.key, member.value.describe());
                return Err(form(problem));
            };
            self.add_new(&member.key, value.to_owned())?;
        }
        Ok(())
    }

    /// Adds those of the named secrets that were not given before and are in environment variables
    /// `PORTCULLIS_SECRET_<NAME>`.
    ///
    /// # Errors
    /// If a variable is not UTF-8 or is too long.
    pub fn add_variables<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) -> Result<(), SecretError> {
        for name in names {
            // No variable can have such a name.
            if self.values.contains_key(name) || name.contains(['=', '\0']) {
                continue;
            }
            if let Some(value) = from_variable(name, &format!("{SECRET_VARIABLE}{name}"))? {
                self.values.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }

    /// The secret with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A copy with only these secrets, for one of several applications that are served together.
    #[must_use]
    pub fn only(&self, names: &std::collections::BTreeSet<String>) -> Self {
        let named = self.values.iter().filter(|(name, _)| names.contains(*name));
        Self { values: named.map(|(name, value)| (name.clone(), value.clone())).collect() }
    }

    /// All secrets, by name.
    #[must_use]
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// The names of all secrets, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    fn add_new(&mut self, name: &str, value: String) -> Result<(), SecretError> {
        if self.values.contains_key(name) {
            return Err(SecretError::Twice(name.to_owned()));
        }
        self.values.insert(name.to_owned(), value);
        Ok(())
    }
}

fn from_variable(name: &str, variable: &str) -> Result<Option<String>, SecretError> {
    // The standard library panics on names that no variable can have.
    if variable.contains(['=', '\0']) {
        return Ok(None);
    }
    let Some(value) = std::env::var_os(variable) else { return Ok(None) };
    let limit = usize::try_from(MAX_SECRET).unwrap_or(usize::MAX);
    let text = value.into_string().ok().filter(|text| text.len() <= limit);
    text.map(Some).ok_or_else(|| SecretError::Text(name.to_owned()))
}

fn from_file(name: &str, path: &Path) -> Result<String, SecretError> {
    let text = read(path, MAX_SECRET, || format!("the secret `{}`", OneLine(name)))?
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let mut text = text.ok_or_else(|| SecretError::Text(name.to_owned()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// The content of a file; `None` if it has more than `limit` bytes.
fn read(path: &Path, limit: u64, what: impl Fn() -> String) -> Result<Option<Vec<u8>>, SecretError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
    let length = read.map_err(|reason| SecretError::FileUnreadable { what: what(), reason })?;
    Ok(u64::try_from(length).is_ok_and(|length| length <= limit).then_some(bytes))
}
