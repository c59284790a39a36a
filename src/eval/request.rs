//! `%%request`.

use std::collections::HashMap;

use bson::{Bson, Document};
use thiserror::Error;

/// `%%request`: a document with some or all of [`Request::FIELDS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub(super) fields: Document,
    /// The headers: lower-case names, each with an array of values.
    pub(super) headers: HashMap<String, Bson>,
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
        let mut request = Self::default();
        for (key, value) in document {
            if !Self::FIELDS.contains(&key.as_str()) {
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

    /// The fields as given to [`Self::from_document`].
    #[must_use]
    pub const fn fields(&self) -> &Document {
        &self.fields
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
