use std::path::{Path, PathBuf};

use mongodb::Client;
use portcullis::store::documents::{Namespace, Store};
use portcullis_store::EmbeddedDocuments;
use portcullis_store::mongodb::MongoDocuments;

use crate::clients::ServerUri;
use crate::error::ServiceError;
use crate::places::{IfMissing, Places};

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
    ) -> Result<Box<dyn Store>, ServiceError> {
        if let Some(client) = self.documents_client(place, namespace).await? {
            return Ok(Box::new(MongoDocuments::new(&client)));
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
    pub async fn documents_server(
        &self,
        place: &DocumentPlace,
        namespace: &Namespace,
    ) -> Result<MongoDocuments, ServiceError> {
        let client = self.documents_client(place, namespace).await?.ok_or(ServiceError::NoChanges)?;
        Ok(MongoDocuments::new(&client))
    }

    /// A client of the server that has a collection; `None` if a file has it.
    async fn documents_client(
        &self,
        place: &DocumentPlace,
        namespace: &Namespace,
    ) -> Result<Option<Client>, ServiceError> {
        match place {
            DocumentPlace::Server(uri) => {
                self.refuse_ours_anywhere(&namespace.to_string())?;
                Ok(Some(self.clients.connect(uri).await?))
            }
            DocumentPlace::File(_) => Ok(None),
            DocumentPlace::Default => {
                self.refuse_ours(&namespace.to_string())?;
                self.client().await
            }
        }
    }
}

fn open_file(path: &Path, missing: IfMissing) -> Result<Box<dyn Store>, ServiceError> {
    if missing == IfMissing::Refuse && !path.exists() {
        return Err(ServiceError::NoDocuments(path.to_owned()));
    }
    let store = EmbeddedDocuments::open(path);
    Ok(Box::new(store.map_err(|error| ServiceError::File { path: path.to_owned(), error })?))
}
