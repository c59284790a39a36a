use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use portcullis::endpoint::header_name;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::Verifier;

use super::address::{PRIVATE, PublicResolver, is_public};
use super::answers::HttpAnswers;
use super::digest;
use super::request::{HttpError, OutgoingRequest};
use crate::Options;

/// The HTTP client of functions, created when it is first used.
pub(crate) struct HttpClient {
    client: OnceLock<Result<Client, HttpError>>,
    private_addresses: bool,
    max_response: usize,
    answers: Option<Arc<HttpAnswers>>,
}

const MAX_REDIRECTS: usize = 10;

impl HttpClient {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            client: OnceLock::new(),
            private_addresses: options.private_addresses,
            max_response: options.response,
            answers: options.http_answers.clone(),
        }
    }

    fn client(&self) -> Result<Client, HttpError> {
        self.client.get_or_init(|| build(self.private_addresses)).clone()
    }

    /// Sends a request, and follows redirects if requested and allowed. Returns the object that functions see.
    pub(crate) async fn send(
        &self,
        request: OutgoingRequest,
        allow: impl Fn(&OutgoingRequest) -> Result<(), HttpError>,
    ) -> Result<Document, HttpError> {
        if let Some(answers) = &self.answers {
            return answers.answer(&request);
        }
        let client = self.client()?;
        let mut request = request;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.one(&client, &request).await?;
            if !request.redirects || !response.status().is_redirection() {
                return self.read(response).await;
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let Some(location) = location else { return self.read(response).await };
            let next = request.url.join(location).map_err(|_| HttpError::new("it redirects to an invalid URL"))?;
            if !matches!(next.scheme(), "http" | "https") {
                return Err(HttpError::new("it redirects to an address that is not one of http or https"));
            }
            if request.url.origin() != next.origin() {
                // Credentials must not be sent to other origins than the one that they were given for.
                request.credentials = None;
                request.headers.retain(|(name, _)| {
                    !["authorization", "cookie", "proxy-authorization"].contains(&name.to_ascii_lowercase().as_str())
                });
            }
            let status = response.status();
            if status == StatusCode::SEE_OTHER
                || (matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND) && request.method == "post")
            {
                if request.method != "head" {
                    request.method = "get";
                }
                request.body = None;
                request.shown_body = None;
                request.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
            }
            request.url = next;
            allow(&request)?;
        }
        Err(HttpError::new("too many redirects"))
    }

    /// Sends one request, and sends it again with credentials if the server responds with a digest challenge.
    async fn one(&self, client: &Client, request: &OutgoingRequest) -> Result<Response, HttpError> {
        self.check(&request.url)?;
        let response = self.once(client, request, None).await?;
        let Some((name, password)) = request.credentials.as_ref().filter(|_| request.digest) else {
            return Ok(response);
        };
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let uri = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let method = request.method.to_ascii_uppercase();
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let answer = challenges
            .filter_map(|challenge| challenge.to_str().ok())
            .find_map(|challenge| digest::answer(challenge, name, password, &method, &uri));
        match answer {
            Some(answer) => self.once(client, request, Some(answer)).await,
            None => Ok(response),
        }
    }

    async fn once(
        &self,
        client: &Client,
        request: &OutgoingRequest,
        authorization: Option<String>,
    ) -> Result<Response, HttpError> {
        let method = Method::from_bytes(request.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| HttpError::new("the method is not known"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| HttpError::new(format!("`{name}` is not the name of a header")))?;
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| HttpError::new(format!("the value of the header `{name}` has a control character")))?;
            headers.append(header, value);
        }
        let mut builder = client.request(method, request.url.clone()).headers(headers);
        match (authorization, &request.credentials) {
            (Some(answer), _) => builder = builder.header("Authorization", answer),
            (None, Some((name, password))) if !request.digest => builder = builder.basic_auth(name, Some(password)),
            _ => {}
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        builder.send().await.map_err(|error| HttpError::new(reason(&error.without_url())))
    }

    /// Checks IP addresses in URLs, which are not resolved and so bypass the resolver's check.
    fn check(&self, url: &Url) -> Result<(), HttpError> {
        if self.private_addresses {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !is_public(address) => Err(HttpError::new(PRIVATE)),
            _ => Ok(()),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Document, HttpError> {
        let status = response.status();
        let reason_phrase = status.canonical_reason().unwrap_or_default();
        let mut headers = Document::new();
        let mut cookies = Document::new();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if name == SET_COOKIE {
                add_cookie(&mut cookies, &value);
            }
            let name = header_name(name.as_str());
            match headers.get_mut(&name) {
                Some(Bson::Array(values)) => values.push(value.into()),
                _ => {
                    headers.insert(name, Bson::Array(vec![value.into()]));
                }
            }
        }
        let length = response.content_length().and_then(|length| i64::try_from(length).ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| HttpError::new(reason(&error.without_url())))? {
            if bytes.len().saturating_add(chunk.len()) > self.max_response {
                return Err(HttpError::new(format!("the response is larger than {} bytes", self.max_response)));
            }
            bytes.extend_from_slice(&chunk);
        }
        let length = length.unwrap_or_else(|| i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        Ok(doc! {
            "status": format!("{} {reason_phrase}", status.as_u16()).trim_end(),
            "statusCode": i64::from(status.as_u16()),
            "contentLength": length,
            "headers": headers,
            "cookies": cookies,
            "body": Binary { subtype: BinarySubtype::Generic, bytes },
        })
    }
}

/// Adds a `Set-Cookie` header as `{name: {value: …, path: …}}`.
fn add_cookie(cookies: &mut Document, header: &str) {
    let mut parts = header.split(';').map(str::trim);
    let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
    let mut cookie = doc! { "value": value };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        cookie.insert(key.to_ascii_lowercase(), value);
    }
    cookies.insert(name, cookie);
}

fn build(private_addresses: bool) -> Result<Client, HttpError> {
    let unavailable = |reason: String| HttpError::new(format!("the HTTP client cannot be started: {reason}"));
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(Arc::clone(&provider)).map_err(|error| unavailable(error.to_string()))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unavailable(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = Client::builder()
        .tls_backend_preconfigured(config)
        // A proxy would resolve names itself, bypassing the check.
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_secs(30))
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")));
    if !private_addresses {
        builder = builder.dns_resolver(PublicResolver);
    }
    builder.build().map_err(|error| unavailable(reason(&error)))
}

/// The innermost cause, which is the most specific.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the request timed out".to_owned();
    }
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    format!("the request failed: {reason}")
}
