use std::collections::HashMap;

use portcullis::App;
use portcullis::app::{ConfigPart, Endpoint, Secrets};
use portcullis::endpoint::{
    DataApiConfig, EndpointConfig, EndpointError, Method, Methods, RunAs, SharedSecret, Validation, WebhookConfig,
};
use portcullis_functions::Library;

use super::validation::value;
use crate::client::{ClientError, ErrorCode};

/// The endpoints, webhooks and the Data API of an application.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The ones that are served: `GET /orders`.
    pub served: Vec<String>,
    /// The ones that reject every request, with the reason.
    pub refused: Vec<(String, String)>,
    pub(super) data_api: Entry<DataApiConfig>,
    /// By route.
    endpoints: HashMap<String, Vec<(Methods, Entry<ServedEndpoint>)>>,
    /// By service and name.
    webhooks: HashMap<(String, String), Entry<WebhookConfig>>,
}

/// The state of an endpoint, a webhook or the Data API.
#[derive(Clone, Debug, Default)]
pub(super) enum Entry<C> {
    /// It does not exist, or is disabled.
    #[default]
    Absent,
    /// Its configuration is invalid: every request is rejected.
    Refused(Refusal),
    /// It is served.
    Served(C),
}

/// How requests to something with an invalid configuration are rejected. Callers are not told what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// As if the request did not prove who sent it: it is unknown what callers would have to prove.
    Unauthorized,
    /// As if it did not exist.
    Absent,
}

impl Refusal {
    /// The error that callers receive, given the code of failed validations and the error for something that does not
    /// exist.
    pub(super) fn error(self, unauthorized: ErrorCode, absent: ClientError) -> ClientError {
        let mut error = match self {
            Self::Unauthorized => ClientError::unauthorized(unauthorized),
            Self::Absent => absent,
        };
        error.private = Some("it cannot be served as configured; see `portcullis check`".to_owned());
        error
    }
}

/// A reason that prevents something from being served.
struct Reason {
    text: String,
    refusal: Refusal,
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { text, refusal: Refusal::Absent }
    }
}

/// An endpoint, and the user that its function runs as.
#[derive(Clone, Debug)]
pub(super) struct ServedEndpoint {
    pub(super) config: EndpointConfig,
    pub(super) run_as: RunAs,
}

/// The result of looking up a route and a method.
pub(super) enum Found<'e> {
    Nothing,
    OtherMethod,
    Entry(&'e Entry<ServedEndpoint>),
}

impl Entries {
    /// The endpoints, webhooks and Data API of an application.
    pub(crate) fn of(app: &App, secrets: &Secrets, library: &Library) -> Self {
        let mut entries = Self::default();
        entries.data_api = entries.read_data_api(&app.data_api, secrets, library);
        for endpoint in &app.endpoints {
            match &endpoint.service {
                Some(service) => entries.read_webhook(service, endpoint, secrets),
                None => entries.read_endpoint(app, endpoint, secrets),
            }
        }
        entries
    }

