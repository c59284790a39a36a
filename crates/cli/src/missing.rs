//! Reports what the command line did not supply, and how to supply it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use portcullis::App;
use portcullis::eval::{ContextPart, EvalError};
use portcullis::text::OneLine;

use super::output::note;

/// The parts of the context that were needed but not supplied, without duplicates.
#[derive(Debug, Default)]
pub(super) struct MissingParts(Vec<ContextPart>);

impl MissingParts {
    pub(super) fn of(errors: &[EvalError]) -> Self {
        let mut parts = Self::default();
        parts.add(errors);
        parts
    }

    pub(super) fn add(&mut self, errors: &[EvalError]) {
        for error in errors {
            if let EvalError::NotSupplied(part) = error
                && !self.0.contains(part)
            {
                self.0.push(part.clone());
            }
        }
    }

    pub(super) fn join(&mut self, others: &Self) {
        others.0.iter().for_each(|part| self.add(&[EvalError::NotSupplied(part.clone())]));
    }

    /// Prints for each part how to supply it.
    pub(super) fn tell(&self) {
        self.0.iter().for_each(|part| note(&way_out(part)));
    }

    /// Prints for each part how to supply it to a command that uses no application.
    pub(super) fn tell_without_application(&self) {
        for part in &self.0 {
            note(&match part {
                ContextPart::User => format!("{part}: pass the user with --user '{{\"id\": \"…\"}}'"),
                ContextPart::CustomData => format!(
                    "{part}: write the user's into the object of --user, `\"custom_data\": {{…}}`, or null if the user has none"
                ),
                part => way_out(part),
            });
        }
    }

    /// The parts and how to supply them, as one error message; `None` if nothing is missing.
    pub(super) fn message(&self) -> Option<String> {
        let parts: Vec<String> = self.0.iter().map(way_out).collect();
        (!parts.is_empty()).then(|| format!("the rules need input that was not supplied: {}", parts.join("; ")))
    }
}

/// The names of the secrets that supply the application's values, by the names of the values.
static SECRETS: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// Records which secrets supply an application's values, so that messages can name them.
pub(super) fn remember_secrets(app: &App) {
    let _ = SECRETS.set(app.secret_values.clone().into_iter().collect());
}

fn secret_of(value: &str) -> Option<OneLine<&str>> {
    Some(OneLine(SECRETS.get()?.get(value)?))
}

fn way_out(part: &ContextPart) -> String {
    let how = match part {
        ContextPart::User => "pass the user with --user '{\"id\": \"…\"}', or with --token if there is an application",
        ContextPart::CustomData => {
            "with an application pass --custom-data FILE, the documents of its collection of custom data; or write the user's \
             into the object of --user, `\"custom_data\": {…}`, or null if the user has none"
        }
        ContextPart::Values => "pass --values '{\"name\": value}'",
        ContextPart::Value(_) => "see `portcullis check` for the file that cannot be read, or give it with --values",
        ContextPart::Secret(name) if let Some(secret) = secret_of(name) => {
            return format!(
                "{part}: pass --secret {secret}=env:VARIABLE or --secrets FILE, or set the variable PORTCULLIS_SECRET_{secret}"
            );
        }
        ContextPart::Secret(_) => {
            "pass --secret NAME=env:VARIABLE, where NAME is the secret that its file in values/ takes it from, or --secrets FILE"
        }
        ContextPart::Environment => "pass --environment '{\"tag\": \"…\", \"values\": {…}}'",
        ContextPart::Request => "pass --request '{\"remoteIPAddress\": \"…\", \"requestHeaders\": {…}}'",
        ContextPart::RequestProperty(name) => {
            return format!("{part}: write `\"{name}\": …` into the object of --request");
        }
        ContextPart::Args => "pass --args '{\"name\": value}'",
        ContextPart::Partition => "pass --partition VALUE",
        ContextPart::Now => "pass --now 2024-01-31T12:00:00Z",
    };
    format!("{part}: {how}")
}
