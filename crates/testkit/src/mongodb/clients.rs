//! The clients of a test, shut down in order before its runtime ends: a task of the driver that waits for another of its tasks
//! panics where the end of the runtime cancels that one.

use std::cell::RefCell;

use mongodb::Client;
use mongodb::options::ClientOptions;
use portcullis_store::mongodb::ConnectError;

thread_local! {
    /// Those of the test that this thread runs.
    static CLIENTS: RefCell<Vec<Client>> = const { RefCell::new(Vec::new()) };
}

/// As the store's own `connect`, for a client that [`shut_down`] ends.
pub async fn connect(uri: &str) -> Result<Client, ConnectError> {
    portcullis_store::mongodb::connect(uri).await.map(keep)
}

/// As [`Client::with_options`], for a client that [`shut_down`] ends.
pub fn with_options(options: ClientOptions) -> Result<Client, mongodb::error::Error> {
    Client::with_options(options).map(keep)
}

fn keep(client: Client) -> Client {
    CLIENTS.with_borrow_mut(|clients| clients.push(client.clone()));
    client
}

/// Forgets the clients of a test that failed, whose runtime is gone.
pub fn forget() {
    CLIENTS.take();
}

/// Ends the clients; what they still hold, such as cursors, is not waited for.
pub async fn shut_down() {
    for client in CLIENTS.take() {
        client.shutdown().immediate(true).await;
    }
}
