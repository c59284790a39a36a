use std::time::Duration;

use thiserror::Error;

/// How a key set is fetched and for how long it is kept.
#[derive(Clone, Debug)]
pub struct HttpsJwksOptions {
    /// For how long a set is taken for current: one hour.
    pub max_age: Duration,
    /// For how long a set is used while no newer one can be had: 24 hours.
    pub max_stale: Duration,
    /// How long after one attempt to fetch the next may follow: 30 seconds.
    pub pause: Duration,
    /// How long it may take to connect: 5 seconds.
    pub connect_timeout: Duration,
    /// How long all may take, to the last byte and with redirects: 10 seconds.
    pub timeout: Duration,
    /// How many redirects are followed, to HTTPS only: 3.
    pub max_redirects: usize,
    /// Certificates (DER) of the authorities that are trusted; the system's if there are none.
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

/// Why an address cannot be fetched from at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HttpsJwksError {
    /// Another scheme, no host, or a user in it.
    #[error("the address of a key set must begin with `https://` and have no user and password")]
    Address,
    /// A certificate that is none, or a system without trusted ones.
    #[error("the trusted certificates cannot be read: {0}")]
    Certificates(String),
    /// The library cannot be set up.
    #[error("cannot set up a client for HTTPS: {0}")]
    Client(String),
}
