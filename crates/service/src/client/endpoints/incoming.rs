use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bson::{Bson, Document, doc};
use portcullis::endpoint::header_name;
use portcullis::eval::Request;

use crate::client::ClientError;

/// The query parameter that contains a secret. Functions and rules do not see it.
pub(super) const SECRET: &str = "secret";

/// Limits password attempts. A caller that sends the correct password with every request does not use up attempts.
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
    /// The method in capital letters.
    pub method: String,
    /// The path after the application's address: `/orders` for an endpoint.
    pub route: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// The headers in order. Invalid UTF-8 in their values is replaced by U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: &'b [u8],
    /// The address of the sender, if known.
    pub remote_address: Option<IpAddr>,
    /// The limit on password attempts, if there is one.
    pub tries: Option<&'b dyn Tries>,
    /// The ID under which logs mention the request.
    pub id: Option<Arc<str>>,
}

/// Omits all values, which may be secrets.
impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("method", &self.method).field("route", &self.route).finish_non_exhaustive()
    }
}

impl Incoming<'_> {
    /// The values of a header; the case of its name does not matter.
    pub(super) fn header<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        let named = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The decoded query parameters, including the secret.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
    }

    /// The query as it was sent, without the secret; begins with `?` unless empty.
    fn query_without_secret(&self) -> String {
        let is_secret = |part: &&str| form_urlencoded::parse(part.as_bytes()).any(|(name, _)| name == SECRET);
        let kept: Vec<&str> = self.query.split('&').filter(|part| !is_secret(part)).collect();
        let kept = kept.join("&");
        if kept.is_empty() { kept } else { format!("?{kept}") }
    }

    /// The request as `%%request` and `context.request`. `action` is that of the Data API; for endpoints it is empty,
    /// as is the service.
    pub(super) fn request(&self, action: &str) -> Result<Request, ClientError> {
        let mut headers = Document::new();
        for (name, value) in &self.headers {
            match headers.entry(header_name(name)).or_insert_with(|| Bson::Array(Vec::new())) {
                Bson::Array(values) => values.push(value.as_str().into()),
                other => *other = Bson::Array(vec![value.as_str().into()]),
            }
        }
        let first = |name| self.header(name).next().unwrap_or_default();
        let mut fields = doc! {
            "httpMethod": self.method.as_str(),
            "httpReferrer": first("referer"),
            "httpUserAgent": first("user-agent"),
            "rawQueryString": self.query_without_secret(),
            "requestHeaders": headers,
            "service": "",
            "action": action,
            "webhookUrl": self.route.as_str(),
        };
        // If the address is unknown, a rule that reads it ends in an Error.
        if let Some(address) = self.remote_address {
            fields.insert("remoteIPAddress", address.to_string());
        }
        let request = Request::from_document(fields).map_err(ClientError::internal)?;
        Ok(match &self.id {
            Some(id) => request.with_id(Arc::clone(id)),
            None => request,
        })
    }
}
