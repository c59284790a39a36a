use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use portcullis::App;
use portcullis::app::Secrets;

use super::missing::remember_secrets;
use super::output::note;
use super::trouble::Trouble;

/// The secrets of an application, which are not in its directory.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Secrets")]
pub(super) struct SecretArgs {
    /// A secret, from an environment variable or a file (default: the variable `PORTCULLIS_SECRET_<NAME>`)
    #[arg(long = "secret", value_name = "NAME=env:VARIABLE|NAME=file:PATH")]
    secret: Vec<Given>,
    /// A JSON file of secrets: {"name": "secret"}
    #[arg(long = "secrets", value_name = "FILE")]
    secrets: Option<PathBuf>,
}

/// An argument that may contain a secret by mistake; never shown.
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
    /// Whether the command line contains any.
    pub(super) const fn is_given(&self) -> bool {
        !self.secret.is_empty() || self.secrets.is_some()
    }

    /// Refuses secrets if rules are given without an application, since nothing then says which values they are.
    pub(super) fn refuse_without_app(&self) -> Result<(), Trouble> {
        if self.is_given() {
            let message = "--secret and --secrets supply the secrets that an application's values/*.json refer to, and need --app; \
                           without an application, pass values with --values";
            return Err(Trouble::usage(message));
        }
        Ok(())
    }

    /// Notes which of the given secrets are not used by any value of the application.
    pub(super) fn note_unused(&self, app: &App) -> Result<(), Trouble> {
        let mut given = Secrets::default();
        for secret in &self.secret {
            given.add(&secret.0)?;
        }
        for name in given.names().filter(|name| app.secret_values.values().all(|secret| secret != name)) {
            note(&format!(
                "no value uses the secret `{name}`, so no rule can: values/*.json refer to secrets with `from_secret`"
            ));
        }
        Ok(())
    }

    /// The secrets that this application names, if they are given for several applications together.
    pub(super) fn read_for(&self, app: &App) -> Result<Secrets, Trouble> {
        let mut given = Secrets::default();
        for secret in &self.secret {
            given.add(&secret.0)?;
        }
        if let Some(path) = &self.secrets {
            given.add_file(path)?;
        }
        let mut secrets = given.only(&app.secrets);
        secrets.add_variables(app.secrets.iter().map(String::as_str))?;
        Ok(secrets)
    }

    /// Reads the given secrets. Secrets that the application does not name are an error.
    pub(super) fn read(&self, app: &App) -> Result<Secrets, Trouble> {
        let mut secrets = Secrets::default();
        for given in &self.secret {
            secrets.add(&given.0)?;
        }
        if let Some(path) = &self.secrets {
            secrets.add_file(path)?;
        }
        remember_secrets(app);
        app.verify_secrets(&secrets)?;
        secrets.add_variables(app.secrets.iter().map(String::as_str))?;
        Ok(secrets)
    }
}
