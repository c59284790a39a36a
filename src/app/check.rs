use std::sync::Arc;

use super::policies::rules;
use super::reader::located;
use super::{App, Collection, ConfigFile, Endpoint, FileFinding, Function, Loaded, Part, Policies};
use crate::auth::{ConfigError, CustomDataConfig, Provider};
#[cfg(feature = "jwt")]
use crate::auth::{ProviderType, token::TokenProviderConfig};
use crate::expr;
use crate::json::Node;
use crate::lint::{
    CollectionRules, Names, lint_anonymous, lint_application, lint_references, lint_rule, lint_rules, lint_schema,
};
use crate::policy::{self, Policy, Role, Rule, RulesFile};
use crate::predicate::{self, Predicate, Scope};
use crate::schema::Schema;
use crate::text::{Code, Finding, Located, Severity, Span};

impl App {
    /// Everything that is wrong, or probably not meant, with the application as a whole: errors of rules, schemas,
    /// expressions and configuration, and lints. What reading the files showed is in [`App::findings`].
    #[must_use]
    pub fn check(&self) -> Vec<FileFinding> {
        let policies = self.policies();
        let mut check = Check { app: self, names: self.names(), findings: policies.findings().to_vec() };
        check.rules(&policies);
        check.together(&policies);
        check.configuration();
        check.sync();
        check.named();
        check.keys();
        check.findings = located(check.findings);
        check.without_functions();
        located(check.findings)
    }
}

/// The code of what is said once, in place of what.
const FUNCTIONS_ABSENT: (&str, &str) = ("functions-absent", "function-unknown");

pub(super) struct Check<'a> {
    pub(super) app: &'a App,
    pub(super) names: Names,
    findings: Vec<FileFinding>,
}

impl<'a> Check<'a> {
    pub(super) fn add(&mut self, file: &ConfigFile, finding: Finding) {
        self.findings.push(FileFinding { source: Arc::clone(&file.source), pointer: None, finding });
    }

    fn add_errors<K: Code + std::fmt::Display>(&mut self, file: &ConfigFile, errors: Vec<Located<K>>) {
        errors.into_iter().for_each(|error| self.add(file, error.into()));
    }

    fn rules(&mut self, policies: &Policies) {
        for source in &self.app.data_sources {
            self.lint(&source.default_rule, policies.default_of(&source.name));
        }
        for collection in &self.app.collections {
            let compiled = match policies.synced(&collection.namespace, &collection.service) {
                None => policies.own(&collection.namespace, &collection.service).cloned(),
                // What is in force has roles from another text.
                Some(_) => collection
                    .rules
                    .present()
                    .and_then(|file| policy::compile(&file.node).ok().map(|rules| Loaded::Rules(Arc::new(rules)))),
            };
            self.lint(&collection.rules, compiled.as_ref());
            if let (Some(file), false) = (collection.schema.present(), collection.schema_in_rules)
                && let Ok(schema) = Schema::compile(&file.node)
            {
                lint_schema(&schema).into_iter().for_each(|finding| self.add(file, finding));
                self.references(file, schema.validates());
            }
        }
    }

    fn lint(&mut self, part: &Part, loaded: Option<&Loaded>) {
        if let (Some(file), Some(Loaded::Rules(rules))) = (part.present(), loaded) {
            lint_rules(rules, &file.node).into_iter().for_each(|finding| self.add(file, finding));
            // A schema that is a file of its own has other places.
            let schema = rules.schema.iter().filter(|_| file.node.get("schema").is_some());
            let roles = rules.roles.iter().flatten().flat_map(Role::rules).map(|(_, rule)| rule);
            let filters = rules.filters.iter();
            let filters = filters.flat_map(|filter| std::iter::once(&filter.apply_when).chain(&filter.query));
            let predicates = roles.chain(filters).map(|rule| &rule.predicate);
            self.references(file, predicates.chain(schema.flat_map(Schema::validates)));
        }
    }

