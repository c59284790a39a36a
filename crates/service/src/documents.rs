use std::path::{Path, PathBuf};

use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis_store::EmbeddedDocuments;

use crate::clients::ServerUri;
use crate::error::ServiceError;
use crate::places::{IfMissing, Places};
use crate::server::Server;

/// The place of an application's documents.
#[derive(Clone, Debug)]
pub enum DocumentPlace {
    /// The server of [`Places::server`] if there is one, otherwise the file `documents.redb` in [`Places::state`].
    Default,
    /// Another server.
    Server(ServerUri),
    /// Another file.
    File(PathBuf),
}

/// The source of a collection's changes.
#[derive(Debug)]
pub enum ChangesPlace {
    /// A server, which reports changes while it is being watched.
    Server(Server),
    /// A file. Only one process at a time can open it, and while it is open, sees only its own changes.
    File(PathBuf),
}

impl Places {
    /// Opens the store of a collection. All callers choose the store here.
    ///
    /// # Errors
    /// The store does not exist or cannot be opened, or the namespace holds users of Portcullis.
    pub async fn documents(
        &self,
        place: &DocumentPlace,
        namespace: &Namespace,
        missing: IfMissing,
    ) -> Result<Box<dyn DocumentStore>, ServiceError> {
        if let Some(server) = self.server_of(place, namespace).await? {
            return Ok(server.documents());
        }
        let path = self.file_of(place, missing)?;
        Ok(Box::new(open_file(&path, missing)?))
    }

    /// The source of a collection's changes.
    ///
    /// # Errors
    /// The store does not exist, the server cannot be used, or the namespace holds users of Portcullis.
    pub async fn changes(&self, place: &DocumentPlace, namespace: &Namespace) -> Result<ChangesPlace, ServiceError> {
        if let Some(server) = self.server_of(place, namespace).await? {
            return Ok(ChangesPlace::Server(server));
        }
        let path = self.file_of(place, IfMissing::Refuse)?;
        if path.exists() { Ok(ChangesPlace::File(path)) } else { Err(ServiceError::NoDocuments(path)) }
    }

    /// The file of the documents, for places without a server.
    fn file_of(&self, place: &DocumentPlace, missing: IfMissing) -> Result<PathBuf, ServiceError> {
        if let DocumentPlace::File(path) = place {
            return Ok(path.clone());
        }
        self.verify()?;
        if missing == IfMissing::Create {
            self.make_directory()?;
        }
        Ok(self.state.join("documents.redb"))
    }

    /// The server of a collection; `None` if the documents are in a file.
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

impl ChangesPlace {
    /// Opens an existing file of documents.
    ///
    /// # Errors
    /// The file cannot be opened, or another process has it open.
    pub fn open(path: &Path) -> Result<EmbeddedDocuments, ServiceError> {
        open_file(path, IfMissing::Refuse)
    }
}

fn open_file(path: &Path, missing: IfMissing) -> Result<EmbeddedDocuments, ServiceError> {
    if missing == IfMissing::Refuse && !path.exists() {
        return Err(ServiceError::NoDocuments(path.to_owned()));
    }
    EmbeddedDocuments::open(path).map_err(|error| ServiceError::File { path: path.to_owned(), error })
}
