use std::time::Duration;

use thiserror::Error;

/// How a key set is fetched, and for how long it is cached.
#[derive(Clone, Debug)]
pub struct HttpsJwksOptions {
    /// How long a set counts as fresh: one hour by default.
    pub max_age: Duration,
    /// How long a set is used if no newer one can be fetched: 24 hours by default.
    pub max_stale: Duration,
    /// The minimum time between two attempts to fetch: 30 seconds by default.
    pub pause: Duration,
    /// The timeout for connecting: 5 seconds by default.
    pub connect_timeout: Duration,
    /// The timeout for the whole request, including redirects and the body: 10 seconds by default.
    pub timeout: Duration,
    /// The maximum number of redirects, which are followed to HTTPS only: 3 by default.
    pub max_redirects: usize,
    /// DER certificates of the trusted authorities; if empty, those of the system are trusted.
    pub root_certificates: Vec<Vec<u8>>,
}

impl Default for HttpsJwksOptions {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(60 * 60),
            max_stale: Duration::from_secs(24 * 60 * 60),
            pause: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            max_redirects: 3,
            root_certificates: Vec::new(),
        }
    }
}

/// Why an address cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HttpsJwksError {
    /// The scheme is not `https`, there is no host, or the URL contains a user.
    #[error("the address of a key set must begin with `https://` and have no user and password")]
    Address,
    /// One of the certificates is invalid, or the system has no trusted ones.
    #[error("the trusted certificates cannot be read: {0}")]
    Certificates(String),
    /// The HTTP client cannot be set up.
    #[error("cannot set up a client for HTTPS: {0}")]
    Client(String),
}
