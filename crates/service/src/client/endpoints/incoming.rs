use std::fmt;
use std::net::IpAddr;

use bson::{Bson, Document, doc};
use portcullis::eval::Request;

use crate::client::ClientError;

/// The query parameter with a secret, which functions and rules do not see.
pub(super) const SECRET: &str = "secret";

/// Limits attempts with passwords. A caller that sends the correct one with every request does not use up attempts.
pub trait Tries: Send + Sync {
    /// Counts an attempt for an account, unless the same password was correct a while ago.
    ///
    /// # Errors
    /// There were too many.
    fn begin(&self, account: &str, password: &str) -> Result<(), ClientError>;

    /// Records that the password was correct.
    fn succeeded(&self, account: &str, password: &str);
}

/// An HTTP request as received.
#[derive(Clone, Default)]
pub struct Incoming<'b> {
    /// The method, in capitals.
    pub method: String,
    /// The path after the application's address: `/orders` for an endpoint.
    pub route: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// The headers in their order; of a value that is no UTF-8, what is.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: &'b [u8],
    /// The address of its sender, if known.
    pub remote_address: Option<IpAddr>,
    /// The limit on password attempts, if there is one.
    pub tries: Option<&'b dyn Tries>,
}

/// Without values, which may be secrets.
impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("method", &self.method).field("route", &self.route).finish_non_exhaustive()
    }
}

impl Incoming<'_> {
    /// The values of a header, whose name is matched without regard to case.
    pub(super) fn header<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        let named = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The parameters of the query, decoded, the secret among them.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
    }

    /// The query as it was sent, with `?` if there is one, without the secret.
    fn told_query(&self) -> String {
        let is_secret = |part: &&str| form_urlencoded::parse(part.as_bytes()).any(|(name, _)| name == SECRET);
        let told: Vec<&str> = self.query.split('&').filter(|part| !is_secret(part)).collect();
        let told = told.join("&");
        if told.is_empty() { told } else { format!("?{told}") }
    }

    /// `%%request` and `context.request`. `action` is that of the Data API; endpoints have none, and no service.
    pub(super) fn request(&self, action: &str) -> Result<Request, ClientError> {
        let mut headers = Document::new();
        for (name, value) in &self.headers {
            match headers.entry(canonical(name)).or_insert_with(|| Bson::Array(Vec::new())) {
                Bson::Array(values) => values.push(value.as_str().into()),
                other => *other = Bson::Array(vec![value.as_str().into()]),
            }
        }
        let first = |name| self.header(name).next().unwrap_or_default();
        let mut fields = doc! {
            "httpMethod": self.method.as_str(),
            "httpReferrer": first("referer"),
            "httpUserAgent": first("user-agent"),
            "rawQueryString": self.told_query(),
            "requestHeaders": headers,
            "service": "",
            "action": action,
            "webhookUrl": self.route.as_str(),
        };
        // Where it is not known, a rule that asks for it ends in an Error.
        if let Some(address) = self.remote_address {
            fields.insert("remoteIPAddress", address.to_string());
        }
        Request::from_document(fields).map_err(ClientError::internal)
    }
}

/// A header's name as functions see it: `Content-Type`.
fn canonical(name: &str) -> String {
    let mut begins = true;
    let letter = |c: char| {
        let written = if begins { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        begins = c == '-';
        written
    };
    name.chars().map(letter).collect()
}
