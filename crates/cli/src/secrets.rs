use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use portcullis::App;
use portcullis::app::Secrets;
use portcullis::text::{OneLine, closest};

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

    /// Reads the given secrets for an application. Those on the command line that it does not name are an error; a file may
    /// have been written for several applications.
    pub(super) fn read(&self, app: &App) -> Result<Secrets, Trouble> {
        let given = self.given()?;
        remember_secrets(app);
        app.verify_secrets(&given.on_command_line)?;
        given.note_unnamed(&[app]);
        given.of(app)
    }

    /// Reads the given secrets. The file is read once, since it may be a pipe.
    pub(super) fn given(&self) -> Result<GivenSecrets, Trouble> {
        let mut on_command_line = Secrets::default();
        for given in &self.secret {
            on_command_line.add(&given.0)?;
        }
        let mut all = on_command_line.clone();
        if let Some(path) = &self.secrets {
            all.add_file(path)?;
        }
        Ok(GivenSecrets { on_command_line, all })
    }
}

/// The secrets on the command line, and all of them, including those in the file.
pub(super) struct GivenSecrets {
    on_command_line: Secrets,
    all: Secrets,
}

impl GivenSecrets {
    /// The secrets that an application names, also from variables of the environment.
    pub(super) fn of(&self, app: &App) -> Result<Secrets, Trouble> {
        let mut secrets = self.all.only(&app.secrets);
        secrets.add_variables(app.secrets.iter().map(String::as_str))?;
        Ok(secrets)
    }

    /// Notes which secrets of the file no application names.
    pub(super) fn note_unnamed(&self, apps: &[&App]) {
        let is_named = |name: &str| apps.iter().any(|app| app.secrets.contains(name));
        let in_file = self.all.names().filter(|name| self.on_command_line.get(name).is_none());
        for name in in_file.filter(|name| !is_named(name)).take(MAX_NOTES) {
            // A name that is given as well is not what was meant.
            let known = apps.iter().flat_map(|app| &app.secrets).map(String::as_str);
            let meant = closest(name, known.filter(|known| self.all.get(known).is_none()));
            let help = meant.map_or_else(String::new, |meant| format!("; did you mean `{}`?", OneLine(meant)));
            note(&format!("the secret `{}` in the file of --secrets is not used{help}", OneLine(name)));
        }
    }
}

/// The maximum number of notes about secrets that are not used.
const MAX_NOTES: usize = 10;
