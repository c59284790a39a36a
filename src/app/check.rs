use std::sync::Arc;

use super::{App, ConfigFile, FileFinding};
use crate::auth::{CustomDataConfig, Provider};
use crate::expr;
use crate::json::Node;
use crate::predicate::{self, Scope};
use crate::text::{Code, Finding, Located};

impl App {
    /// Everything that is wrong, or probably not meant, with the application as a whole: errors of rules, schemas,
    /// expressions and configuration, and lints. What reading the files showed is in [`App::findings`].
    #[must_use]
    pub fn check(&self) -> Vec<FileFinding> {
        let policies = self.policies();
        let mut check = Check { app: self, findings: policies.findings().to_vec() };
        check.custom_data();
        check.configuration();
        check.sync();
        check.findings.sort_by(|a, b| (a.source.name(), a.finding.span).cmp(&(b.source.name(), b.finding.span)));
        check.findings
    }
}

struct Check<'a> {
    app: &'a App,
    findings: Vec<FileFinding>,
}

impl Check<'_> {
    fn add(&mut self, file: &ConfigFile, finding: Finding) {
        let pointer = Some(file.node.pointer_at(finding.span));
        self.findings.push(FileFinding { source: Arc::clone(&file.source), pointer, finding });
    }

    fn add_errors<K: Code + std::fmt::Display>(&mut self, file: &ConfigFile, errors: Vec<Located<K>>) {
        errors.into_iter().for_each(|error| self.add(file, error.into()));
    }

    fn custom_data(&mut self) {
        let Some(file) = self.app.custom_user_data.present() else { return };
        if let Err(errors) = CustomDataConfig::compile(&file.node) {
            self.add_errors(file, errors);
        }
    }

    /// Expressions and settings outside of collections.
    fn configuration(&mut self) {
        let app = self.app;
        for provider in &app.providers {
            if let Err(errors) = Provider::compile(&provider.config.node) {
                self.add_errors(&provider.config, errors);
            }
        }
        for function in &app.functions {
            self.expression(&function.config, function.can_evaluate(), Scope::Endpoint);
        }
        for endpoint in &app.endpoints {
            self.expression(&endpoint.config, endpoint.can_evaluate(), Scope::Endpoint);
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
            Ok(expr) => {
                if let Err(errors) = predicate::lower(&expr, scope) {
                    self.add_errors(file, errors);
                }
            }
        }
    }
}
