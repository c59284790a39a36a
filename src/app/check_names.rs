//! Checks references between files: to functions, data sources and values.

use std::collections::BTreeSet;

use super::check::Check;
use super::custom_data::data_source_help;
use super::function_uses::FunctionUse;
use super::problem::{Problem, finding};
use super::{App, ConfigFile, ProblemKind};
use crate::lint::Names;
use crate::text::{Severity, Span, closest};

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
        for used in app.configured_functions() {
            self.function(&used);
        }
        for trigger in &app.triggers {
            self.trigger(&trigger.config);
        }
        if let Some(file) = app.data_api.present()
            && let Some(member) = file.node.member("run_as_system")
            && member.value.as_bool() != Some(false)
            && file.is_enabled()
        {
            let help = "let it run as the user who asks";
            self.problem(file, Problem::new(ProblemKind::DataApiSystem, member.key_span).help(help));
        }
        self.databases();
    }

    fn trigger(&mut self, config: &ConfigFile) {
        let source = config.node.get("config").and_then(|settings| settings.get("service_name"));
        let Some((node, name)) = source.and_then(|node| Some((node, node.as_str()?))) else { return };
        let app = self.app;
        let known = || app.data_sources.iter().map(|source| source.name.as_str());
        if !name.is_empty() && config.is_enabled() && known().all(|known| known != name) {
            let problem = Problem::new(ProblemKind::TriggerSource(name.to_owned()), node.span);
            self.problem(config, problem.help(data_source_help(name, known(), &app.directory)));
        }
    }

    /// Checks that a function that the configuration asks for exists.
    fn function(&mut self, used: &FunctionUse<'_>) {
        let name = used.function;
        let Some(known) = self.names.functions.as_ref().filter(|known| !known.contains(name)) else { return };
        let kind = match used.is_on {
            true => ProblemKind::FunctionUnknown(name.to_owned()),
            false => ProblemKind::FunctionUnused(name.to_owned()),
        };
        let help = closest(name, known.iter().map(String::as_str))
            .map_or_else(|| "define it in `functions/`".to_owned(), |known| format!("did you mean `{known}`?"));
        self.add_to(used.source, finding(Problem::new(kind, used.span).help(help)));
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
