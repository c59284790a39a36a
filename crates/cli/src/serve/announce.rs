use std::net::SocketAddr;

use portcullis::App;
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
        for (count, what) in left_out(api.app()).into_iter().filter(|(count, _)| *count > 0) {
            output.line(format!("  not served: {count} {what}"))?;
        }
        output.line(format!("  try: curl {base}/api/client/v2.0/app/{}/location", OneLine(api.id())))?;
    }
    output.flush()
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

/// The features of an application that are not served, with their number.
fn left_out(app: &App) -> [(usize, &'static str); 3] {
    let folder = |name: &str| usize::from(app.directory.join(name).is_dir());
    [
        (app.sync.len(), "device sync configurations: device sync is not supported"),
        (folder("graphql"), "GraphQL folder: GraphQL is not supported"),
        (folder("hosting"), "static hosting folder: serve its files with another web server"),
    ]
}
