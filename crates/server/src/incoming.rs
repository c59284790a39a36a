use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use portcullis_service::client::{Incoming, Tries};

use crate::observe::RequestId;
use crate::peer::Client;

/// A request in the form that endpoints and the Data API take. `route` is the path after the application's address.
pub(crate) fn incoming<'b>(
    parts: &Parts,
    client: &Client,
    route: String,
    body: &'b [u8],
    tries: &'b dyn Tries,
) -> Incoming<'b> {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Incoming {
        method: parts.method.as_str().to_owned(),
        route,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(header).collect(),
        body,
        remote_address: Some(client.address),
        tries: Some(tries),
        id: parts.extensions.get::<RequestId>().map(|RequestId(id)| Arc::clone(id)),
    }
}
