//! Findings about the functions of an application.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis::App;
use portcullis::app::{Endpoint, FileFinding, Function};
use portcullis::json::Node;
use portcullis::text::{Finding, OneLine, Severity, Source, Span};
use portcullis_functions::{Library, Problem};

/// The code of findings about functions that cannot run.
const NOT_RUN: &str = "function-not-run";

/// Functions that cannot run, and code that probably does not do what was intended.
pub(super) fn findings(app: &App) -> Vec<FileFinding> {
    let library = Library::load(app);
    let mut sources: BTreeMap<String, Arc<Source>> = BTreeMap::new();
    let mut source = |file: &str| {
        let made = || {
            let text = std::fs::read(app.directory.join(file)).unwrap_or_default();
            Arc::new(Source::new(file, String::from_utf8_lossy(&text)))
        };
        Arc::clone(sources.entry(file.to_owned()).or_insert_with(made))
    };
    let mut findings = Vec::new();
    let uses = app.function_uses();
    let is_used = |name: &str| uses.iter().any(|used| used.is_on && used.function == name);
    for problem in library.problems().iter().filter(|problem| !is_said(app, problem)) {
        let source = source(&problem.file);
        let message = OneLine(&problem.message);
        let message = match (problem.function.as_str(), Library::webhook_name(&problem.function)) {
            ("", _) => message.to_string(),
            (_, Some(webhook)) => format!("the webhook `{}` cannot run: {message}", OneLine(webhook)),
            (name, None) => format!("the function `{}` cannot run: {message}", OneLine(name)),
        };
        let is_needed = problem.setting.is_some() || is_used(&problem.function) || is_served(app, &problem.function);
        let severity = if is_needed { Severity::Error } else { Severity::Warning };
        let span = line_of(source.text(), problem.line);
        let help = Some(way_out(problem).to_owned());
        let finding = Finding { severity, code: NOT_RUN, message, span, help };
        findings.push(FileFinding { source, pointer: None, finding });
    }
    // A copy of an application without any code, such as one of its rules alone, has a finding for each source already.
    let has_code = app.functions.iter().any(|function| function.script.is_some());
    for used in uses.iter().filter(|used| used.is_on && has_code) {
        let Some(reason) = library.refusal(used.function) else { continue };
        let (name, reason) = (OneLine(used.function), OneLine(reason));
        let message = format!("the function `{name}` is called here and cannot run: {reason}");
        let help = Some("correct the function, or name another one".to_owned());
        let finding = Finding { severity: Severity::Error, code: NOT_RUN, message, span: used.span, help };
        findings.push(FileFinding { source: Arc::clone(used.source), pointer: None, finding });
    }
    for advice in library.advice(app) {
        let source = source(&advice.file);
        let span = line_of(source.text(), Some(advice.line));
        let (severity, code, message, help) = (advice.severity, advice.code, advice.message, Some(advice.help));
        findings.push(FileFinding { source, pointer: None, finding: Finding { severity, code, message, span, help } });
    }
    findings.extend(app.functions.iter().flat_map(settings));
    findings
}

/// Findings about the settings of a function: a name that is invalid in App Services, and a `private` that is not a
/// boolean.
fn settings(function: &Function) -> Vec<FileFinding> {
    let (source, node) = (&function.config.source, &function.config.node);
    let found = |at: &Node, code: &'static str, message: String, help: &str| FileFinding {
        source: Arc::clone(source),
        pointer: None,
        finding: Finding { severity: Severity::Warning, code, message, span: at.span, help: Some(help.to_owned()) },
    };
    let mut findings = Vec::new();
    if !is_usual(&function.name) {
        let message = format!("`{}` is not the name of a function in App Services", OneLine(&function.name));
        let help = "names have letters, digits, `_` and `-`, and `/` between folders";
        findings.push(found(node.get("name").unwrap_or(node), "function-name", message, help));
    }
    if let Some(private) = node.get("private").filter(|private| private.as_bool().is_none()) {
        let message =
            format!("`private` of the function `{}` is not a boolean, so it is private", OneLine(&function.name));
        findings.push(found(private, "function-private", message, "write true or false, without quotes"));
    }
    findings
}

fn is_usual(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    name.split('/').all(is_part)
}

/// Whether this is the code of a webhook that is not disabled.
fn is_served(app: &App, function: &str) -> bool {
    let is_it = |endpoint: &&Endpoint| {
        let service = endpoint.service.as_deref();
        service.is_some_and(|service| Library::webhook(service, &endpoint.name) == function)
    };
    let endpoint = app.endpoints.iter().find(is_it);
    endpoint.is_some_and(|endpoint| endpoint.config.node.get("disabled").and_then(Node::as_bool) != Some(true))
}

/// Whether another finding already covers this: a missing source, or a `can_evaluate` that is misspelt or invalid.
fn is_said(app: &App, problem: &Problem) -> bool {
    problem.setting == Some("can_evaluate")
        || app.function(&problem.function).is_some_and(|function| function.script.is_none())
}

fn way_out(problem: &Problem) -> &'static str {
    let message = problem.message.as_str();
    if let Some(key) = problem.setting
        && key.starts_with("run_as")
    {
        "a function runs as the system, as one user, or as the user whom one script chooses"
    } else if message.starts_with("SyntaxError") {
        "correct the source; it is one script, without static imports"
    } else if message.starts_with("the service") {
        "call the service's HTTP interface with `context.http`"
    } else if message.contains("require")
        || message.contains("module")
        || message.contains("package")
        || message.contains("import")
    {
        "see docs/functions.md for the supported modules; other packages belong in functions/node_modules"
    } else {
        "see docs/functions.md for what is supported"
    }
}

/// The span of a line, counted from 1, without its indentation; the beginning of the text if there is no such line.
fn line_of(text: &str, line: Option<u32>) -> Span {
    let wanted = line.and_then(|line| usize::try_from(line).ok()).and_then(|line| line.checked_sub(1));
    let Some(before) = wanted else { return Span::new(0, 0) };
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let line = text.split_inclusive('\n').nth(before).unwrap_or_default();
    let indented = line.len().saturating_sub(line.trim_start().len());
    let start = start.saturating_add(indented);
    Span::new(start, start.saturating_add(line.trim().len()))
}