    fn references<'p>(&mut self, file: &ConfigFile, predicates: impl IntoIterator<Item = &'p Predicate>) {
        let found = lint_references(predicates, &self.names);
        found.into_iter().for_each(|finding| self.add(file, finding));
    }

    /// Says once that the functions of an application are elsewhere: who embeds the engine may bring them along.
    fn without_functions(&mut self) {
        if !self.app.functions.is_empty() || self.app.directory.join("functions").is_dir() {
            return;
        }
        let is_call = |found: &FileFinding| found.finding.code == FUNCTIONS_ABSENT.1;
        let (calls, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.findings).into_iter().partition(is_call);
        self.findings = others;
        let count = calls.len();
        if let Some(FileFinding { source, pointer, finding }) = calls.into_iter().next() {
            let others = match count.saturating_sub(1) {
                0 => String::new(),
                1 => ", and in one more place".to_owned(),
                more => format!(", and in {more} more places"),
            };
            let message = format!("the application has no functions, but calls one here{others}");
            let help = Some("put their configuration into `functions/`; until then these calls fail".to_owned());
            let finding = Finding { severity: Severity::Warning, code: FUNCTIONS_ABSENT.0, message, help, ..finding };
            self.findings.push(FileFinding { source, pointer, finding });
        }
    }

    /// What several files show only together: above all, who can write the document that the rules trust.
    fn together<'p>(&mut self, policies: &'p Policies)
    where
        'a: 'p,
    {
        let app = self.app;
        let custom_data = self.custom_data();
        let mut applied: Vec<(String, Policy, &'p ConfigFile)> = Vec::new();
        for collection in &app.collections {
            let source = app.data_sources.iter().find(|source| source.name == collection.service);
            let default = source.map(|source| &source.default_rule);
            applied.extend(applying(policies, &collection.namespace, &collection.service, Some(collection), default));
        }
        // The collection of custom data may be one that no file speaks of, served by default roles only.
        if let Some((namespace, service, _)) = &custom_data {
            for source in &app.data_sources {
                let wanted = service.as_ref().is_none_or(|service| *service == source.name);
                let known = app.collections.iter().any(|c| c.namespace == *namespace && c.service == source.name);
                if wanted && !known {
                    applied.extend(applying(policies, namespace, &source.name, None, Some(&source.default_rule)));
                }
            }
        }
        let collections: Vec<CollectionRules<'_>> =
            applied.iter().map(|(namespace, policy, _)| CollectionRules { namespace, policy }).collect();
        if app.takes_anonymous_users() {
            // Default rules serve many collections, and are told of once.
            let mut told: Vec<(&str, Span)> = Vec::new();
            for (_, policy, file) in &applied {
                for finding in lint_anonymous(policy) {
                    let place = (file.source.name(), finding.span);
                    if !told.contains(&place) {
                        told.push(place);
                        self.add(file, finding);
                    }
                }
            }
        }
        let elsewhere = self.elsewhere();
        let elsewhere: Vec<&Rule> = elsewhere.iter().collect();
        let custom_data = custom_data.as_ref().map(|(namespace, _, field)| (namespace.as_str(), field.as_str()));
        for (index, finding) in lint_application(&collections, &elsewhere, custom_data) {
            if let Some((.., file)) = applied.get(index) {
                self.add(file, finding);
            }
        }
    }

    /// The namespace, data source and id field of custom data, if the application has any.
    fn custom_data(&mut self) -> Option<(String, Option<String>, String)> {
        let file = self.app.custom_user_data.present()?;
        match CustomDataConfig::compile(&file.node) {
            Err(errors) => {
                self.add_errors(file, errors);
                None
            }
            Ok(config) => config.source().map(|source| {
                let namespace = format!("{}.{}", source.database, source.collection);
                (namespace, source.service.clone(), source.user_id_field.to_string())
            }),
        }
    }

    /// The rules that are no collection's.
    fn elsewhere(&self) -> Vec<Rule> {
        let functions = self.app.functions.iter().filter_map(Function::can_evaluate);
        let endpoints = self.app.endpoints.iter().filter_map(Endpoint::can_evaluate);
        functions
            .chain(endpoints)
            .filter_map(|node| {
                let expr = expr::parse(node).ok()?;
                let predicate = predicate::lower(&expr, Scope::Endpoint).ok()?;
                Some(Rule { expr, predicate })
            })
            .collect()
    }

    /// Expressions and settings outside of collections.
    fn configuration(&mut self) {
        let app = self.app;
        for provider in &app.providers {
            self.add_errors(&provider.config, provider_errors(provider));
        }
        for function in &app.functions {
            self.expression(&function.config, function.can_evaluate(), Scope::Endpoint);
        }
        for endpoint in &app.endpoints {
            self.expression(&endpoint.config, endpoint.can_evaluate(), Scope::Endpoint);
        }
        if let Some(config) = app.data_api.present() {
            self.expression(config, config.node.get("can_evaluate"), Scope::Endpoint);
        }
        for rule in &app.service_rules {
            self.expression(&rule.config, rule.when(), Scope::Service);
        }
    }

    fn sync(&mut self) {
        let app = self.app;
        for sync in &app.sync {
            self.expression(&sync.config, sync.partition_read(), Scope::Sync);
            self.expression(&sync.config, sync.partition_write(), Scope::Sync);
            for role in sync.default_roles().and_then(Node::as_array).unwrap_or_default() {
                self.sync_role(&sync.config, role);
            }
            for member in sync.rules().and_then(Node::as_object).unwrap_or_default() {
                for role in member.value.as_array().unwrap_or_default() {
                    self.sync_role(&sync.config, role);
                }
            }
        }
    }

    /// A role of device sync before 2023: a name, `applyWhen`, `read` and `write`.
    fn sync_role(&mut self, file: &ConfigFile, role: &Node) {
        for (key, scope) in [("applyWhen", Scope::Endpoint), ("read", Scope::Role), ("write", Scope::Role)] {
            self.expression(file, role.get(key), scope);
        }
    }

    fn expression(&mut self, file: &ConfigFile, node: Option<&Node>, scope: Scope) {
        let Some(node) = node else { return };
        match expr::parse(node) {
            Err(errors) => self.add_errors(file, errors),
            Ok(expr) => match predicate::lower(&expr, scope) {
                Err(errors) => self.add_errors(file, errors),
                Ok(predicate) => {
                    let rule = Rule { expr, predicate };
                    lint_rule(&rule).into_iter().for_each(|finding| self.add(file, finding));
                    self.references(file, [&rule.predicate]);
                }
            },
        }
    }
}

/// What is wrong with a way to log in: of one that takes tokens also by which keys and for whom.
fn provider_errors(provider: &super::Provider) -> Vec<ConfigError> {
    let node = &provider.config.node;
    #[cfg(feature = "jwt")]
    if provider.kind == ProviderType::CustomToken.name() {
        return TokenProviderConfig::compile(node).err().unwrap_or_default();
    }
    Provider::compile(node).err().unwrap_or_default()
}

/// What applies to a namespace, and the file whose roles these are.
fn applying<'a>(
    policies: &'a Policies,
    namespace: &str,
    service: &str,
    collection: Option<&'a Collection>,
    default: Option<&'a Part>,
) -> Option<(String, Policy, &'a ConfigFile)> {
    let own = rules(policies.own(namespace, service)).map(Arc::as_ref);
    let default_rules = rules(policies.default_of(service)).map(Arc::as_ref);
    let own_roles = own.is_some_and(|own| own.roles.is_some());
    let part = if own_roles { collection.map(|collection| &collection.rules) } else { default };
    let file = policies.synced(namespace, service).or_else(|| part?.present())?;
    let policy = RulesFile::effective(own, default_rules)?;
    Some((namespace.to_owned(), policy, file))
}
