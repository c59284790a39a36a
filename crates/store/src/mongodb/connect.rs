use std::time::Duration;

use ::mongodb::Client;
use ::mongodb::error::{Error, ErrorKind};
use ::mongodb::options::ClientOptions;
use thiserror::Error;
use tokio::time::timeout;

/// How long the driver looks for a suitable server, unless the connection string says otherwise.
const SERVER_SELECTION: Duration = Duration::from_secs(5);

/// The timeout for opening a connection, unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout for looking up the DNS records of a `mongodb+srv` address.
const DNS: Duration = Duration::from_secs(10);

/// The default limit of connections per server. The driver's default of 10 is soon exhausted by requests that wait for
/// a majority write concern.
const DEFAULT_POOL_SIZE: u32 = 100;

/// The limit of change-stream connections per server, unless the connection string sets a higher one. Further streams
/// wait for a free connection.
const STREAM_POOL_SIZE: u32 = 2000;

/// Why a connection string cannot be used. No part of the string is shown: if it is malformed, the password may be
/// anywhere in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It is not a connection string, or has an option that the driver does not support.
    #[error(
        "the connection string cannot be read: write `mongodb://user:password@host:27017/?option=value`, and \
         percent-encode `: / ? # [ ] @ %` in the user name and password"
    )]
    Unreadable,
    /// The DNS records that list the servers of `mongodb+srv://…` cannot be resolved.
    #[error("the DNS records of the connection string's `mongodb+srv` address cannot be resolved")]
    Dns,
    /// The TLS settings are invalid; for example, `tlsCAFile=…` names no certificate.
    #[error("the TLS settings of the connection string cannot be used: check the files that it names")]
    Tls,
}

/// Creates a client for a connection string, with the application name `portcullis`, TLS as the string says, and
/// timeouts of 5 seconds and at most 100 connections to each server unless the string sets others. It connects on first
/// use, so an unreachable server is only noticed then.
///
/// # Errors
/// The string cannot be used.
///
/// ```
/// # use portcullis_store::mongodb::{ConnectError, connect};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// assert!(connect("mongodb://localhost").await.is_ok());
/// assert_eq!(connect("mongodb://ada:s3cr3t@@/").await.unwrap_err(), ConnectError::Unreadable);
/// # });
/// ```
pub async fn connect(uri: &str) -> Result<Client, ConnectError> {
    let mut options = options(uri).await?;
    options.max_pool_size.get_or_insert(DEFAULT_POOL_SIZE);
    Client::with_options(options).map_err(|error| reason(&error))
}

/// Like [`connect`], but creates a client for change streams alone, which may have at least 2000 connections to each
/// server. An open stream occupies a connection while it waits for changes, so streams in the same pool would keep
/// requests waiting.
///
/// # Errors
/// The string cannot be used.
pub async fn connect_streams(uri: &str) -> Result<Client, ConnectError> {
    let mut options = options(uri).await?;
    options.max_pool_size = Some(options.max_pool_size.unwrap_or_default().max(STREAM_POOL_SIZE));
    options.min_pool_size = None;
    Client::with_options(options).map_err(|error| reason(&error))
}

async fn options(uri: &str) -> Result<ClientOptions, ConnectError> {
    let parsed = timeout(DNS, ClientOptions::parse(uri)).await;
    let mut options = parsed.map_err(|_| ConnectError::Dns)?.map_err(|error| reason(&error))?;
    options.app_name.get_or_insert_with(|| "portcullis".to_owned());
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    Ok(options)
}

fn reason(error: &Error) -> ConnectError {
    match *error.kind {
        ErrorKind::DnsResolve { .. } => ConnectError::Dns,
        ErrorKind::InvalidTlsConfig { .. } => ConnectError::Tls,
        _ => ConnectError::Unreadable,
    }
}
