//! `%%request`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use bson::{Bson, Document};
use thiserror::Error;

/// `%%request`: a document with some or all of [`Request::FIELDS`], which all clones share.
#[derive(Clone)]
pub struct Request {
    parts: Arc<LazyLock<Parts, Box<dyn FnOnce() -> Parts + Send>>>,
    id: Option<Arc<str>>,
}

#[derive(Default, PartialEq)]
struct Parts {
    fields: Document,
    /// Header names in lower case, each with the array of its values.
    headers: HashMap<String, Bson>,
}

/// Why a document is not a valid request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A field that is not among [`Request::FIELDS`].
    #[error("`%%request` has no field `{0}`; it has {fields}", fields = Request::FIELDS.join(", "))]
    FieldUnknown(String),
    /// `requestHeaders` is not a document whose values are strings or arrays of strings.
    #[error("`requestHeaders` must be a document of arrays of strings")]
    Headers,
}

impl Request {
    /// The fields of `%%request`; any other property is Unknown.
    pub const FIELDS: [&'static str; 9] = [
        "httpMethod",
        "httpReferrer",
        "httpUserAgent",
        "rawQueryString",
        "remoteIPAddress",
        "requestHeaders",
        "service",
        "action",
        "webhookUrl",
    ];

    /// Validates a request. Header names are lowercased, and a header given as a string becomes an array with one
    /// value.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn from_document(document: Document) -> Result<Self, RequestError> {
        let parts = Parts::read(document)?;
        Ok(Self::of(Box::new(move || parts)))
    }

    /// A request whose document is computed on first use. If the document is not valid, the request has no fields.
    #[must_use]
    pub fn lazy(document: impl FnOnce() -> Document + Send + 'static) -> Self {
        Self::of(Box::new(move || Parts::read(document()).unwrap_or_default()))
    }

    fn of(read: Box<dyn FnOnce() -> Parts + Send>) -> Self {
        Self { parts: Arc::new(LazyLock::new(read)), id: None }
    }

    /// Sets the ID under which logs mention the request. No expression sees it.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The ID under which logs mention the request.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The fields as given.
    #[must_use]
    pub fn fields(&self) -> &Document {
        &self.parts.fields
    }

    /// Header names in lower case, each with the array of its values.
    pub(super) fn headers(&self) -> &HashMap<String, Bson> {
        &self.parts.headers
    }
}

impl Default for Request {
    fn default() -> Self {
        Self::of(Box::new(Parts::default))
    }
}

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        **self.parts == **other.parts
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("fields", self.fields()).finish_non_exhaustive()
    }
}

impl Parts {
    fn read(document: Document) -> Result<Self, RequestError> {
        let mut request = Self::default();
        for (key, value) in document {
            if !Request::FIELDS.contains(&key.as_str()) {
                return Err(RequestError::FieldUnknown(key));
            }
            if key == "requestHeaders" {
                let Bson::Document(headers) = &value else { return Err(RequestError::Headers) };
                for (name, values) in headers {
                    request.add_header(name, values)?;
                }
            }
            request.fields.insert(key, value);
        }
        Ok(request)
    }

    fn add_header(&mut self, name: &str, values: &Bson) -> Result<(), RequestError> {
        let entry = self.headers.entry(name.to_lowercase()).or_insert_with(|| Bson::Array(Vec::new()));
        let Bson::Array(all) = entry else { return Err(RequestError::Headers) };
        match values {
            Bson::String(_) => all.push(values.clone()),
            Bson::Array(values) if values.iter().all(|value| matches!(value, Bson::String(_))) => {
                all.extend(values.iter().cloned());
            }
            _ => return Err(RequestError::Headers),
        }
        Ok(())
    }
}
