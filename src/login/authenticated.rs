use std::fmt;
use std::time::Duration;

use crate::auth::Warning;
use crate::user::User;

/// The user who makes a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Authenticated {
    /// The user.
    pub user: User,
    /// The age of the user object.
    pub age: DataAge,
    /// Warnings to be logged.
    pub warnings: Vec<Warning>,
}

/// The age of a user object, including its custom data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataAge {
    /// Its source.
    pub source: DataSource,
    /// The time since it was read there, to the second if it comes from a token.
    pub age: Duration,
}

/// The source of a user object.
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
