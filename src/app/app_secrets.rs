//! The secrets that an application refers to.

use std::sync::Arc;

use bson::Document;

use super::problem::{Problem, finding};
use super::{App, FileFinding, ProblemKind, SECRET_VARIABLE, SecretError, Secrets};
use crate::eval::Context;
use crate::text::{Source, Span, closest};

impl App {
    /// Checks that the application refers to each of these secrets.
    ///
    /// # Errors
    /// [`SecretError::Unknown`] for the first to which it does not refer.
    pub fn verify_secrets(&self, secrets: &Secrets) -> Result<(), SecretError> {
        let Some(name) = secrets.names().find(|name| !self.secrets.contains(*name)) else { return Ok(()) };
        let help = match self.secret_values.get(name) {
            Some(secret) => Some(format!("the value `{name}` is the secret `{secret}`")),
            None => closest(name, self.secrets.iter().map(String::as_str))
                .map(|known| format!("did you mean `{known}`?"))
                .or_else(|| {
                    let known: Vec<String> = self.secrets.iter().take(10).map(|name| format!("`{name}`")).collect();
                    (!known.is_empty()).then(|| format!("it refers to {}", known.join(", ")))
                }),
        };
        Err(SecretError::Unknown { name: name.to_owned(), help })
    }

    /// A finding for each secret that the application needs and that is missing from `secrets`.
    #[must_use]
    pub fn missing_secrets(&self, secrets: &Secrets) -> Vec<FileFinding> {
        let source = Arc::new(Source::new("secrets", ""));
        let missing = self.secrets.iter().filter(|name| secrets.get(name).is_none());
        missing
            .map(|name| {
                let problem = Problem::new(ProblemKind::SecretMissing(name.clone()), Span::default());
                let help = format!("pass --secret {name}=env:VARIABLE, or set {SECRET_VARIABLE}{name}");
                FileFinding { source: Arc::clone(&source), pointer: None, finding: finding(problem.help(help)) }
            })
            .collect()
    }

    /// Adds the `%%values` that are secrets to the context. A rule that refers to one that is missing from `secrets`
    /// evaluates to an Error.
    #[must_use]
    pub fn with_secrets(&self, context: Context, secrets: &Secrets) -> Context {
        let supplied: Document = self
            .secret_values
            .iter()
            .filter_map(|(value, secret)| Some((value.clone(), secrets.get(secret)?.into())))
            .collect();
        context.with_secrets(supplied).with_secret_names(self.secret_values.keys().cloned())
    }
}
