use std::path::PathBuf;
use std::sync::Arc;

use bson::Bson;
use portcullis::text::{OneLine, closest};
use portcullis::{App, CustomData, User, UserType, json};
use portcullis_functions::{Call, CallError, ConsoleLevel, ConsoleLine, Entry, Returned};
use portcullis_service::client::{ClientApi, Host, MailSettings, Served};
use portcullis_service::{Places, Service};
use serde_json::{Value, json};

use super::Answer;
use super::accounts::warn;
use super::application::load_app;
use super::context::read_user;
use super::function_args::FunctionArgs;
use super::input::{Input, is_json};
use super::output::{Output, note, say};
use super::secrets::SecretArgs;
use super::stores::{clients, shut_down, store_place};
use super::trouble::{Trouble, without_application};

const EXAMPLES: &str = "\
Examples:
  portcullis run sum 1 2 --app DIR --as-system
  portcullis run greet '\"Ada\"' --user '{\"id\": \"65a0000000000000000000b2\"}'
  portcullis run greet Ada --user '{\"id\": \"u1\"}' --custom-data users.json
  portcullis run report --id 65a0000000000000000000b2 --store mongodb://localhost:27017

Exits with 0 if the function returned, with 1 if it threw or may not be called, and with 2 if it does not exist or cannot run.";

/// Run a function of an application; print its result, and its console output on standard error
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The name of the function
    function: String,
    /// Its arguments, each as extended JSON, the path of a file with extended JSON, or a plain string
    #[arg(value_name = "JSON|FILE|WORD", allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// The application directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    app: PathBuf,
    /// Environment tag of the application
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// The user who calls it: {"id": "…", "custom_data": {…}, …}; custom data that is not given is looked up in the store
    #[arg(long, short, value_name = "JSON|FILE")]
    user: Option<String>,
    /// The ID of the user who calls it
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    id: Option<String>,
    /// Call it as the system user, who bypasses all rules
    #[arg(long, conflicts_with_all = ["user", "id"])]
    as_system: bool,
    /// Custom data of the user, instead of that in the store: a file of extended JSON documents as written by `mongoexport`, or a
    /// directory with one named after the collection
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "as_system")]
    custom_data: Option<PathBuf>,
    /// Where users and documents are stored: a MongoDB URI or the path of an embedded store (default: the --state
    /// directory)
    #[arg(long, value_name = "URI|FILE", env = "PORTCULLIS_STORE", hide_env_values = true)]
    store: Option<String>,
    /// Directory for the signing key and, without --store, users and documents
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_STATE", default_value = ".portcullis")]
    state: PathBuf,
    /// MongoDB database for users, passwords, keys and sessions
    #[arg(long, value_name = "NAME", default_value = "portcullis")]
    mongodb_database: String,
    #[command(flatten)]
    functions: FunctionArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    if args.user.is_none() && args.id.is_none() && !args.as_system {
        return Err(Trouble::usage(
            "no user given: pass --user '{\"id\": \"…\"}', --id with the id of a stored user, or --as-system",
        ));
    }
    let app = load_app(&args.app, args.tag.as_deref())?;
    let secrets = args.secrets.read(&app)?;
    let arguments = args.arguments.iter().map(|argument| value(argument)).collect::<Result<Vec<_>, _>>()?;
    let place = store_place(args.store.as_deref())?;
    let app = Arc::new(app);
    let places =
        Places { database: args.mongodb_database.clone(), clients: clients(), ..Places::in_directory(&args.state) };
    // Calls run on threads of their own; the operations that they wait for run on these.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        let result = async {
            let looking_up =
                Service::new(App::clone(&app), Places { custom_data: args.custom_data.clone(), ..places.clone() })
                    .map_err(without_application)?;
            let served = vec![Served { app, secrets }];
            let mail = MailSettings::to_folder(args.state.join("mail"));
            let mail = mail.map_err(|error| Trouble::usage(error.to_string()))?;
            let (host, _) = Host::open(places, &place, mail).await?;
            let host = host.with_functions(args.functions.options());
            let api = host
                .applications(served)
                .map_err(without_application)?
                .pop()
                .ok_or_else(|| Trouble::usage("the application cannot be opened"))?;
            let user = caller(args, &api, &looking_up).await?;
            let result = api.functions().call(Call::new(&args.function, arguments, Entry::Command, user)).await;
            if let Err(error @ CallError::NotFound(name)) = &result {
                let known: Vec<&str> = api.functions().library().names().collect();
                return Err(Trouble::usage(format!("{error}; {}", alternatives(name, &known))));
            }
            Ok::<_, Trouble>(result)
        }
        .await;
        shut_down().await;
        result
    })?;
    report(result, output)
}

