use portcullis::json::Node;

use super::incoming::Incoming;
use crate::client::{ClientError, ErrorCode, bearer_token};

/// Credentials for a single request.
pub(super) enum Credentials {
    /// An access token.
    Bearer(String),
    /// An address and a password.
    Password { email: String, password: String },
    /// An API key.
    Key(String),
    /// A third-party token.
    Token(String),
}

/// The error for missing or incomplete credentials.
pub(super) fn missing() -> ClientError {
    let text = "must specify some form of authentication (either email+password, api-key, or jwt) in the request header or body";
    ClientError::bad(ErrorCode::MissingParameter, text)
}

/// The error for several credentials: it is ambiguous which of them count.
pub(super) fn several() -> ClientError {
    ClientError::bad(ErrorCode::InvalidParameter, "only one form of authentication may be specified")
}

/// The credentials that a request may contain besides an access token.
#[derive(Default)]
struct Parts {
    email: Option<String>,
    password: Option<String>,
    key: Option<String>,
    token: Option<String>,
}

impl Parts {
    /// Sets one part. A second value for it is rejected, since it is ambiguous which of them counts.
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
    /// The credentials in the headers of a request. An `Authorization` header takes precedence, even if it is invalid.
    ///
    /// # Errors
    /// There are several kinds of credentials, or incomplete ones.
    pub(super) fn of_headers(incoming: &Incoming<'_>) -> Result<Option<Self>, ClientError> {
        let mut authorizations = incoming.header("authorization");
        if let Some(value) = authorizations.next() {
            if authorizations.next().is_some() {
                return Err(several());
            }
            // Without the scheme `Bearer`, it is not an access token.
            let token = bearer_token(value).unwrap_or_default();
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

    /// The credentials in the body of a webhook request.
    ///
    /// # Errors
    /// Those of [`of_headers`](Self::of_headers).
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
