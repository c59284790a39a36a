use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_store::{Embedded, WeakEmbedded};

use crate::error::ServiceError;
use crate::server::Server;

/// A MongoDB connection string. It may contain a password and is never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUri(String);

impl fmt::Debug for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl FromStr for ServerUri {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// The open connections. They must be closed before the runtime shuts down, since tasks of the driver that outlive it
/// can panic.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    servers: Arc<Mutex<Vec<(ServerUri, Server)>>>,
    /// The open files. They are shared, since each can be opened only once at a time.
    files: Arc<Mutex<Vec<(PathBuf, WeakEmbedded)>>>,
}

impl Clients {
    /// The open connection for a connection string, or a new one.
    ///
    /// # Errors
    /// The string is malformed, or this build has no driver.
    pub async fn connect(&self, uri: &ServerUri) -> Result<Server, ServiceError> {
        let open = |uri: &ServerUri| {
            let clients = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            clients.iter().find(|(opened, _)| opened == uri).map(|(_, server)| server.clone())
        };
        if let Some(server) = open(uri) {
            return Ok(server);
        }
        let server = Server::connect(&uri.0).await?;
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).push((uri.clone(), server.clone()));
        Ok(server)
    }

    /// The users and sessions of an application in a file, which is opened if necessary.
    pub(crate) fn embedded(&self, path: &Path, application: &str) -> Result<Embedded, ServiceError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = files.iter().find(|(opened, _)| opened == path).and_then(|(_, file)| file.of(application));
        if let Some(opened) = opened {
            return Ok(opened);
        }
        let failed = |error| ServiceError::File { path: path.to_owned(), error };
        let embedded = Embedded::open(path, application).map_err(failed)?;
        files.retain(|(known, _)| known != path);
        files.push((path.to_owned(), embedded.downgrade()));
        Ok(embedded)
    }

    /// Closes all connections at once, which ends open cursors.
    pub async fn shut_down(&self) {
        let opened = std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, server) in opened {
            server.shut_down().await;
        }
    }
}
