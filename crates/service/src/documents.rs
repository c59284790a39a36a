use std::path::{Path, PathBuf};

use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis_store::EmbeddedDocuments;

use crate::clients::ServerUri;
use crate::error::ServiceError;
use crate::places::{IfMissing, Places};
use crate::server::Server;

/// What holds the documents of an application.
#[derive(Clone, Debug)]
pub enum DocumentPlace {
    /// The server of [`Places::server`], or else the file `documents.redb` in [`Places::state`].
    Default,
    /// Another server.
    Server(ServerUri),
    /// Another file.
    File(PathBuf),
}

impl Places {
    /// Opens the store of a collection: the one place where it is chosen.
    ///
    /// # Errors
    /// It is not there, cannot be opened, or the namespace holds users of Portcullis.
    pub async fn documents(
        &self,
        place: &DocumentPlace,
        namespace: &Namespace,
        missing: IfMissing,
    ) -> Result<Box<dyn DocumentStore>, ServiceError> {
        if let Some(server) = self.server_of(place, namespace).await? {
            return Ok(server.documents());
        }
        if let DocumentPlace::File(path) = place {
            return open_file(path, missing);
        }
        self.verify()?;
        if missing == IfMissing::Create {
            self.make_directory()?;
        }
        open_file(&self.state.join("documents.redb"), missing)
    }

    /// The server that has a collection, for what only a server can do.
    ///
    /// # Errors
    /// A file has it, or the server cannot be used.
    pub async fn documents_server(&self, place: &DocumentPlace, namespace: &Namespace) -> Result<Server, ServiceError> {
        self.server_of(place, namespace).await?.ok_or(ServiceError::NoChanges)
    }

    /// The server that has a collection; `None` if a file has it.
    async fn server_of(&self, place: &DocumentPlace, namespace: &Namespace) -> Result<Option<Server>, ServiceError> {
        match place {
            DocumentPlace::Server(uri) => {
                self.refuse_ours_anywhere(&namespace.to_string())?;
                Ok(Some(self.clients.connect(uri).await?))
            }
            DocumentPlace::File(_) => Ok(None),
            DocumentPlace::Default => {
                self.refuse_ours(&namespace.to_string())?;
                self.server().await
            }
        }
    }
}

fn open_file(path: &Path, missing: IfMissing) -> Result<Box<dyn DocumentStore>, ServiceError> {
    if missing == IfMissing::Refuse && !path.exists() {
        return Err(ServiceError::NoDocuments(path.to_owned()));
    }
    let store = EmbeddedDocuments::open(path);
    Ok(Box::new(store.map_err(|error| ServiceError::File { path: path.to_owned(), error })?))
}
