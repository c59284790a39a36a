use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::app::App;
use portcullis::auth::CustomDataConfig;
use portcullis::auth::token::{SigningKey, SigningKeys};
use portcullis::login::{Accounts, custom_data_config};
use portcullis::store::{CustomDataStore, FileCustomData, Sessions, Users};
use portcullis_store::Embedded;
use portcullis::text::{OneLine, Severity};
use portcullis_store::mongodb::{MongoCustomData, MongoSessions, MongoUsers};

use super::input::read_file;
use super::output::note;
use super::server::ServerUri;
use super::trouble::Trouble;

/// Where users, sessions, keys and custom data are.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Users")]
pub(super) struct StoreArgs {
    /// The id of the application whose users these are, in place of the one in its files
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    application: Option<String>,
    /// The directory of users and sessions, where no server keeps them, and of the key that signs tokens
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_STATE", default_value = ".portcullis")]
    state: PathBuf,
    /// Keep users and sessions in MongoDB, and look up custom data there: `mongodb://localhost:27017`
    #[arg(long, value_name = "URI", env = "PORTCULLIS_MONGODB_URI", hide_env_values = true)]
    mongodb_uri: Option<ServerUri>,
    /// The database of users and sessions in MongoDB
    #[arg(long, value_name = "NAME", default_value = "portcullis")]
    mongodb_database: String,
    /// Custom data: a file of extended JSON documents as `mongoexport` writes it, or a folder with one named after the collection
    #[arg(long, value_name = "FILE|DIR")]
    custom_data: Option<PathBuf>,
    /// A file with a key that signs tokens, of at least 32 bytes; of several the first signs, all verify
    #[arg(long = "signing-key", value_name = "FILE")]
    signing_keys: Vec<PathBuf>,
}

/// What may be done where something is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Make it.
    Create,
    /// Say so.
    Refuse,
}

/// The stores, opened.
pub(super) struct Stores {
    pub(super) users: Arc<dyn Users>,
    pub(super) sessions: Arc<dyn Sessions>,
}

impl Stores {
    pub(super) fn accounts(self) -> Accounts {
        Accounts::new(self.users, self.sessions)
    }
}

impl StoreArgs {
    /// Whether an application's custom data is to be looked up: in files that the command line names, or on a server if the
    /// application has any.
    pub(super) fn serves_custom_data(&self, app: &App) -> Result<bool, Trouble> {
        if self.names_custom_data() || self.mongodb_uri.is_none() {
            return Ok(self.names_custom_data());
        }
        Ok(custom_data_config(app)?.is_some_and(|config| config.is_enabled()))
    }

    /// Whether the command line says where custom data is looked up.
    pub(super) const fn names_custom_data(&self) -> bool {
        self.custom_data.is_some()
    }

    /// Refuses a connection string in place of a name. None of it is shown: it may hold a password.
    fn verify(&self) -> Result<(), Trouble> {
        const HELP: &str = "a connection string is given with --mongodb-uri";
        if self.state.to_str().is_some_and(|path| path.contains("://")) {
            return Err(Trouble::usage(format!("--state takes a directory; {HELP}")));
        }
        // The characters that a database's name must not have.
        if self.mongodb_database.is_empty()
            || self.mongodb_database.contains(['/', '\\', '.', ' ', '"', '$', ':', '\0'])
        {
            return Err(Trouble::usage(format!("--mongodb-database takes the name of a database; {HELP}")));
        }
        Ok(())
    }

    /// Refuses a namespace that holds users and sessions on the server: no rule opens it, whatever it says.
    pub(super) fn refuse_ours(&self, namespace: &str) -> Result<(), Trouble> {
        if self.mongodb_uri.is_some() { self.refuse_ours_anywhere(namespace) } else { Ok(()) }
    }

    /// The same on any server: other commands may keep users on the one that holds the documents.
    pub(super) fn refuse_ours_anywhere(&self, namespace: &str) -> Result<(), Trouble> {
        if !self.is_named_as_ours(namespace) {
            return Ok(());
        }
        let namespace = OneLine(namespace);
        Err(Trouble::usage(format!("`{namespace}` holds our users or sessions: it is closed, whatever the rules say")))
    }

    fn is_named_as_ours(&self, namespace: &str) -> bool {
        let Some((database, collection)) = namespace.split_once('.') else { return false };
        database.eq_ignore_ascii_case(&self.mongodb_database)
            && [MongoUsers::COLLECTION, MongoSessions::COLLECTION].contains(&collection)
    }

    /// Refuses a database in which users and sessions would be written into collections of the application.
    pub(super) fn keep_apart(&self, app: &App) -> Result<(), Trouble> {
        let config = custom_data_config(app).ok().flatten();
        let source = config.as_ref().and_then(CustomDataConfig::source);
        let source = source.map(|source| format!("{}.{}", source.database, source.collection));
        let mut theirs = app.collections.iter().map(|collection| &collection.namespace).chain(&source);
        match theirs.find(|namespace| self.mongodb_uri.is_some() && self.is_named_as_ours(namespace)) {
            None => Ok(()),
            Some(namespace) => Err(Trouble::usage(format!(
                "`{}` is a collection of the application, and would be that of our users or sessions: name another \
                 database with --mongodb-database",
                OneLine(namespace)
            ))),
        }
    }

