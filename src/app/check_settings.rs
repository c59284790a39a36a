use super::check::Check;
use super::{ConfigFile, Provider as ProviderFile};
use crate::auth::{ConfigError, Provider};
#[cfg(feature = "jwt")]
use crate::auth::{ProviderType, token::TokenProviderConfig};
use crate::expr;
use crate::json::Node;
use crate::lint::lint_rule;
use crate::policy::Rule;
use crate::predicate::{self, Scope};
use crate::text::{Finding, Severity};

impl Check<'_> {
    /// Checks expressions and settings that do not belong to collections.
    pub(super) fn configuration(&mut self) {
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
        self.endpoints();
        for rule in &app.service_rules {
            self.expression(&rule.config, rule.when(), Scope::Service);
        }
    }

    /// Reports whatever prevents triggers from running, as warnings if they are disabled.
    pub(super) fn triggers(&mut self) {
        let app = self.app;
        for trigger in &app.triggers {
            let is_disabled = trigger.config.node.get("disabled").and_then(Node::as_bool) == Some(true);
            for error in trigger.definition().err().unwrap_or_default() {
                let finding = Finding::from(error);
                let severity = if is_disabled { Severity::Warning } else { finding.severity };
                self.add(&trigger.config, Finding { severity, ..finding });
            }
        }
    }

    pub(super) fn sync(&mut self) {
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

    /// Checks a role of device sync in the format used before 2023: a name, `applyWhen`, `read` and `write`.
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
                    self.references(&file.source, [&rule.predicate]);
                }
            },
        }
    }
}

/// The errors of a provider. For one that accepts tokens, these include errors about its keys and audiences.
fn provider_errors(provider: &ProviderFile) -> Vec<ConfigError> {
    let node = &provider.config.node;
    #[cfg(feature = "jwt")]
    if provider.kind == ProviderType::CustomToken.name() {
        return TokenProviderConfig::compile(node).err().unwrap_or_default();
    }
    Provider::compile(node).err().unwrap_or_default()
}
