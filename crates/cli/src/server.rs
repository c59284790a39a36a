use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use mongodb::Client;
use portcullis_store::mongodb::connect;

use super::trouble::Trouble;

/// A connection string, which may hold a password and is never shown.
#[derive(Clone)]
pub(super) struct ServerUri(String);

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

/// The clients of the work that runs now.
static CLIENTS: Mutex<Vec<Client>> = Mutex::new(Vec::new());

impl ServerUri {
    /// A client, which [`shut_down`] ends.
    pub(super) async fn connect(&self) -> Result<Client, Trouble> {
        let client = connect(&self.0).await?;
        CLIENTS.lock().unwrap_or_else(PoisonError::into_inner).push(client.clone());
        Ok(client)
    }
}

/// Ends the clients: the driver's tasks can panic where they outlast the runtime.
pub(super) async fn shut_down() {
    let clients = std::mem::take(&mut *CLIENTS.lock().unwrap_or_else(PoisonError::into_inner));
    for client in clients {
        client.shutdown().immediate(true).await;
    }
}