/// What to call instead of a function that does not exist.
fn alternatives(name: &str, known: &[&str]) -> String {
    const SHOWN: usize = 10;
    if let Some(known) = closest(name, known.iter().copied()) {
        return format!("did you mean `{}`?", OneLine(known));
    }
    let names: Vec<String> = known.iter().take(SHOWN).map(|known| format!("`{}`", OneLine(known))).collect();
    match known.len().saturating_sub(SHOWN) {
        _ if names.is_empty() => "the application has no functions".to_owned(),
        0 => format!("the application has {}", names.join(", ")),
        more => format!("the application has {} and {more} more", names.join(", ")),
    }
}

/// Prints the outcome of a call.
pub(super) fn report(result: Result<Returned, CallError>, output: &mut Output) -> Result<Answer, Trouble> {
    match result {
        Ok(returned) => print(&returned, output),
        Err(error) => fail(&error, output),
    }
}

/// The user who calls the function.
async fn caller(args: &Args, api: &ClientApi, looking_up: &Service) -> Result<User, Trouble> {
    if args.custom_data.is_some() {
        let user = match (&args.id, args.user.as_deref().map(read_user).transpose()?) {
            (Some(id), _) => api.user(id).await?,
            (None, Some(user)) if user.custom_data == CustomData::NotLoaded => user,
            (None, _) => {
                let message = "--custom-data and `custom_data` in the object given with --user cannot be combined";
                return Err(Trouble::usage(message));
            }
        };
        let (user, _, warnings) = looking_up.with_custom_data(user).await?;
        warn(&warnings);
        return Ok(user);
    }
    if let Some(id) = &args.id {
        return Ok(api.user(id).await?);
    }
    match args.user.as_deref().map(read_user).transpose()? {
        Some(user) if user.kind != UserType::System => {
            let (user, warnings) = api.with_custom_data(user).await?;
            warn(&warnings);
            Ok(user)
        }
        _ => Ok(User::system()),
    }
}

/// Parses an argument: JSON, a file with JSON, or a plain string.
fn value(argument: &str) -> Result<Bson, Trouble> {
    let is_word = !is_json(argument) && argument != "-" && !std::path::Path::new(argument).is_file();
    if is_word {
        return Ok(Bson::from(argument));
    }
    let input = Input::read(argument, "argument")?;
    json::to_bson(&input.node)
        .map_err(|error| Trouble::findings("an argument", &input.source, Some(&input.node), vec![error.into()]))
}

fn print(returned: &Returned, output: &mut Output) -> Result<Answer, Trouble> {
    let value = json::from_bson(&returned.value);
    tell(&returned.console);
    if output.is_json() {
        output.document(&json!({ "result": value, "console": console(&returned.console) }))?;
    } else {
        let pretty = json::parse(&value.to_string()).map_or_else(|_| value.to_string(), |node| node.to_pretty());
        output.line(pretty)?;
    }
    Ok(Answer::Yes)
}

fn fail(error: &CallError, output: &mut Output) -> Result<Answer, Trouble> {
    tell(error.console());
    let (position, reason) = match error {
        CallError::Failed(failure) => {
            (failure.position.as_ref().map(|at| format!("{}:{}:{}", at.file, at.line, at.column)), None)
        }
        CallError::RunAsRefused { reason, .. } | CallError::NotRunnable { reason, .. } => (None, Some(reason.as_str())),
        CallError::Engine(reason) => (None, Some(reason.as_str())),
        _ => (None, None),
    };
    let shown = match (&position, reason) {
        (Some(position), _) => format!("{error} ({position})"),
        (None, Some(reason)) => format!("{error}: {reason}"),
        (None, None) => error.to_string(),
    };
    match error {
        CallError::Failed(_)
        | CallError::RuleNotMatched(_)
        | CallError::RunAsRefused { .. }
        | CallError::TimedOut { .. } => {
            say(&format!("{}\n", OneLine(shown)));
            if output.is_json() {
                let failure =
                    json!({ "error": error.to_string(), "position": position, "console": console(error.console()) });
                output.document(&failure)?;
            }
            Ok(Answer::No)
        }
        _ => Err(Trouble::usage(shown)),
    }
}

/// Prints the lines that a function wrote to its console.
fn tell(lines: &[ConsoleLine]) {
    for line in lines {
        match line.level {
            ConsoleLevel::Log => say(&format!("{}\n", line.text)),
            level => note(&format!("console.{}: {}", level.name(), line.text)),
        }
    }
}

fn console(lines: &[ConsoleLine]) -> Value {
    lines.iter().map(|line| json!({ "level": line.level.name(), "text": line.text })).collect()
}
