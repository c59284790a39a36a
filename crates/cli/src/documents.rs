use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use portcullis::Guard;
use portcullis::guarded::GuardedError;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis_service::{ChangesPlace, DocumentPlace, IfMissing, ServerUri};

use super::missing::MissingParts;
use super::output::note;
use super::stores::StoreArgs;
use super::trouble::Trouble;

/// Where the documents of an application are.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Documents")]
pub(super) struct DocumentArgs {
    /// Where documents are stored: a MongoDB URI or the path of an embedded store (default: the server of
    /// --mongodb-uri, else `documents.redb` in the --state directory)
    #[arg(long, value_name = "URI|FILE", env = "PORTCULLIS_STORE", hide_env_values = true)]
    store: Option<StorePlace>,
}

#[derive(Clone, Debug)]
enum StorePlace {
    Server(ServerUri),
    File(PathBuf),
    /// Neither a MongoDB URI nor a path. Its text is not kept, since it may be a misspelt connection string.
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
    /// The store that holds the documents.
    pub(super) fn place(&self) -> Result<DocumentPlace, Trouble> {
        Ok(match &self.store {
            None => DocumentPlace::Default,
            Some(StorePlace::Server(uri)) => DocumentPlace::Server(uri.clone()),
            Some(StorePlace::File(path)) => DocumentPlace::File(path.clone()),
            Some(StorePlace::Elsewhere) => {
                return Err(Trouble::usage(
                    "--store takes a MongoDB URI, such as `mongodb://localhost:27017`, or the path of an embedded store",
                ));
            }
        })
    }

    /// Opens the store for a collection.
    pub(super) async fn open(
        &self,
        namespace: &Namespace,
        stores: &StoreArgs,
        missing: IfMissing,
    ) -> Result<Box<dyn DocumentStore>, Trouble> {
        Ok(stores.places().documents(&self.place()?, namespace, missing).await?)
    }

    /// Opens the source of changes to a collection.
    pub(super) async fn changes(&self, namespace: &Namespace, stores: &StoreArgs) -> Result<ChangesPlace, Trouble> {
        Ok(stores.places().changes(&self.place()?, namespace).await?)
    }
}

/// Prints how many documents were hidden because a rule failed on them, and the errors. Clients do not learn this, but
/// whoever runs the command has access to the database anyway.
pub(super) fn note_unreadable(guard: &Guard) {
    let Some(unreadable) = guard.take_unreadable() else { return };
    let errors = unreadable.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let times = if unreadable.documents == 1 { "once".to_owned() } else { format!("{} times", unreadable.documents) };
    note(&format!("a rule failed {times}, which hides the document in question: {errors}"));
}

/// The error that a client would get. Details are printed to standard error, since whoever runs the command has
/// access to the database anyway.
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
