use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use portcullis::app::App;
use portcullis::text::OneLine;
use portcullis_server::{Options, State, app, serve};
use portcullis_service::client::{ClientApi, Served, StorePlace, open};
use portcullis_service::{Places, ServerUri};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Answer;
use super::application::load_app;
use super::output::{Output, note};
use super::secrets::SecretArgs;
use super::stores::{clients, shut_down};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis serve --app DIR
  portcullis serve --app shop --app blog --secrets secrets.json --store mongodb://localhost:27017
  portcullis serve --app DIR --store data.redb --listen 127.0.0.1:9090

Clients log in with the address of this server as their base URL: `new Realm.App({ id, baseUrl: \"http://127.0.0.1:8080\" })`.
Mail is written to the folder `mail` in the directory of --state.";

/// Serve the client API of App Services: logins, custom user data and collections for unchanged client SDKs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// An application directory; repeatable
    #[arg(long = "app", value_name = "DIR", default_value = ".")]
    apps: Vec<PathBuf>,
    /// Where users and documents are: a MongoDB URI or the path of an embedded store (default: the --state directory)
    #[arg(long, value_name = "URI|FILE", env = "PORTCULLIS_STORE", hide_env_values = true)]
    store: Option<String>,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The address under which clients reach the server: `https://example.com`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Whether logins are limited by address and account
    #[arg(long, value_name = "on|off", default_value = "off", value_parser = ["off"])]
    rate_limits: String,
    /// Environment tag of the applications
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Directory for the signing key and, without --store, users and documents
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_STATE", default_value = ".portcullis")]
    state: PathBuf,
    /// MongoDB database for users, passwords, keys and sessions
    #[arg(long, value_name = "NAME", default_value = "portcullis")]
    mongodb_database: String,
    /// File with a signing key for tokens, at least 32 bytes; repeatable: the first key signs, all keys verify
    #[arg(long = "signing-key", value_name = "FILE")]
    signing_keys: Vec<PathBuf>,
    #[command(flatten)]
    secrets: SecretArgs,
}

impl Args {
    fn place(&self) -> Result<StorePlace, Trouble> {
        Ok(match self.store.as_deref() {
            None => StorePlace::Directory,
            Some(uri) if uri.starts_with("mongodb://") || uri.starts_with("mongodb+srv://") => {
                let Ok(uri) = uri.parse::<ServerUri>();
                StorePlace::Server(uri)
            }
            Some(other) if other.contains("://") => {
                return Err(Trouble::usage("--store takes a path, or an address that begins with mongodb://"));
            }
            Some(path) => StorePlace::File(PathBuf::from(path)),
        })
    }

    fn places(&self) -> Places {
        Places {
            database: self.mongodb_database.clone(),
            signing_keys: self.signing_keys.clone(),
            clients: clients(),
            ..Places::in_directory(&self.state)
        }
    }

    fn served(&self) -> Result<Vec<Served>, Trouble> {
        let serve = |directory: &PathBuf| {
            let app = load_app(directory, self.tag.as_deref())?;
            let secrets = self.secrets.read_for(&app)?;
            Ok(Served { app: Arc::new(app), secrets })
        };
        self.apps.iter().map(serve).collect()
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (served, places, place) = (args.served()?, args.places(), args.place()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (apis, made) = open(served, &places, &place).await?;
        if let Some(path) = made {
            note(&format!("made the signing key `{}`", path.display()));
        }
        let listener = TcpListener::bind(args.listen).await.map_err(|error| {
            Trouble::usage(format!("cannot listen on {}: {error}; choose another address with --listen", args.listen))
        })?;
        let address = listener.local_addr()?;
        announce(&apis, address, output)?;
        let state = State::new(apis, Options { public_url: args.public_url.clone() });
        serve(listener, app(state), stopped()?).await?;
        Ok::<_, Trouble>(())
    })?;
    runtime.block_on(shut_down());
    Ok(Answer::Yes)
}

/// Says where the server is, and what is served and what is not.
fn announce(apis: &[ClientApi], address: SocketAddr, output: &mut Output) -> Result<(), Trouble> {
    if !address.ip().is_loopback() {
        note(&format!("{address} can be reached from other machines, without TLS and without limits on logins"));
    }
    output.line(format!("listening on http://{address}"))?;
    for api in apis {
        let names: Vec<String> = api.providers().served.iter().map(|(name, _)| OneLine(name).to_string()).collect();
        output.line(format!("{}: log in by {}", OneLine(api.id()), listed(&names)))?;
        output.line(format!("  collections: {}", listed(&collections(api.app()))))?;
        for (name, reason) in &api.providers().refused {
            output.line(format!("  not served: provider {}: {reason}", OneLine(name)))?;
        }
        for (count, what) in left_out(api.app()).into_iter().filter(|(count, _)| *count > 0) {
            output.line(format!("  not served: {count} {what}"))?;
        }
        output.line(format!("  try: curl http://{address}/api/client/v2.0/app/{}/location", OneLine(api.id())))?;
    }
    output.flush()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn collections(app: &App) -> Vec<String> {
    app.collections.iter().map(|collection| OneLine(&collection.namespace).to_string()).collect()
}

/// What an application has that is not served.
fn left_out(app: &App) -> [(usize, &'static str); 4] {
    [
        (app.functions.len(), "functions: they are not run yet"),
        (app.triggers.len(), "triggers: they are not run yet"),
        (app.endpoints.len(), "HTTPS endpoints and webhooks: they are not run yet"),
        (app.sync.len(), "device sync configurations: there is no sync server"),
    ]
}

/// Until the process is asked to end.
fn stopped() -> Result<impl Future<Output = ()> + Send + 'static, Trouble> {
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}