    /// The id that the command line gives the application.
    pub(super) fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The id of an application.
    pub(super) fn id_of<'a>(&'a self, app: &'a App) -> Result<&'a str, Trouble> {
        self.keep_apart(app)?;
        if let Some(id) = self.application().or_else(|| app.id()) {
            return Ok(id);
        }
        let names = app.config.names();
        let found = app.findings.iter().filter(|found| names.iter().any(|name| name == found.source.name()));
        let found: Vec<_> = found.filter(|found| found.finding.severity == Severity::Error).cloned().collect();
        if found.is_empty() {
            return Err(Trouble::usage(format!(
                "the application in `{}` has no id, by which its users are told from those of other applications: write \
                 `app_id` or `name` into its own file (realm_config.json), or give --application ID",
                app.directory.display()
            )));
        }
        let what =
            "the application's own file, which has its id, does not load; --application ID gives it one".to_owned();
        Err(Trouble::Files { what, found })
    }

    /// Opens the users and sessions of an application.
    pub(super) async fn open(&self, application: &str, missing: Missing) -> Result<Stores, Trouble> {
        self.verify()?;
        if let Some(client) = self.client().await? {
            let database = client.database(&self.mongodb_database);
            let users = Arc::new(MongoUsers::new(&database, application));
            return Ok(Stores { users, sessions: Arc::new(MongoSessions::new(&database, application)) });
        }
        let path = self.state.join("state.redb");
        if missing == Missing::Refuse && !path.exists() {
            return Err(Trouble::usage(format!(
                "there are no users yet: `{}` is not there; `portcullis login` and `portcullis users import` make it, \
                 --state and --mongodb-uri name other places",
                path.display()
            )));
        }
        self.make_directory()?;
        let embedded = Arc::new(Embedded::open(&path, application)?);
        Ok(Stores { users: Arc::clone(&embedded) as Arc<dyn Users>, sessions: embedded })
    }

    /// Where the custom data of a configuration is looked up: in files where such are named, else in MongoDB.
    pub(super) async fn custom_data(&self, config: CustomDataConfig) -> Result<Arc<dyn CustomDataStore>, Trouble> {
        if let Some(path) = &self.custom_data {
            // A message that it is no file would show its password.
            if path.to_str().is_some_and(|path| path.starts_with("mongodb:") || path.starts_with("mongodb+srv:")) {
                return Err(Trouble::usage(
                    "--custom-data takes a file or a folder; a connection string is given with --mongodb-uri",
                ));
            }
            return Ok(Arc::new(FileCustomData::new(config, path)));
        }
        match self.client().await? {
            Some(client) => {
                let custom_data = MongoCustomData::new(&client, &config);
                Ok(Arc::new(
                    custom_data.ok_or_else(|| Trouble::usage("the application's custom user data is disabled"))?,
                ))
            }
            None => Err(Trouble::usage(
                "where is the custom data? give --custom-data with a file or folder of documents, or --mongodb-uri",
            )),
        }
    }

    /// The file of documents, where no server has them.
    pub(super) fn documents_file(&self, missing: Missing) -> Result<PathBuf, Trouble> {
        self.verify()?;
        if missing == Missing::Create {
            self.make_directory()?;
        }
        Ok(self.state.join("documents.redb"))
    }

    /// A client of the server, if one is named.
    pub(super) async fn client(&self) -> Result<Option<::mongodb::Client>, Trouble> {
        match &self.mongodb_uri {
            None => Ok(None),
            Some(uri) => Ok(Some(uri.connect().await?)),
        }
    }

    /// The keys that sign and verify our tokens.
    pub(super) fn signing_keys(&self, missing: Missing) -> Result<SigningKeys, Trouble> {
        self.verify()?;
        let mut paths = self.signing_keys.clone();
        if paths.is_empty() {
            let path = self.state.join("signing.key");
            if !path.exists() {
                if missing == Missing::Refuse {
                    return Err(Trouble::usage(format!(
                        "there is no key yet that signs tokens: `{}` is not there; `portcullis login` makes it, --signing-key \
                         names another file",
                        path.display()
                    )));
                }
                self.make_directory()?;
                make_key(&path)?;
            }
            paths.push(path);
        }
        let keys: Result<Vec<SigningKey>, Trouble> = paths.iter().map(|path| read_key(path)).collect();
        SigningKeys::new(keys?).map_err(|error| Trouble::usage(format!("--signing-key: {error}")))
    }

    /// Nobody else may look into it.
    fn make_directory(&self) -> Result<(), Trouble> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.state);
        made.map_err(|error| Trouble::Write { name: format!("`{}`", self.state.display()), error })
    }
}

fn make_key(path: &Path) -> Result<(), Trouble> {
    let failed = |error| Trouble::Write { name: format!("`{}`", path.display()), error };
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| failed(std::io::Error::other(error)))?;
    let mut text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Another process was faster; its key counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        file => {
            file.and_then(|mut file| write_and_sync(&mut file, &text)).map_err(failed)?;
            note(&format!("made a key that signs tokens: `{}`; whoever has it can make tokens", path.display()));
            Ok(())
        }
    }
}

fn write_and_sync(file: &mut File, text: &str) -> std::io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A key is all that stands in the file but for one line end.
fn read_key(path: &Path) -> Result<SigningKey, Trouble> {
    // What is no file may be the key itself.
    if !path.exists() {
        return Err(Trouble::usage("--signing-key takes a file that holds the key; there is none of the name given"));
    }
    let mut bytes = read_file(path)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    SigningKey::from_secret(bytes).map_err(|error| Trouble::usage(format!("the key `{}`: {error}", path.display())))
}
