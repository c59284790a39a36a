//! `portcullis serve`: its options, startup and shutdown.

mod announce;
mod images;
mod logs;
mod public_url;
mod purge;
mod reload;
mod settings_file;
mod triggers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use portcullis::App;
use portcullis::auth::ProviderType;
use portcullis::text::{OneLine, Severity};
use portcullis_server::{AccessKey, Options, RateLimits, State, Tls, metrics, serve};
use portcullis_service::Places;
use portcullis_service::call_log::CallLog;
use portcullis_service::client::{
    ClaimUsersBy, ClientApi, FolderMail, Host, LANGUAGES, MailSettings, MailTexts, Mailer, Served,
};
use tokio::net::TcpListener;
use tracing::Level;

use self::announce::{announce, base};
use self::images::Images;
use self::logs::LogFormat;
pub(super) use self::settings_file::with_settings;
use self::triggers::RunningTriggers;
use super::Answer;
use super::application::load_app;
use super::freshness::ServedFresh;
use super::function_args::FunctionArgs;
use super::output::{Output, note, plural};
use super::secrets::SecretArgs;
use super::signals::stopped;
use super::stores::{clients, shut_down, store_place};
use super::trouble::{Trouble, without_application};

const EXAMPLES: &str = "\
Examples:
  portcullis serve --app DIR
  portcullis serve --app shop --app blog --secrets secrets.json --store mongodb://localhost:27017
  portcullis serve --app DIR --store data.redb --listen 127.0.0.1:9090 --watch
  portcullis serve --app DIR --claim-users-by email=email
  portcullis serve --app DIR --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem --smtp smtps://user:password@mail.example.com \
--mail-from 'Shop <shop@example.com>'
  portcullis serve --config server.toml

Clients log in with the address of this server as their base URL: `new Realm.App({ id, baseUrl: \"http://127.0.0.1:8080\" })`.

All options can also be set in a configuration file (`portcullis.toml`, if there is one) by their long names: \
`listen = \"0.0.0.0:443\"`, `app = [\"shop\", \"blog\"]`, `watch = true`, `smtp = \"${SMTP_URL}\"`. The command line takes precedence.";

/// Serve the client API of App Services: logins, custom user data and collections for unchanged client SDKs
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// An application directory; repeatable
    #[arg(long = "app", value_name = "DIR", default_value = ".")]
    apps: Vec<PathBuf>,
    /// Where users and documents are stored: a MongoDB URI or the path of an embedded store (default: the --state
    /// directory)
    #[arg(long, value_name = "URI|FILE", env = "PORTCULLIS_STORE", hide_env_values = true)]
    store: Option<String>,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The address under which clients reach the server: `https://example.com`
    #[arg(long, value_name = "URL", value_parser = public_url::parse)]
    public_url: Option<String>,
    /// Reload the applications when their files change; if any of them has errors, all stay as they were
    #[arg(long)]
    watch: bool,
    /// Whether to enable pre-images for MongoDB collections with rules, which `watch` needs for updates and deletions
    #[arg(long, value_name = "on|off", default_value = "on", value_parser = ["on", "off"])]
    pre_images: String,
    /// A file with these options (default: `portcullis.toml`, if there is one)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
    /// Answer AuthZEN requests that carry the key in this file: `ID=FILE`, or `FILE` if one application is served;
    /// repeatable
    #[arg(long = "authzen-key", value_name = "[ID=]FILE")]
    authzen_keys: Vec<String>,
    /// Maximum age of the user object that rules see: `snapshot` (as in the access token), `watched` (as in the access token until
    /// the document with the custom data changes), `live` (looked up for each request) or a number of seconds
    #[arg(long, value_name = "snapshot|watched|live|SECONDS", default_value = "snapshot")]
    fresh: ServedFresh,
    /// Let a `custom-token` login take over the imported user whom this claim names, by ID or by verified e-mail address;
    /// repeatable
    #[arg(long, value_name = "id=CLAIM|email=CLAIM")]
    claim_users_by: Vec<ClaimUsersBy>,
    #[command(flatten)]
    functions: FunctionArgs,
    #[command(flatten)]
    exposure: ExposureArgs,
    #[command(flatten)]
    mail: MailArgs,
    #[command(flatten)]
    observation: ObservationArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

