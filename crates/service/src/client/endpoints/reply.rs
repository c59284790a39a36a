use std::fmt;

use bson::Bson;

use super::form::Form;
use crate::heavy::{in_place, weight};

/// The response to an HTTP request.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// The headers. Names may repeat.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

/// Omits the body, which is the user's.
impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl HttpReply {
    /// A response with a value in a format.
    pub(super) fn result(value: Bson, form: Form) -> Self {
        let headers = vec![("Content-Type".to_owned(), form.content_type().to_owned())];
        let body = in_place(weight(&value), || form.write(value));
        Self { status: 200, headers, body: Some(body.into_bytes()) }
    }
}
