use std::collections::HashMap;
use std::sync::Arc;

use portcullis::json::Node;
use portcullis_service::client::{ClientApi, ClientError, ErrorClass};

/// The applications that are served together.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    applications: HashMap<String, Application>,
    options: Options,
}

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Under which address clients reach the server, `https://example.com`; without it, the one to which they sent their request.
    pub public_url: Option<String>,
}

pub(crate) struct Application {
    pub(crate) api: Arc<ClientApi>,
    /// The origins from which browsers may ask; none: all.
    pub(crate) origins: Vec<String>,
}

impl State {
    /// These applications.
    #[must_use]
    pub fn new(applications: Vec<ClientApi>, options: Options) -> Self {
        let options = Options { public_url: options.public_url.map(|url| url.trim_end_matches('/').to_owned()) };
        let with_id =
            |api: ClientApi| (api.id().to_owned(), Application { origins: origins(&api), api: Arc::new(api) });
        Self(Arc::new(Inner { applications: applications.into_iter().map(with_id).collect(), options }))
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Application> {
        self.0.applications.get(id)
    }

    /// The application of an id that a client names.
    pub(crate) fn api(&self, id: &str) -> Result<&Arc<ClientApi>, ClientError> {
        let unknown = || {
            let shown: String = id.chars().take(128).collect();
            let message = format!("cannot find app using Client App ID '{shown}'");
            ClientError::plain(ErrorClass::NotFound, message)
        };
        Ok(&self.find(id).ok_or_else(unknown)?.api)
    }

    /// The application that a token says it is of. That it is so is verified there.
    pub(crate) fn api_of(&self, token: &str) -> Result<&Arc<ClientApi>, ClientError> {
        let id = ClientApi::application_of(token);
        let application = id.and_then(|id| self.find(&id));
        let refused = || ClientError::plain(ErrorClass::Unauthorized, "unauthorized");
        Ok(&application.ok_or_else(refused)?.api)
    }
}

/// `allowed_request_origins` of an application's own file.
fn origins(api: &ClientApi) -> Vec<String> {
    let Some(config) = api.app().config.present() else { return Vec::new() };
    let security = config.node.get("security").and_then(|security| security.get("allowed_request_origins"));
    let listed = security.or_else(|| config.node.get("allowed_request_origins")).and_then(Node::as_array);
    listed.into_iter().flatten().filter_map(|origin| origin.as_str()).map(str::to_owned).collect()
}
