use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use mongodb::Client;
use portcullis::store::mongodb::connect;

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

impl ServerUri {
    pub(super) async fn connect(&self) -> Result<Client, Trouble> {
        Ok(connect(&self.0).await?)
    }
}
