use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use portcullis::guarded::GuardedError;
use portcullis::store::documents::{Namespace, Store};
use portcullis_store::EmbeddedDocuments;
use portcullis_store::mongodb::MongoDocuments;

use super::missing::MissingParts;
use super::output::note;
use super::server::ServerUri;
use super::stores::{Missing, StoreArgs};
use super::trouble::Trouble;

/// Where the documents of an application are.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Documents")]
pub(super) struct DocumentArgs {
    /// What holds the documents: a server, `mongodb://localhost:27017`, or a file of ours; without it the server of
    /// --mongodb-uri, or else the file `documents.redb` in the directory of --state
    #[arg(long, value_name = "URI|FILE", env = "PORTCULLIS_STORE", hide_env_values = true)]
    store: Option<StorePlace>,
}

#[derive(Clone, Debug)]
enum StorePlace {
    Server(ServerUri),
    File(PathBuf),
    /// Of which nothing is shown: it may be a misspelt connection string.
    Elsewhere,
}

impl FromStr for StorePlace {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            _ if text.starts_with("mongodb://") || text.starts_with("mongodb+srv://") => Self::Server(text.parse()?),
            _ if text.is_empty() || text.contains(['@', ':']) => Self::Elsewhere,
            _ => Self::File(text.into()),
        })
    }
}

impl DocumentArgs {
    /// Opens the store of a collection: the one place where it is chosen.
    pub(super) async fn open(
        &self,
        namespace: &Namespace,
        stores: &StoreArgs,
        missing: Missing,
    ) -> Result<Box<dyn Store>, Trouble> {
        match self.place(namespace, stores).await? {
            Some(client) => Ok(Box::new(MongoDocuments::new(&client))),
            None => match &self.store {
                Some(StorePlace::File(path)) => file(path, missing),
                _ => file(&stores.documents_file(missing)?, missing),
            },
        }
    }

    /// The server that has a collection, for what only a server can do.
    pub(super) async fn server(&self, namespace: &Namespace, stores: &StoreArgs) -> Result<MongoDocuments, Trouble> {
        match self.place(namespace, stores).await? {
            Some(client) => Ok(MongoDocuments::new(&client)),
            None => Err(Trouble::usage(
                "a file of ours does not tell what changes in it; name a replica set with --store mongodb://HOST",
            )),
        }
    }

    /// A client of the server that has a collection; none if a file has it.
    async fn place(&self, namespace: &Namespace, stores: &StoreArgs) -> Result<Option<mongodb::Client>, Trouble> {
        Ok(match &self.store {
            Some(StorePlace::Server(uri)) => {
                stores.refuse_ours_anywhere(&namespace.to_string())?;
                Some(uri.connect().await?)
            }
            Some(StorePlace::File(_)) => None,
            Some(StorePlace::Elsewhere) => {
                return Err(Trouble::usage(
                    "--store takes the address of a server, `mongodb://localhost:27017`, or the path of a file",
                ));
            }
            None => {
                stores.refuse_ours(&namespace.to_string())?;
                stores.client().await?
            }
        })
    }
}

fn file(path: &Path, missing: Missing) -> Result<Box<dyn Store>, Trouble> {
    if missing == Missing::Refuse && !path.exists() {
        return Err(Trouble::usage(format!(
            "there are no documents yet: `{}` is not there; `portcullis insert` makes it, --store names another file or a server",
            path.display()
        )));
    }
    let store = EmbeddedDocuments::open(path);
    Ok(Box::new(store.map_err(|error| Trouble::usage(format!("`{}`: {error}", path.display())))?))
}

/// What a client is told; what else is known goes to standard error, for whoever runs this has the database at hand anyhow.
pub(super) fn guarded(error: GuardedError) -> Trouble {
    match &error {
        GuardedError::Failed(errors) => {
            if let Some(message) = MissingParts::of(errors).message() {
                return Trouble::usage(message);
            }
        }
        GuardedError::Denied { reason, .. } => MissingParts::of(&reason.errors).tell(),
        _ => {}
    }
    if let Some(private) = error.private() {
        note(&private);
    }
    Trouble::Guarded(error)
}
