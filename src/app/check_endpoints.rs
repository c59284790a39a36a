//! Checks the settings of endpoints, webhooks and the Data API.

use std::collections::HashMap;

use super::check::Check;
use super::problem::Problem;
use super::{AppliedRules, Endpoint, ProblemKind};
use crate::endpoint::{DataApiConfig, EndpointConfig, Methods, RunAs, WebhookConfig};
use crate::lint::{CollectionRules, CustomDataReads};
use crate::text::Span;

impl Check<'_> {
    /// Reports whatever prevents an endpoint from being served.
    pub(super) fn endpoints(&mut self) {
        let app = self.app;
        let mut seen: HashMap<(String, Methods), &Endpoint> = HashMap::new();
        for endpoint in &app.endpoints {
            if endpoint.service.is_some() {
                self.webhook(endpoint);
                continue;
            }
            match EndpointConfig::compile(&endpoint.config.node) {
                Err(errors) => self.add_errors(&endpoint.config, errors),
                Ok(config) if config.is_disabled => {}
                Ok(config) => match seen.get(&(config.route.clone(), config.methods)) {
                    None => {
                        seen.insert((config.route, config.methods), endpoint);
                    }
                    Some(first) => {
                        let name = format!("{} {}", config.methods.name(), config.route);
                        let first = first.config.source.name().to_owned();
                        let kind = ProblemKind::EndpointTwice { name, first };
                        self.problem(&endpoint.config, Problem::new(kind, place(endpoint, "route")));
                    }
                },
            }
        }
        if let Some(file) = app.data_api.present() {
            match DataApiConfig::compile(&file.node) {
                Err(errors) => self.add_errors(file, errors),
                Ok(DataApiConfig { is_disabled: false, fetches_custom_data: false, run_as, .. })
                    if run_as != RunAs::System && self.rules_read_custom_data() =>
                {
                    let begin = Span::new(file.node.span.start, file.node.span.start);
                    let span = file.node.member("fetch_custom_user_data").map_or(begin, |member| member.key_span);
                    let help = "set `fetch_custom_user_data` to true";
                    self.problem(file, Problem::new(ProblemKind::DataApiCustomData, span).help(help));
                }
                Ok(_) => {}
            }
        }
    }

    /// Whether custom data is enabled and any rule refers to it.
    fn rules_read_custom_data(&self) -> bool {
        let applied = self.app.applied_rules();
        let collections: Vec<CollectionRules<'_>> = applied.iter().map(AppliedRules::as_collection).collect();
        !self.app.custom_user_data.is_absent() && CustomDataReads::new(&collections, None).paths().next().is_some()
    }

    fn webhook(&mut self, endpoint: &Endpoint) {
        match WebhookConfig::compile(&endpoint.config.node) {
            Err(errors) => self.add_errors(&endpoint.config, errors),
            Ok(config) if config.is_disabled => {}
            Ok(_) => {
                let span = place(endpoint, "name");
                match endpoint.parsing_service() {
                    Some(kind) => {
                        let kind = ProblemKind::WebhookService(kind.to_owned());
                        self.problem(&endpoint.config, Problem::new(kind, span));
                    }
                    None if endpoint.script.is_none() => {
                        let help = "put its code into source.js beside its config.json";
                        self.problem(&endpoint.config, Problem::new(ProblemKind::WebhookCode, span).help(help));
                    }
                    None => {}
                }
            }
        }
    }
}

fn place(endpoint: &Endpoint, key: &str) -> Span {
    let node = &endpoint.config.node;
    node.get(key).map_or(Span::new(node.span.start, node.span.start), |node| node.span)
}
