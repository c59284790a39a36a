use portcullis::json::Node;

use super::incoming::Incoming;
use crate::client::{ClientError, ErrorCode};

/// How somebody says who they are, for one request.
pub(super) enum Credentials {
    /// An access token.
    Bearer(String),
    /// An address and a password.
    Password { email: String, password: String },
    /// An API key.
    Key(String),
    /// A token of the application's provider of tokens.
    Token(String),
}

/// What is told of credentials of which a part is missing, or all.
pub(super) fn missing() -> ClientError {
    let text = "must specify some form of authentication (either email+password, api-key, or jwt) in the request header or body";
    ClientError::bad(ErrorCode::MissingParameter, text)
}

/// What is told of several credentials, of which nobody says which count.
pub(super) fn several() -> ClientError {
    ClientError::bad(ErrorCode::InvalidParameter, "only one form of authentication may be specified")
}

/// What may stand in a request beside an access token.
#[derive(Default)]
struct Parts {
    email: Option<String>,
    password: Option<String>,
    key: Option<String>,
    token: Option<String>,
}

impl Parts {
    /// Takes one part; a second of its kind is refused, since it is not said which of them counts.
    fn put(place: &mut Option<String>, value: &str) -> Result<(), ClientError> {
        match place.replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(several()),
        }
    }

    fn credentials(self) -> Result<Option<Credentials>, ClientError> {
        let by_password = match (self.email, self.password) {
            (Some(email), Some(password)) => Some(Credentials::Password { email, password }),
            (None, None) => None,
            _ => return Err(missing()),
        };
        let given = [by_password, self.key.map(Credentials::Key), self.token.map(Credentials::Token)];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (first, None) => Ok(first),
            _ => Err(several()),
        }
    }
}

impl Credentials {
    /// Those in the headers of a request. An `Authorization` header counts before all others, also where it is wrong.
    ///
    /// # Errors
    /// Several ways at once, or half of one.
    pub(super) fn of_headers(incoming: &Incoming<'_>) -> Result<Option<Self>, ClientError> {
        let mut authorizations = incoming.header("authorization");
        if let Some(value) = authorizations.next() {
            if authorizations.next().is_some() {
                return Err(several());
            }
            // What is no bearer's is no token of ours.
            let token = value.strip_prefix("Bearer ").map(str::trim).unwrap_or_default();
            return Ok(Some(Self::Bearer(token.to_owned())));
        }
        let mut parts = Parts::default();
        for (name, value) in &incoming.headers {
            match name.to_ascii_lowercase().as_str() {
                "email" => Parts::put(&mut parts.email, value)?,
                "password" => Parts::put(&mut parts.password, value)?,
                "apikey" | "api-key" => Parts::put(&mut parts.key, value)?,
                "jwttokenstring" => Parts::put(&mut parts.token, value)?,
                _ => {}
            }
        }
        parts.credentials()
    }

    /// Those in the body of a webhook.
    ///
    /// # Errors
    /// As [`of_headers`](Self::of_headers).
    pub(super) fn of_body(body: Option<&Node>) -> Result<Option<Self>, ClientError> {
        let mut parts = Parts::default();
        for member in body.and_then(Node::as_object).unwrap_or_default() {
            let Some(value) = member.value.as_str() else { continue };
            match member.key.as_str() {
                "email" => Parts::put(&mut parts.email, value)?,
                "password" => Parts::put(&mut parts.password, value)?,
                "apiKey" | "api-key" => Parts::put(&mut parts.key, value)?,
                "jwtTokenString" => Parts::put(&mut parts.token, value)?,
                _ => {}
            }
        }
        parts.credentials()
    }
}
