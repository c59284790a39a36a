use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ipnet::IpNet;
use portcullis::json::Node;
use portcullis_service::client::{ClientApi, ClientError, ErrorClass};
use tokio::sync::Semaphore;

use crate::access::AccessKey;
use crate::metrics::Metrics;
use crate::observe::AT_ONCE;
use crate::peer::Client;
use crate::rate_limits::{Attempt, Limits, RateLimits};
use crate::reply::Failure;
use crate::streams::Streams;

/// The applications that are served together.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    applications: RwLock<Arc<HashMap<String, Arc<Application>>>>,
    options: Options,
    limits: Option<Limits>,
    metrics: Metrics,
    requests: Semaphore,
    under_way: Arc<Semaphore>,
    streams: Streams,
}

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Under which address clients reach the server, `https://example.com`; without it, the one to which they sent their request.
    pub public_url: Option<String>,
    /// Whether the server itself speaks TLS.
    pub is_tls: bool,
    /// The proxies whose forwarded headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// How often clients may try to log in; `None` if there is no limit.
    pub rate_limits: Option<RateLimits>,
    /// Who may ask for decisions about users; if nobody may, those paths do not exist.
    pub access_keys: Vec<AccessKey>,
    /// Whether callers of endpoints are told how a function failed, which else only the log says: for development.
    pub shows_function_errors: bool,
}

pub(crate) struct Application {
    pub(crate) api: Arc<ClientApi>,
    /// The origins from which browsers may ask; `None` if all may.
    pub(crate) origins: Option<Vec<String>>,
}

impl State {
    /// These applications.
    #[must_use]
    pub fn new(applications: Vec<ClientApi>, options: Options) -> Self {
        let public_url = options.public_url.map(|url| url.trim_end_matches('/').to_owned());
        let options = Options { public_url, ..options };
        Self(Arc::new(Inner {
            applications: RwLock::new(Arc::new(by_id(applications))),
            limits: options.rate_limits.map(Limits::new),
            options,
            metrics: Metrics::new(),
            requests: Semaphore::new(AT_ONCE),
            under_way: Arc::new(Semaphore::new(AT_ONCE)),
            streams: Streams::new(),
        }))
    }

    /// Serves these applications from now on. Streams that are open keep the rules under which they began until they end.
    pub fn replace(&self, applications: Vec<ClientApi>) {
        let applications = Arc::new(by_id(applications));
        *self.0.applications.write().unwrap_or_else(PoisonError::into_inner) = applications;
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn requests(&self) -> &Semaphore {
        &self.0.requests
    }

    /// What limits the work that is done to its end.
    pub(crate) fn under_way(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.under_way)
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// Counts what a client tries, if that is limited.
    pub(crate) fn check(&self, app: &str, client: &Client, attempt: Attempt<'_>) -> Result<(), Failure> {
        let Some(limits) = &self.0.limits else { return Ok(()) };
        let checked = limits.check(app, client.network(), attempt);
        if checked.is_err() {
            self.metrics().refused("attempts");
        }
        checked
    }

    /// What limits tries, if they are limited.
    pub(crate) fn limits(&self) -> Option<&Limits> {
        self.0.limits.as_ref()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Application>> {
        self.0.applications.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Application>> {
        self.0.applications.read().unwrap_or_else(PoisonError::into_inner).get(id).map(Arc::clone)
    }

    /// The application of an id that a client names.
    pub(crate) fn api(&self, id: &str) -> Result<Arc<ClientApi>, ClientError> {
        let unknown = || {
            let shown: String = id.chars().take(128).collect();
            let message = format!("cannot find app using Client App ID '{shown}'");
            ClientError::plain(ErrorClass::NotFound, message)
        };
        Ok(Arc::clone(&self.find(id).ok_or_else(unknown)?.api))
    }

    /// The application that a token says it is of. That it is so is verified there.
    pub(crate) fn api_of(&self, token: &str) -> Result<Arc<ClientApi>, ClientError> {
        let id = ClientApi::application_of(token);
        let application = id.and_then(|id| self.find(&id));
        let refused = || ClientError::plain(ErrorClass::Unauthorized, "unauthorized");
        Ok(Arc::clone(&application.ok_or_else(refused)?.api))
    }
}

fn by_id(applications: Vec<ClientApi>) -> HashMap<String, Arc<Application>> {
    let with_id =
        |api: ClientApi| (api.id().to_owned(), Arc::new(Application { origins: origins(&api), api: Arc::new(api) }));
    applications.into_iter().map(with_id).collect()
}

/// `allowed_request_origins` of an application's own file.
/// An empty list allows all. What is there and is no list of origins allows none but those that it has.
fn origins(api: &ClientApi) -> Option<Vec<String>> {
    let node = &api.app().config.present()?.node;
    let security = node.get("security").and_then(|security| security.get("allowed_request_origins"));
    let listed = security.or_else(|| node.get("allowed_request_origins"))?;
    let Some(listed) = listed.as_array() else { return Some(Vec::new()) };
    let origins = || listed.iter().filter_map(Node::as_str).map(str::to_owned).collect();
    (!listed.is_empty()).then(origins)
}
