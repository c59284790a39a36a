use std::fmt;
use std::time::Duration;

use crate::auth::Warning;
use crate::user::User;

/// The user who makes a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Authenticated {
    /// The user object.
    pub user: User,
    /// How old the user object is.
    pub age: DataAge,
    /// The warnings, for the log.
    pub warnings: Vec<Warning>,
}

/// How old a user object is, including its custom data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataAge {
    /// Where the user object comes from.
    pub source: DataSource,
    /// The time since it was read from there. For tokens, the resolution is one second.
    pub age: Duration,
}

/// Where a user object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// The access token.
    Token,
    /// The stores of users and custom data.
    Store,
}

impl fmt::Display for DataAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            DataSource::Token => "from the access token",
            DataSource::Store => "looked up",
        };
        match (self.source, self.age.as_secs()) {
            (DataSource::Store, 0) => write!(f, "{source} now"),
            (_, 1) => write!(f, "{source}, 1 second old"),
            (_, seconds) => write!(f, "{source}, {seconds} seconds old"),
        }
    }
}