/// What a server needs that others than its own machine reach.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Public servers")]
struct ExposureArgs {
    /// The server's certificate chain, PEM; reloaded when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Allow plain HTTP on an address that other machines can reach, for use behind a TLS proxy
    #[arg(long)]
    allow_http: bool,
    /// A proxy, or a network of proxies, whose `X-Forwarded-*` headers are trusted; repeatable: `10.0.0.0/8`
    #[arg(long = "trusted-proxy", value_name = "ADDRESS", value_parser = network)]
    trusted_proxies: Vec<IpNet>,
    /// Whether to limit the rate of logins, registrations and mails by address and account
    #[arg(long, value_name = "on|off", default_value = "on", value_parser = ["on", "off"])]
    rate_limits: String,
    /// Tell callers of endpoints why a function failed, for development (default: only the log tells)
    #[arg(long)]
    show_function_errors: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Mail")]
struct MailArgs {
    /// The mail server: `smtps://user:password@host`, or `smtp://host:587?tls=required` (default: mails are written to files)
    #[arg(long, value_name = "URL", env = "PORTCULLIS_SMTP", hide_env_values = true, requires = "mail_from")]
    smtp: Option<String>,
    /// The sender of mails: `Shop <shop@example.com>`
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Where mails are written without --smtp (default: `mail` in the --state directory)
    #[arg(long, value_name = "DIR", conflicts_with = "smtp")]
    mail_folder: Option<PathBuf>,
    /// The language of mails
    #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = LANGUAGES)]
    mail_language: String,
    /// A folder with custom texts: `confirm.txt`, `confirm.html`, `reset.txt`, `reset.html`
    #[arg(long, value_name = "DIR")]
    mail_texts: Option<PathBuf>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Monitoring")]
struct ObservationArgs {
    /// Serve metrics for Prometheus, `GET /metrics`, on this address
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Format of the log on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Log level: error, warn, info (each request), debug
    #[arg(long, value_name = "LEVEL", env = "PORTCULLIS_LOG", default_value = "info")]
    log: Level,
    /// How many days to keep the log of function calls, which `portcullis logs` prints, in `logs` in the --state directory; 0
    /// disables it
    #[arg(long, value_name = "DAYS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=3650))]
    keep_logs: u32,
}

/// The minimum length of an access key in bytes.
const KEY_LENGTH: usize = 32;

/// Reads an access key given as `[ID=]FILE`.
fn access_key(given: &str, apis: &[ClientApi]) -> Result<AccessKey, Trouble> {
    let (id, path) = match (given.split_once('='), apis) {
        (Some((id, path)), _) => (id, path),
        (None, [api]) => (api.id(), given),
        (None, _) => return Err(Trouble::usage("--authzen-key takes ID=FILE if several applications are served")),
    };
    if apis.iter().all(|api| api.id() != id) {
        return Err(Trouble::usage(format!("--authzen-key: no application `{}` is served", OneLine(id))));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Trouble::Read { name: format!("`{path}`"), error })?;
    let key = text.trim();
    if key.len() < KEY_LENGTH {
        return Err(Trouble::usage(format!(
            "--authzen-key: the key in `{path}` must have at least {KEY_LENGTH} bytes"
        )));
    }
    Ok(AccessKey::new(id, key))
}

/// The errors of an application, each with its file.
fn errors(app: &App) -> Vec<String> {
    let all = app.findings.iter().cloned().chain(app.check());
    let errors = all.filter(|found| found.finding.severity == Severity::Error);
    errors.map(|found| format!("{}: {}", found.source.name(), found.finding.message)).collect()
}

/// Notes that an application is served despite its errors.
fn note_errors(served: &Served) {
    let errors = errors(&served.app);
    if let Some(first) = errors.first() {
        let directory = served.app.directory.display();
        note(&format!(
            "{} in `{directory}`; the parts concerned grant nothing; `portcullis check {directory}` shows them all. The first: {first}",
            plural(&errors.len(), "error")
        ));
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or(address).map_err(|_| "expected an address or a network such as 10.0.0.0/8".to_owned())
}

impl Args {
    fn places(&self) -> Places {
        Places {
            database: self.mongodb_database.clone(),
            signing_keys: self.signing_keys.clone(),
            clients: clients(),
            ..Places::in_directory(&self.state)
        }
    }

    fn served(&self) -> Result<Vec<Served>, Trouble> {
        let given = self.secrets.given()?;
        let serve = |directory: &PathBuf| {
            let app = load_app(directory, self.tag.as_deref())?;
            let secrets = given.of(&app)?;
            Ok(Served { app: Arc::new(app), secrets })
        };
        let served: Vec<Served> = self.apps.iter().map(serve).collect::<Result<_, Trouble>>()?;
        given.note_unnamed(&served.iter().map(|served| &*served.app).collect::<Vec<_>>());
        Ok(served)
    }

    /// Loads the applications; fails if `check` would report an error in any of them.
    fn served_without_errors(&self) -> Result<Vec<Served>, Trouble> {
        let served = self.served()?;
        match served.iter().flat_map(|served| errors(&served.app)).next() {
            None => Ok(served),
            Some(error) => Err(Trouble::usage(error)),
        }
    }

    fn options(&self, apis: &[ClientApi]) -> Result<Options, Trouble> {
        let exposure = &self.exposure;
        Ok(Options {
            public_url: self.public_url.clone(),
            is_tls: exposure.tls_cert.is_some(),
            trusted_proxies: exposure.trusted_proxies.clone(),
            rate_limits: (exposure.rate_limits == "on").then(RateLimits::default),
            shows_function_errors: exposure.show_function_errors,
            access_keys: self.authzen_keys.iter().map(|key| access_key(key, apis)).collect::<Result<_, _>>()?,
        })
    }

    fn tls(&self) -> Result<Option<Tls>, Trouble> {
        let (Some(certificate), Some(key)) = (&self.exposure.tls_cert, &self.exposure.tls_key) else { return Ok(None) };
        Ok(Some(Tls::from_files(certificate, key).map_err(|error| Trouble::usage(error.to_string()))?))
    }

    /// Refuses to serve other machines over plain HTTP, which would expose tokens, unless explicitly allowed.
    fn check_exposure(&self, address: SocketAddr) -> Result<(), Trouble> {
        let exposure = &self.exposure;
        if address.ip().is_loopback() {
            return Ok(());
        }
        if exposure.tls_cert.is_none() && !exposure.allow_http {
            return Err(Trouble::usage(format!(
                "{address} can be reached from other machines, which would send passwords and tokens in the clear: give \
                 --tls-cert and --tls-key, or --allow-http if a proxy with TLS stands in front"
            )));
        }
        note(&format!("{address} can be reached from other machines"));
        if exposure.rate_limits == "off" {
            note("the rate of logins is not limited: --rate-limits is off");
        }
        Ok(())
    }

    /// Notes if `--claim-users-by` has no effect because no application accepts custom tokens.
    fn check_claims(&self, apis: &[ClientApi]) {
        let mut kinds = apis.iter().flat_map(|api| &api.providers().served).map(|(_, kind)| *kind);
        if !self.claim_users_by.is_empty() && !kinds.any(|kind| kind == ProviderType::CustomToken) {
            note("--claim-users-by has no effect: no application has an enabled provider of type `custom-token`");
        }
    }

    /// The log of function calls, unless it is disabled.
    fn call_log(&self) -> Result<Option<CallLog>, Trouble> {
        let (days, directory) = (self.observation.keep_logs, self.state.join("logs"));
        if days == 0 {
            return Ok(None);
        }
        let unusable = |error| {
            Trouble::usage(format!("cannot write `{}`: {error}; --keep-logs 0 keeps none", directory.display()))
        };
        CallLog::open(directory.clone(), days).map(Some).map_err(unusable)
    }

    fn mail(&self) -> Result<MailSettings, Trouble> {
        let mail = &self.mail;
        let usage = |error: &dyn std::error::Error| Trouble::usage(error.to_string());
        let texts = MailTexts::load(&mail.mail_language, mail.mail_texts.as_deref()).map_err(|error| usage(&error))?;
        let mailer: Arc<dyn Mailer> = match (&mail.smtp, &mail.mail_from) {
            (Some(server), Some(from)) => by_server(server, from)?,
            _ => {
                let folder = mail.mail_folder.clone().unwrap_or_else(|| self.state.join("mail"));
                Arc::new(FolderMail::new(folder))
            }
        };
        Ok(MailSettings { mailer, texts })
    }
}

#[cfg(feature = "smtp")]
fn by_server(server: &str, from: &str) -> Result<Arc<dyn Mailer>, Trouble> {
    let mailer = portcullis_service::client::SmtpMail::new(server, from);
    let mailer = mailer.map_err(|error| Trouble::usage(error.to_string()))?;
    Ok(Arc::new(portcullis_service::client::QueuedMail::new(Arc::new(mailer))))
}

#[cfg(not(feature = "smtp"))]
fn by_server(_: &str, _: &str) -> Result<Arc<dyn Mailer>, Trouble> {
    Err(Trouble::usage("this command was built without mail servers (feature `smtp`)"))
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let _log = logs::begin(args.observation.log_format, args.observation.log);
    let (served, places, place) = (args.served()?, args.places(), store_place(args.store.as_deref())?);
    served.iter().for_each(note_errors);
    let tls = args.tls()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = listen(args.listen, "--listen").await?;
        let address = listener.local_addr()?;
        args.check_exposure(address)?;
        let measured = match args.observation.metrics {
            Some(address) => Some(listen(address, "--metrics").await?),
            None => None,
        };
        let (host, made) = Host::open(places, &place, args.mail()?).await?;
        let host = host.with_functions(args.functions.options());
        let host = host.with_takeover(args.claim_users_by.clone()).with_freshness(args.fresh.0).with_triggers();
        let calls = args.call_log()?;
        let host = match &calls {
            Some(calls) => host.with_call_log(calls.clone()),
            None => host,
        };
        let apis = host.applications(served).map_err(without_application)?;
        args.check_claims(&apis);
        let images = if args.pre_images == "on" { Images::Kept } else { Images::LeftAsTheyAre };
        images.keep(&host, &apis).await;
        if let Some(path) = made {
            note(&format!("created signing key `{}`; anyone who has it can issue tokens", path.display()));
        }
        announce(&apis, &base(address, tls.is_some()), output)?;
        let options = args.options(&apis)?;
        tokio::spawn(purge::purge(apis.iter().map(|api| api.accounts().clone()).collect()));
        let triggers = RunningTriggers::default();
        triggers.replace(&apis).await;
        let state = State::new(apis, options);
        if let Some(listener) = measured {
            tokio::spawn(measure(listener, state.clone()));
        }
        if args.watch {
            let again = args.clone();
            let serving = reload::Serving { host, images, state: state.clone(), triggers: triggers.clone() };
            tokio::spawn(reload::reload(args.apps.clone(), move || again.served_without_errors(), serving));
        }
        serve(listener, state, tls, stopped()?).await?;
        triggers.shut_down().await;
        if let Some(calls) = calls {
            calls.flush();
        }
        Ok::<_, Trouble>(())
    })?;
    runtime.block_on(shut_down());
    // Gives background work, such as a mail that is being retried, a moment to finish.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(Answer::Yes)
}

async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener, Trouble> {
    TcpListener::bind(address).await.map_err(|error| {
        Trouble::usage(format!("cannot listen on {address}: {error}; choose another address with {option}"))
    })
}

async fn measure(listener: TcpListener, state: State) {
    if let Err(error) = portcullis_server::serve_metrics(listener, metrics(state)).await {
        tracing::error!(%error, "the metrics listener failed; metrics are no longer served");
    }
}
