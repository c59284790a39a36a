//! Checks for unknown keys in configuration files. They are reported as errors only where a misspelt key would remove a
//! protection.

use super::check::Check;
use super::problem::Problem;
use super::{ConfigFile, ProblemKind};
use crate::auth::{CustomDataConfig, Provider};
#[cfg(feature = "jwt")]
use crate::auth::{ProviderType, token::TokenProviderConfig};
use crate::endpoint::guards::{self, DATA_API, ENDPOINT, FUNCTION};
use crate::json::Node;
use crate::text::{Span, Spanned, closest};

/// The known keys of a kind of object, including those that appear only in exports.
struct Keys {
    what: &'static str,
    known: &'static [&'static str],
}

const APPLICATION: Keys = Keys {
    what: "the application's configuration",
    known: &[
        "_id",
        "allowed_request_origins",
        "app_id",
        "client_app_id",
        "config_version",
        "custom_user_data_config",
        "deployment_model",
        "environment",
        "hosting",
        "id",
        "location",
        "name",
        "provider_region",
        "security",
        "sync",
    ],
};

const TRIGGER: Keys = Keys {
    what: "a trigger",
    known: &["_id", "config", "disabled", "event_processors", "function_name", "id", "name", "type"],
};

const TRIGGER_CONFIG: Keys = Keys {
    what: "a trigger's `config`",
    known: &[
        "clusterName",
        "cluster_name",
        "collection",
        "database",
        "full_document",
        "full_document_before_change",
        "match",
        "maximum_throughput",
        "operation_type",
        "operation_types",
        "project",
        "providers",
        "schedule",
        "schedule_type",
        "service_id",
        "service_name",
        "skip_catchup_event",
        "skip_catchup_events",
        "tolerate_resume_errors",
        "unordered",
    ],
};

/// The unknown keys of a provider; empty if the provider does not load, because its errors are reported then.
fn unknown_keys(provider: &super::Provider) -> Vec<Spanned<String>> {
    let node = &provider.config.node;
    #[cfg(feature = "jwt")]
    if provider.kind == ProviderType::CustomToken.name() {
        return TokenProviderConfig::compile(node).map_or_else(|_| Vec::new(), |config| config.unknown_keys().to_vec());
    }
    Provider::compile(node).map_or_else(|_| Vec::new(), |compiled| compiled.unknown_keys().to_vec())
}

impl Check<'_> {
    /// Reports unknown keys.
    pub(super) fn keys(&mut self) {
        let app = self.app;
        if let Some(file) = app.config.present() {
            self.unknown(file, &file.node, &APPLICATION);
        }
        for trigger in &app.triggers {
            self.unknown(&trigger.config, &trigger.config.node, &TRIGGER);
            if let Some(settings) = trigger.config.node.get("config") {
                self.unknown(&trigger.config, settings, &TRIGGER_CONFIG);
            }
        }
        for function in &app.functions {
            self.function_keys(&function.config);
        }
        // Webhooks have other keys, which are about how a service calls them.
        for endpoint in app.endpoints.iter().filter(|endpoint| endpoint.service.is_none()) {
            self.unguarded(&endpoint.config, "an endpoint", &ENDPOINT);
        }
        if let Some(file) = app.data_api.present() {
            self.unguarded(file, "the data API's configuration", &DATA_API);
        }
        for provider in &app.providers {
            for key in unknown_keys(provider) {
                self.unused(&provider.config, &key, key.span, "a provider", None);
            }
        }
        if let Some(file) = app.custom_user_data.present()
            && let Ok(compiled) = CustomDataConfig::compile(&file.node)
        {
            for key in compiled.unknown_keys() {
                self.unused(file, key, key.span, "the custom user data configuration", None);
            }
        }
    }

    /// Reports misspelt keys that were meant to restrict access, as errors.
    fn function_keys(&mut self, file: &ConfigFile) {
        let guarding = FUNCTION.misspelt(&file.node);
        for member in file.node.as_object().unwrap_or_default() {
            let key = member.key.as_str();
            if let Some((_, meant)) = guarding.iter().find(|(found, _)| found.key_span == member.key_span) {
                let kind = ProblemKind::FunctionGuardMisspelt { key: key.to_owned(), meant };
                let help = format!("write `{meant}`; until then no client can call the function");
                self.problem(file, Problem::new(kind, member.key_span).help(help));
            } else if !FUNCTION.known.contains(&key) {
                let known = FUNCTION.known.iter().copied().filter(|known| file.node.get(known).is_none());
                self.unused(file, key, member.key_span, "a function", closest(key, known));
            }
        }
    }

    /// Reports unknown keys, except for misspelt guards, for which the settings are rejected anyway.
    fn unguarded(&mut self, file: &ConfigFile, what: &'static str, keys: &guards::Keys) {
        let rejected: Vec<Span> = keys.misspelt(&file.node).iter().map(|(member, _)| member.key_span).collect();
        self.unknown_but(file, &file.node, &Keys { what, known: keys.known }, &rejected);
    }

    fn unknown(&mut self, file: &ConfigFile, node: &Node, keys: &Keys) {
        self.unknown_but(file, node, keys, &[]);
    }

    fn unknown_but(&mut self, file: &ConfigFile, node: &Node, keys: &Keys, reported: &[Span]) {
        for member in node.as_object().unwrap_or_default() {
            let key = member.key.as_str();
            if !keys.known.contains(&key) && !reported.contains(&member.key_span) {
                let known = keys.known.iter().copied().filter(|known| node.get(known).is_none());
                self.unused(file, key, member.key_span, keys.what, closest(key, known));
            }
        }
    }

    fn unused(&mut self, file: &ConfigFile, key: &str, span: Span, what: &'static str, meant: Option<&str>) {
        let key = key.to_owned();
        let problem = match meant {
            None => Problem::new(ProblemKind::KeyUnused { key, what }, span),
            Some(meant) => {
                Problem::new(ProblemKind::KeyMisspelt { key, what }, span).help(format!("did you mean `{meant}`?"))
            }
        };
        self.problem(file, problem);
    }
}
