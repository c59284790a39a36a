use std::error::Error as _;
use std::sync::Arc;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, StatusCode, Url};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::{HttpsJwksError, HttpsJwksOptions};
use portcullis::auth::token::{JwkSet, JwkSetError, JwksError, MAX_JWK_SET_SIZE};

/// Fetches a key set from one address.
#[derive(Debug)]
pub(super) struct Fetch {
    client: Client,
    url: Url,
    /// The address as it may appear in messages.
    pub(super) shown: String,
}

impl Fetch {
    pub(super) fn new(address: &str, options: &HttpsJwksOptions) -> Result<Self, HttpsJwksError> {
        let url = Url::parse(address).map_err(|_| HttpsJwksError::Address)?;
        if url.scheme() != "https" || !url.has_host() || !url.username().is_empty() || url.password().is_some() {
            return Err(HttpsJwksError::Address);
        }
        let max_redirects = options.max_redirects;
        let client = Client::builder()
            .tls_backend_preconfigured(tls(options)?)
            .https_only(true)
            .redirect(Policy::custom(move |attempt| redirect(attempt, max_redirects)))
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| HttpsJwksError::Client(reason(&error.without_url())))?;
        let shown = shown(&url);
        Ok(Self { client, url, shown })
    }

    pub(super) async fn fetch(&self) -> Result<JwkSet, JwksError> {
        let unavailable = |error: reqwest::Error| self.unavailable(reason(&error.without_url()));
        let mut response = self.client.get(self.url.clone()).send().await.map_err(unavailable)?;
        if response.status() != StatusCode::OK {
            return Err(self.unavailable(format!("it responded with status {}", response.status().as_u16())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
            if body.len().saturating_add(chunk.len()) > MAX_JWK_SET_SIZE {
                return Err(self.malformed(JwkSetError::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        JwkSet::parse(&body).map_err(|reason| self.malformed(reason))
    }

    pub(super) fn unavailable(&self, reason: impl Into<String>) -> JwksError {
        JwksError::Unavailable { address: self.shown.clone(), reason: reason.into() }
    }

    fn malformed(&self, reason: JwkSetError) -> JwksError {
        JwksError::Malformed { address: self.shown.clone(), reason }
    }
}

/// The crypto provider and the root certificates are set explicitly, so that they do not depend on what else the
/// process has installed.
fn tls(options: &HttpsJwksOptions) -> Result<ClientConfig, HttpsJwksError> {
    let certificates = |error: rustls::Error| HttpsJwksError::Certificates(error.to_string());
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpsJwksError::Client(error.to_string()))?;
    let mut config = if options.root_certificates.is_empty() {
        let verifier = Verifier::new(provider).map_err(certificates)?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
    } else {
        let mut roots = RootCertStore::empty();
        for certificate in &options.root_certificates {
            roots.add(CertificateDer::from(certificate.clone())).map_err(certificates)?;
        }
        builder.with_root_certificates(roots).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn redirect(attempt: Attempt<'_>, max_redirects: usize) -> reqwest::redirect::Action {
    // The first of the previous addresses is the original one, not a redirect.
    if attempt.previous().len() > max_redirects {
        return attempt.error("too many redirects");
    }
    if attempt.url().scheme() != "https" {
        return attempt.error("a redirect to an address that is not HTTPS");
    }
    attempt.follow()
}

/// The URL without user, password, query and fragment.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The innermost cause, which is the most specific; only outer ones contain addresses.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it timed out".to_owned();
    }
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    reason
}