    /// Looks up the endpoint for a route and a method. A specific method takes precedence over `*`.
    pub(super) fn endpoint(&self, route: &str, method: Option<Method>) -> Found<'_> {
        let Some(known) = self.endpoints.get(route) else { return Found::Nothing };
        let Some(method) = method else { return Found::OtherMethod };
        let mut taking: Vec<_> = known.iter().filter(|(methods, _)| methods.take(method)).collect();
        taking.sort_by_key(|(methods, _)| *methods == Methods::Any);
        taking.first().map_or(Found::OtherMethod, |(_, entry)| Found::Entry(entry))
    }

    pub(super) fn webhook(&self, service: &str, name: &str) -> Option<&Entry<WebhookConfig>> {
        self.webhooks.get(&(service.to_owned(), name.to_owned()))
    }

    fn read_data_api(&mut self, part: &ConfigPart, secrets: &Secrets, library: &Library) -> Entry<DataApiConfig> {
        let config = match part {
            ConfigPart::Absent => return Entry::Absent,
            ConfigPart::Present(file) => DataApiConfig::compile(&file.node).map_err(|errors| first(&errors)),
            _ => Err("its configuration does not load".to_owned().into()),
        };
        let config = match config {
            Ok(config) if config.is_disabled => return Entry::Absent,
            config => config,
        };
        let unmet = config.as_ref().ok().and_then(|config| {
            let unmet = unmet(&config.validation, secrets);
            unmet.or_else(|| broken_script(&config.run_as, library))
        });
        self.note("the Data API".to_owned(), config, unmet)
    }

    fn read_endpoint(&mut self, app: &App, endpoint: &Endpoint, secrets: &Secrets) {
        let node = &endpoint.config.node;
        let said = node.get("http_method").and_then(|node| node.as_str()).unwrap_or("*");
        let config = match EndpointConfig::compile(node) {
            Ok(config) if config.is_disabled => return,
            Ok(config) => {
                let function = app.functions.iter().find(|function| function.name == config.function);
                match function {
                    Some(function) => Ok(ServedEndpoint { run_as: RunAs::of_function(&function.config.node), config }),
                    None => Err(format!("there is no function `{}`", config.function).into()),
                }
            }
            Err(errors) => Err(first(&errors)),
        };
        // If the method is invalid, reject all methods that no other endpoint of this route accepts.
        let methods = Methods::from_name(said).unwrap_or(Methods::Any);
        let name = format!("{} {}", methods.name(), endpoint.name);
        let known = self.endpoints.entry(endpoint.name.clone()).or_default();
        if let Some((_, first)) = known.iter_mut().find(|(other, _)| *other == methods) {
            *first = Entry::Refused(Refusal::Absent);
            self.served.retain(|served| *served != name);
            self.refused.push((name, "several endpoints have this route and method".to_owned()));
            return;
        }
        let unmet = config.as_ref().ok().and_then(|served| unmet(&served.config.validation, secrets));
        let entry = self.note(name, config, unmet);
        self.endpoints.entry(endpoint.name.clone()).or_default().push((methods, entry));
    }

    fn read_webhook(&mut self, service: &str, endpoint: &Endpoint, secrets: &Secrets) {
        let config = match WebhookConfig::compile(&endpoint.config.node) {
            Ok(config) if config.is_disabled => return,
            Ok(config) => match endpoint.parsing_service() {
                Some(kind) => {
                    Err(format!("webhooks of `{kind}` services get a parsed payload, which is not supported").into())
                }
                None if endpoint.script.is_none() => Err("it has no source.js".to_owned().into()),
                None => Ok(config),
            },
            Err(errors) => Err(first(&errors)),
        };
        let name = format!("webhook {service}/{}", endpoint.name);
        let unmet = config.as_ref().ok().and_then(|config| unmet(&config.validation, secrets));
        let entry = self.note(name.clone(), config, unmet);
        let key = (service.to_owned(), endpoint.name.clone());
        if self.webhooks.insert(key.clone(), entry).is_some() {
            self.served.retain(|served| *served != name);
            self.refused.push((name, "several webhooks have this name".to_owned()));
            self.webhooks.insert(key, Entry::Refused(Refusal::Absent));
        }
    }

    /// Records the state of an entry. One whose secret is missing counts as served, but its validation rejects every
    /// request; so does a Data API script that does not load.
    fn note<C>(&mut self, name: String, config: Result<C, Reason>, unmet: Option<String>) -> Entry<C> {
        match (&config, unmet) {
            (Err(reason), _) => self.refused.push((name, reason.text.clone())),
            (Ok(_), Some(unmet)) => self.refused.push((name, unmet)),
            (Ok(_), None) => self.served.push(name),
        }
        config.map_or_else(|reason| Entry::Refused(reason.refusal), Entry::Served)
    }
}

/// The first error. If any of them concerns what callers must prove, that determines how requests are rejected.
fn first(errors: &[EndpointError]) -> Reason {
    let is_unauthorized = errors.iter().any(|error| error.kind().concerns_access());
    let refusal = if is_unauthorized { Refusal::Unauthorized } else { Refusal::Absent };
    Reason { text: errors.first().map_or_else(String::new, ToString::to_string), refusal }
}

/// Why the script that determines the user of the Data API rejects every request, if it does.
fn broken_script(run_as: &RunAs, library: &Library) -> Option<String> {
    let RunAs::Script(_) = run_as else { return None };
    let reason = library.refusal(Library::data_api_script())?;
    Some(format!("`run_as_user_id_script_source` does not load: {reason}"))
}

/// Why a validation rejects every request, if it does.
fn unmet(validation: &Validation, secrets: &Secrets) -> Option<String> {
    let (Validation::SecretInQuery(secret) | Validation::Signature(secret)) = validation else { return None };
    match (value(secret, secrets), secret) {
        (Some(_), _) => None,
        (None, SharedSecret::Named(name)) => Some(format!("the secret `{name}` was not supplied, or is empty")),
        (None, SharedSecret::Written(_)) => Some("its secret is empty".to_owned()),
    }
}
