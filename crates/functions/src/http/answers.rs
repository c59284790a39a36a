use std::sync::{Mutex, PoisonError};

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use portcullis::endpoint::header_name;
use reqwest::StatusCode;

use super::request::{HttpError, OutgoingRequest};

/// Canned responses for the HTTP client of functions, for tests of functions. Requests that match none of them fail.
#[derive(Debug, Default)]
pub struct HttpAnswers {
    answers: Vec<HttpAnswer>,
    asked: Mutex<Vec<String>>,
}

/// One canned response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The method in capital letters; `None` matches any.
    pub method: Option<String>,
    /// The complete URL of the request.
    pub url: String,
    /// The status code.
    pub status: u16,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpAnswers {
    /// Uses these responses. The first one that matches a request is returned, every time.
    #[must_use]
    pub const fn new(answers: Vec<HttpAnswer>) -> Self {
        Self { answers, asked: Mutex::new(Vec::new()) }
    }

    /// The requests so far, in order: `GET https://example.com/`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The object that a function sees as the response.
    pub(super) fn answer(&self, request: &OutgoingRequest) -> Result<Document, HttpError> {
        let method = request.method.to_ascii_uppercase();
        let url = request.url.as_str();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{method} {url}"));
        let fits = |answer: &&HttpAnswer| {
            answer.method.as_ref().is_none_or(|wanted| *wanted == method)
                && reqwest::Url::parse(&answer.url).is_ok_and(|wanted| wanted == request.url)
        };
        let Some(answer) = self.answers.iter().find(fits) else {
            return Err(HttpError::new(format!("no answer is given for {method} {url}")));
        };
        let phrase = StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
        let mut headers = Document::new();
        for (name, value) in &answer.headers {
            let name = header_name(name);
            match headers.get_mut(&name) {
                Some(Bson::Array(values)) => values.push(value.into()),
                _ => _ = headers.insert(name, vec![value.clone()]),
            }
        }
        Ok(doc! {
            "status": format!("{} {}", answer.status, phrase.unwrap_or_default()).trim_end(),
            "statusCode": i64::from(answer.status),
            "contentLength": i64::try_from(answer.body.len()).unwrap_or(i64::MAX),
            "headers": headers,
            "cookies": {},
            "body": Binary { subtype: BinarySubtype::Generic, bytes: answer.body.clone() },
        })
    }
}
