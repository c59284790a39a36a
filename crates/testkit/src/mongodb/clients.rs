//! The clients of a test, which are shut down in order before its runtime ends: otherwise a driver task that waits
//! for another one panics when the end of the runtime cancels the latter.

use std::cell::RefCell;

use mongodb::Client;
use mongodb::options::ClientOptions;
use portcullis_store::mongodb::ConnectError;

thread_local! {
    /// The clients of the test that this thread runs.
    static CLIENTS: RefCell<Vec<Client>> = const { RefCell::new(Vec::new()) };
}

/// Like the store's `connect`, for a client that [`shut_down`] will shut down.
pub async fn connect(uri: &str) -> Result<Client, ConnectError> {
    portcullis_store::mongodb::connect(uri).await.map(keep)
}

/// Like [`Client::with_options`], for a client that [`shut_down`] will shut down.
pub fn with_options(options: ClientOptions) -> Result<Client, mongodb::error::Error> {
    Client::with_options(options).map(keep)
}

fn keep(client: Client) -> Client {
    CLIENTS.with_borrow_mut(|clients| clients.push(client.clone()));
    client
}

/// Forgets the clients of a failed test, whose runtime no longer exists.
pub fn forget() {
    CLIENTS.take();
}

/// Shuts down the clients without waiting for resources such as cursors.
pub async fn shut_down() {
    for client in CLIENTS.take() {
        client.shutdown().immediate(true).await;
    }
}
