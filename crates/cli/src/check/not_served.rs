//! Findings about parts of an application that `serve` does not serve.

use std::sync::Arc;

use portcullis::App;
use portcullis::app::{ConfigFile, FileFinding};
use portcullis::text::{Finding, OneLine, Severity};
use portcullis_service::client::Providers;

/// Enabled login providers, device sync, and an application without an ID.
pub(super) fn findings(app: &App) -> Vec<FileFinding> {
    let mut findings = Vec::new();
    let providers = Providers::of(app);
    let help = match providers.served.is_empty() {
        true => "until another provider is enabled, nobody can log in",
        false => "users can log in with the other providers",
    };
    for (name, _) in &providers.refused {
        let found =
            app.providers.iter().find(|provider| provider.name == *name && provider.kind.starts_with("oauth2-"));
        let Some(provider) = found else { continue };
        let message = format!("logins with `{}` are rejected: OAuth2 is not served", OneLine(name));
        findings.push(found_in(&provider.config, Severity::Warning, "provider-not-served", message, help));
    }
    for sync in app.sync.iter().filter(|sync| sync.is_enabled()) {
        let (message, help) = ("device sync is not served".to_owned(), "clients can use queries and `watch` instead");
        findings.push(found_in(&sync.config, Severity::Note, "sync-not-served", message, help));
    }
    if let Some(config) = app.config.present().filter(|_| app.id().is_none()) {
        let message = "the application has no ID, which `serve` and users need".to_owned();
        findings.push(found_in(config, Severity::Note, "app-id-missing", message, "add `app_id` or `name`"));
    }
    findings
}

fn found_in(config: &ConfigFile, severity: Severity, code: &'static str, message: String, help: &str) -> FileFinding {
    let finding = Finding { severity, code, message, span: config.node.span, help: Some(help.to_owned()) };
    FileFinding { source: Arc::clone(&config.source), pointer: None, finding }
}
