use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use portcullis::App;
use portcullis::app::{ConfigFile, ConfigPart, FileFinding};
use portcullis::login::custom_data_config;
use portcullis::text::{Finding, OneLine};
use portcullis_service::ServerUri;
use portcullis_store::LiveFinding;

use super::accounts::block_on;
use super::census::{self, Counted, Documents};
use super::output::note;
use super::stores::connect;
use super::trouble::Trouble;

/// Looking at the server, too.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub(super) struct LiveArgs {
    /// Check the custom user data collection on the server: whether the user ID field is indexed, whether IDs are
    /// duplicated or in arrays, and how many users lack fields that rules read
    #[arg(long, requires = "mongodb_uri")]
    live: bool,
    /// Count the users who lack fields that rules read, or have them with another type: a file of extended JSON
    /// documents as written by `mongoexport`, or a directory with one named after the collection
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "live")]
    custom_data: Option<PathBuf>,
    /// The MongoDB server: `mongodb://localhost:27017`
    #[arg(long, value_name = "URI", env = "PORTCULLIS_MONGODB_URI", hide_env_values = true)]
    mongodb_uri: Option<ServerUri>,
    /// Time limit for each check on the server
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "live")]
    live_limit: u64,
}

impl LiveArgs {
    /// Counts the users of an application who lack data that its rules read; `None` if that is not requested.
    pub(super) fn counted(&self, app: &App) -> Result<Option<Counted>, Trouble> {
        match (&self.custom_data, self.live, &self.mongodb_uri) {
            (Some(path), ..) => census::count(app, &Documents::Files(path)),
            (None, true, Some(uri)) => census::count(app, &Documents::Server(uri)),
            _ => Ok(None),
        }
    }

    /// Checks an application's custom data on the server. The findings refer to the application's configuration file.
    pub(super) fn findings(&self, app: &App) -> Result<Vec<FileFinding>, Trouble> {
        let (true, Some(uri)) = (self.live, &self.mongodb_uri) else { return Ok(Vec::new()) };
        let unseen = |why: &str| {
            note(&format!("--live did not check the server for `{}`: {why}", app.directory.display()));
            Ok(Vec::new())
        };
        let ConfigPart::Present(file) = &app.custom_user_data else {
            return unseen("the application has no readable custom user data");
        };
        // A configuration that does not load is already reported by other findings.
        let Ok(Some(config)) = custom_data_config(app) else {
            return unseen("its configuration of custom user data does not load");
        };
        let Some(source) = config.source() else { return unseen("its custom user data is disabled") };
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_message(format!("searching `{}.{}`", OneLine(&source.database), OneLine(&source.collection)));
        bar.enable_steady_tick(Duration::from_millis(100));
        let found = block_on(async {
            let server = connect(uri).await?;
            Ok(server.check_custom_data(source, Duration::from_secs(self.live_limit)).await?)
        });
        bar.finish_and_clear();
        Ok(found?.iter().map(|finding| at_collection(file, finding)).collect())
    }
}

/// Places a finding about the collection in the configuration that names it.
pub(super) fn at_collection(file: &ConfigFile, finding: &LiveFinding) -> FileFinding {
    let place = file.node.get("collection_name").unwrap_or(&file.node).span;
    FileFinding {
        source: Arc::clone(&file.source),
        pointer: Some(file.node.pointer_at(place)),
        finding: Finding {
            severity: finding.severity(),
            code: finding.code(),
            message: finding.to_string(),
            help: finding.help(),
            span: place,
        },
    }
}
