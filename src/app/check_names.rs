//! Checks references between files: to functions, data sources and values.

use std::collections::BTreeSet;

use super::check::Check;
use super::custom_data::data_source_help;
use super::problem::{Problem, finding};
use super::{App, ConfigFile, ProblemKind};
use crate::json::Node;
use crate::lint::Names;
use crate::text::{Severity, Span, closest};

/// Whether a configuration that names a function is in effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    On,
    Off,
}

impl Use {
    /// The state of a configuration that this key disables.
    fn unless(config: &ConfigFile, key: &str) -> Self {
        if config.node.get(key).and_then(Node::as_bool) == Some(true) { Self::Off } else { Self::On }
    }
}

impl App {
    /// The names that the files define, for each kind of which all files could be read.
    pub(super) fn names(&self) -> Names {
        let readable = |folder: &str| {
            let broken =
                |name: &str| name.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            !self.findings.iter().any(|found| found.finding.severity == Severity::Error && broken(found.source.name()))
        };
        let functions = self.functions.iter().map(|function| function.name.clone());
        let values = self.values.keys().chain(self.secret_values.keys()).cloned();
        // Exports contain a file for every tag; those without values do not count.
        let used = self.environments.iter().filter(|(tag, names)| !names.is_empty() || **tag == self.environment.tag);
        Names {
            functions: readable("functions").then(|| functions.collect()),
            values: readable("values").then(|| values.collect()),
            environments: readable("environments")
                .then(|| used.map(|(tag, names)| (tag.clone(), names.clone())).collect()),
        }
    }
}

impl Check<'_> {
    /// Checks the names in configuration files.
    pub(super) fn named(&mut self) {
        let app = self.app;
        for trigger in &app.triggers {
            self.trigger(&trigger.config);
        }
        for endpoint in &app.endpoints {
            let function = endpoint.config.node.get("function_name");
            self.function(&endpoint.config, function, Use::unless(&endpoint.config, "disabled"));
        }
        for provider in &app.providers {
            let state = Use::unless(&provider.config, "disabled");
            let Some(settings) = provider.config.part("config") else { continue };
            // Exports retain the names of functions that are not called.
            let runs = |key: &str| settings.node.get(key).and_then(Node::as_bool) == Some(true);
            let keys: &[(&str, bool)] = match provider.kind.as_str() {
                "custom-function" => &[("authFunctionName", true)],
                "local-userpass" => &[
                    ("confirmationFunctionName", runs("runConfirmationFunction")),
                    ("resetFunctionName", runs("runResetFunction")),
                ],
                _ => &[],
            };
            for (key, _) in keys.iter().filter(|(_, runs)| *runs) {
                self.function(&settings, settings.node.get(key), state);
            }
        }
        if let Some(file) = app.custom_user_data.present() {
            self.function(file, file.node.get("on_user_creation_function_name"), Use::On);
        }
        if let Some(file) = app.data_api.present()
            && let Some(member) = file.node.member("run_as_system")
            && member.value.as_bool() != Some(false)
            && Use::unless(file, "disabled") == Use::On
        {
            let help = "let it run as the user who asks";
            self.problem(file, Problem::new(ProblemKind::DataApiSystem, member.key_span).help(help));
        }
        self.databases();
    }

    fn trigger(&mut self, config: &ConfigFile) {
        let state = Use::unless(config, "disabled");
        self.function(config, config.node.get("function_name"), state);
        let processors = config.node.get("event_processors").and_then(Node::as_object).unwrap_or_default();
        for processor in processors {
            let settings = processor.value.get("config");
            if processor.key == "FUNCTION" {
                self.function(config, settings.and_then(|settings| settings.get("function_name")), state);
            }
        }
        let source = config.node.get("config").and_then(|settings| settings.get("service_name"));
        let Some((node, name)) = source.and_then(|node| Some((node, node.as_str()?))) else { return };
        let app = self.app;
        let known = || app.data_sources.iter().map(|source| source.name.as_str());
        if !name.is_empty() && state == Use::On && known().all(|known| known != name) {
            let problem = Problem::new(ProblemKind::TriggerSource(name.to_owned()), node.span);
            self.problem(config, problem.help(data_source_help(name, known(), &app.directory)));
        }
    }

    /// Checks the name of a function in a configuration file.
    fn function(&mut self, file: &ConfigFile, node: Option<&Node>, state: Use) {
        let Some((node, name)) = node.and_then(|node| Some((node, node.as_str()?))) else { return };
        let Some(known) = self.names.functions.as_ref().filter(|known| !name.is_empty() && !known.contains(name))
        else {
            return;
        };
        let kind = match state {
            Use::On => ProblemKind::FunctionUnknown(name.to_owned()),
            Use::Off => ProblemKind::FunctionUnused(name.to_owned()),
        };
        let help = closest(name, known.iter().map(String::as_str)).map_or_else(
            || "list it in `functions/config.json`".to_owned(),
            |known| format!("did you mean `{known}`?"),
        );
        self.problem(file, Problem::new(kind, node.span).help(help));
    }

    /// Reports databases whose names differ only in case: rules meant for one do not apply to the other.
    fn databases(&mut self) {
        let app = self.app;
        let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
        for collection in &app.collections {
            let (service, name) = (collection.service.as_str(), collection.database.as_str());
            let other = seen.iter().find(|(known, other)| {
                *known == service && *other != name && other.to_lowercase() == name.to_lowercase()
            });
            if let (Some((_, other)), false) = (other, seen.contains(&(service, name)))
                && let Some(file) = [&collection.rules, &collection.schema].iter().find_map(|part| part.present())
            {
                let kind = ProblemKind::DatabaseCase { name: name.to_owned(), other: (*other).to_owned() };
                let span = file
                    .node
                    .get("database")
                    .map_or_else(|| Span::new(file.node.span.start, file.node.span.start), |node| node.span);
                self.problem(file, Problem::new(kind, span).help("write both alike"));
            }
            seen.insert((service, name));
        }
    }

    pub(super) fn problem(&mut self, file: &ConfigFile, problem: Problem) {
        self.add(file, finding(problem));
    }
}
