use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use portcullis::app::{App, Secrets};

use super::trouble::Trouble;

/// The secrets of an application, which are not in its directory.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Secrets")]
pub(super) struct SecretArgs {
    /// A secret, from an environment variable or a file; without it, `PORTCULLIS_SECRET_<NAME>` is looked up
    #[arg(long = "secret", value_name = "NAME=env:VARIABLE|NAME=file:PATH")]
    secret: Vec<Given>,
    /// A JSON file of secrets: {"name": "secret"}
    #[arg(long = "secrets", value_name = "FILE")]
    secrets: Option<PathBuf>,
}

/// An argument that may hold a secret by mistake; it is never shown.
#[derive(Clone)]
struct Given(String);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl FromStr for Given {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl SecretArgs {
    /// Whether the command line has any.
    pub(super) const fn is_given(&self) -> bool {
        !self.secret.is_empty() || self.secrets.is_some()
    }

    /// The secrets given. One that none of the applications knows is trouble.
    pub(super) fn read(&self, app: &App) -> Result<Secrets, Trouble> {
        let mut secrets = Secrets::default();
        for given in &self.secret {
            secrets.add(&given.0)?;
        }
        if let Some(path) = &self.secrets {
            secrets.add_file(path)?;
        }
        app.verify_secrets(&secrets)?;
        secrets.add_variables(app.secrets.iter().map(String::as_str))?;
        Ok(secrets)
    }
}
