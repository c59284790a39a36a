use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ipnet::IpNet;
use portcullis::json::Node;
use portcullis_service::client::{ClientApi, ClientError, ErrorClass};
use tokio::sync::Semaphore;

use crate::access::AccessKey;
use crate::around::BESIDES_CALLS;
use crate::metrics::Metrics;
use crate::observe::MAX_CONCURRENT_REQUESTS;
use crate::peer::Client;
use crate::rate_limits::{Attempt, Limits, RateLimits};
use crate::reply::Failure;
use crate::streams::Streams;

/// The applications that are served together, with the state of the server. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    applications: RwLock<Arc<Applications>>,
    options: Options,
    limits: Option<Limits>,
    metrics: Metrics,
    requests: Semaphore,
    under_way: Arc<Semaphore>,
    streams: Streams,
}

/// Options of the server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The address under which clients reach the server: `https://example.com`. By default, the one to which they sent
    /// their request.
    pub public_url: Option<String>,
    /// Whether the server itself speaks TLS.
    pub is_tls: bool,
    /// The proxies whose forwarded headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The limits on login attempts; `None` for no limits.
    pub rate_limits: Option<RateLimits>,
    /// The keys that permit asking for decisions about users. If empty, the paths for that do not exist.
    pub access_keys: Vec<AccessKey>,
    /// Whether callers of endpoints see why a function failed, for development. By default, only the log contains the
    /// reason.
    pub shows_function_errors: bool,
}

/// The applications by their IDs.
struct Applications {
    by_id: HashMap<String, Arc<Application>>,
    /// The time limit of a request.
    patience: Duration,
}

impl Applications {
    fn new(apis: Vec<ClientApi>) -> Arc<Self> {
        let calls = apis.iter().map(|api| api.functions().time_limit()).max().unwrap_or_default();
        Arc::new(Self { by_id: by_id(apis), patience: calls.saturating_add(BESIDES_CALLS) })
    }
}

pub(crate) struct Application {
    pub(crate) api: Arc<ClientApi>,
    /// The origins from which browsers may send requests; `None` for all.
    pub(crate) origins: Option<Vec<String>>,
}

impl State {
    /// Serves these applications.
    #[must_use]
    pub fn new(applications: Vec<ClientApi>, options: Options) -> Self {
        let public_url = options.public_url.map(|url| url.trim_end_matches('/').to_owned());
        let options = Options { public_url, ..options };
        Self(Arc::new(Inner {
            applications: RwLock::new(Applications::new(applications)),
            limits: options.rate_limits.map(Limits::new),
            options,
            metrics: Metrics::new(),
            requests: Semaphore::new(MAX_CONCURRENT_REQUESTS),
            under_way: Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS)),
            streams: Streams::new(),
        }))
    }

    /// Replaces the applications. Open streams keep the rules that they started with until they end.
    pub fn replace(&self, applications: Vec<ClientApi>) {
        let applications = Applications::new(applications);
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

    /// Limits the work that continues even if its client disconnects.
    pub(crate) fn under_way(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.under_way)
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// Counts an attempt of a client, if attempts are limited; an error if it exceeds a limit.
    pub(crate) fn check(&self, app: &str, client: &Client, attempt: Attempt<'_>) -> Result<(), Failure> {
        let Some(limits) = &self.0.limits else { return Ok(()) };
        let checked = limits.check(app, client.network(), attempt);
        if checked.is_err() {
            self.metrics().refused("attempts");
        }
        checked
    }

    /// The limits on attempts, if there are any.
    pub(crate) fn limits(&self) -> Option<&Limits> {
        self.0.limits.as_ref()
    }

    fn applications(&self) -> Arc<Applications> {
        Arc::clone(&self.0.applications.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The time limit of a request.
    pub(crate) fn patience(&self) -> Duration {
        self.0.applications.read().unwrap_or_else(PoisonError::into_inner).patience
    }

    pub(crate) fn all(&self) -> Vec<Arc<Application>> {
        self.applications().by_id.values().map(Arc::clone).collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Application>> {
        self.applications().by_id.get(id).map(Arc::clone)
    }

    /// The application with the id that a client names.
    pub(crate) fn api(&self, id: &str) -> Result<Arc<ClientApi>, ClientError> {
        let unknown = || {
            let shown: String = id.chars().take(128).collect();
            let message = format!("cannot find app using Client App ID '{shown}'");
            ClientError::plain(ErrorClass::NotFound, message)
        };
        Ok(Arc::clone(&self.find(id).ok_or_else(unknown)?.api))
    }

    /// The application that an unverified token claims to be for. The application itself verifies the token.
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

/// `allowed_request_origins` in the application's own configuration file. An empty list allows all origins. If the list
/// is malformed, only its valid entries are allowed.
fn origins(api: &ClientApi) -> Option<Vec<String>> {
    let node = &api.app().config.present()?.node;
    let security = node.get("security").and_then(|security| security.get("allowed_request_origins"));
    let listed = security.or_else(|| node.get("allowed_request_origins"))?;
    let Some(listed) = listed.as_array() else { return Some(Vec::new()) };
    let origins = || listed.iter().filter_map(Node::as_str).map(str::to_owned).collect();
    (!listed.is_empty()).then(origins)
}
