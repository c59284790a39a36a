use std::net::SocketAddr;

use portcullis::App;
use portcullis::app::SyncConfig;
use portcullis::text::OneLine;
use portcullis_service::client::ClientApi;

use crate::output::Output;
use crate::trouble::Trouble;

/// Prints the address of the server, what it serves, and what it does not.
pub(super) fn announce(apis: &[ClientApi], base: &str, output: &mut Output) -> Result<(), Trouble> {
    output.line(format!("listening on {base}"))?;
    for api in apis {
        let names: Vec<String> = api.providers().served.iter().map(|(name, _)| OneLine(name).to_string()).collect();
        output.line(format!("{}: login with {}", OneLine(api.id()), listed(&names)))?;
        output.line(format!("  collections: {}", listed(&collections(api.app()))))?;
        let library = api.functions().library();
        let functions: Vec<String> = library.names().map(|name| OneLine(name).to_string()).collect();
        output.line(format!("  functions: {}", listed(&functions)))?;
        for problem in library.problems() {
            let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
            let place = format!("{}{line}", problem.file);
            let what = match problem.function.as_str() {
                "" => String::new(),
                name => format!("function {}: ", OneLine(name)),
            };
            output.line(format!("  not served: {what}{} ({})", OneLine(&problem.message), OneLine(place)))?;
        }
        if !api.entries().served.is_empty() {
            let entries: Vec<String> = api.entries().served.iter().map(|name| OneLine(name).to_string()).collect();
            output.line(format!("  over HTTP: {}", listed(&entries)))?;
        }
        for (name, reason) in &api.entries().refused {
            output.line(format!("  not served: {}: {}", OneLine(name), OneLine(reason)))?;
        }
        for (name, reason) in &api.providers().refused {
            output.line(format!("  not served: provider {}: {reason}", OneLine(name)))?;
        }
        let plan = api.trigger_plan();
        let names: Vec<String> = plan.runs.iter().map(|planned| planned.definition.name.clone()).collect();
        output.line(format!("  triggers: {}", listed(&names)))?;
        for (name, reason) in &plan.refused {
            output.line(format!("  not served: trigger {}: {}", OneLine(name), OneLine(reason)))?;
        }
        for what in left_out(api.app()) {
            output.line(format!("  not served: {what}"))?;
        }
        let location = format!("{base}/api/client/v2.0/app/{}/location", OneLine(api.id()));
        output.line(format!("  try: curl {}", in_shell(&location)))?;
    }
    output.flush()
}

/// A word in the syntax of a shell, quoted if necessary.
fn in_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The URL at which a browser on this machine reaches the server.
pub(super) fn base(address: SocketAddr, is_tls: bool) -> String {
    format!("{}://{address}", if is_tls { "https" } else { "http" })
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn collections(app: &App) -> Vec<String> {
    app.collections.iter().map(|collection| OneLine(&collection.namespace).to_string()).collect()
}

/// The features of an application that are not served.
fn left_out(app: &App) -> impl Iterator<Item = &'static str> {
    let has = |folder: &str| app.directory.join(folder).is_dir();
    let features = [
        (app.sync.iter().any(SyncConfig::is_enabled), "device sync: clients can use queries and `watch` instead"),
        (has("graphql"), "GraphQL"),
        (has("hosting"), "static hosting: serve the files in `hosting` with another web server"),
    ];
    features.into_iter().filter_map(|(is_used, what)| is_used.then_some(what))
}
