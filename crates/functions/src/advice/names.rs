use portcullis::App;
use portcullis::text::{OneLine, Severity, closest};

use super::{Advice, Script};
use crate::Library;

/// Reports values, functions and services that a source names but that do not exist.
pub(super) fn unknown(app: &App, library: &Library, script: &Script, found: &mut Vec<Advice>) {
    let is_readable = |folder: &str| {
        !app.findings
            .iter()
            .any(|found| found.finding.severity == Severity::Error && found.source.name().starts_with(folder))
    };
    let mut report = |code, name: &str, line, message: String, near: Option<&str>, otherwise: &str| {
        let help = near.map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{}`?", OneLine(near)));
        let message = message.replace("{}", &OneLine(name).to_string());
        found.push(Advice { severity: Severity::Warning, code, file: script.file.clone(), line, message, help });
    };
    if is_readable("values") {
        for call in script.context_calls("values", "get") {
            let known = || app.values.keys().chain(app.secret_values.keys()).map(String::as_str);
            if known().all(|known| known != call.name) {
                let message = "there is no value `{}`, so the function gets undefined".to_owned();
                let near = closest(call.name, known());
                let otherwise = "add it to values/, with `from_secret` if it is a secret";
                report("function-value-unknown", call.name, script.line(call.begin), message, near, otherwise);
            }
        }
    }
    if is_readable("functions") {
        for call in script.context_calls("functions", "execute") {
            if !library.contains(call.name) {
                let message = "there is no function `{}`, so this call throws".to_owned();
                let near = closest(call.name, library.names());
                let otherwise = "define it in `functions/`";
                report("function-callee-unknown", call.name, script.line(call.begin), message, near, otherwise);
            }
        }
    }
    if is_readable("data_sources") && is_readable("services") {
        for call in script.context_calls("services", "get") {
            let sources = || app.data_sources.iter().map(|source| source.name.as_str());
            let known = || sources().chain(http_services(app));
            let is_known = known().any(|known| known == call.name);
            if !is_known && app.other_services.contains_key(call.name) {
                let message = "the service `{}` is not served, so the function gets undefined".to_owned();
                let otherwise = "only data sources, and services of the type http, are available in functions";
                report("function-service-unknown", call.name, script.line(call.begin), message, None, otherwise);
            } else if !is_known {
                let message = "there is no data source or service `{}`, so the function gets undefined".to_owned();
                let near = closest(call.name, known());
                let otherwise = "name a data source of data_sources/";
                report("function-service-unknown", call.name, script.line(call.begin), message, near, otherwise);
            }
        }
    }
}

fn http_services(app: &App) -> impl Iterator<Item = &str> {
    let services = app.other_services.iter().filter(|(_, service)| service.kind.as_deref() == Some("http"));
    services.map(|(name, _)| name.as_str())
}
