mod run;

use bson::DateTime;
use clap::Subcommand;
use portcullis::store::{Switch, TriggerState};
use portcullis::text::{OneLine, closest};
use portcullis::trigger::{TriggerDefinition, TriggerEvent};
use portcullis::{App, Clock, SystemClock};
use portcullis_service::IfMissing;
use portcullis_service::triggers::TriggerPlan;
use serde_json::{Value, json};

use crate::Answer;
use crate::accounts::{AppArgs, block_on};
use crate::output::{Output, plural};
use crate::stores::AccountStoreArgs;
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis triggers list --app DIR --store mongodb://localhost:27017
  portcullis triggers pause nightly --app DIR --store mongodb://localhost:27017
  portcullis triggers resume onOrder --from-now --app DIR
  portcullis triggers run nightly --app DIR

Without MongoDB, a running server has exclusive access to the state file: stop it first.";

/// List, pause and resume the triggers that `serve` runs, and run the function of one once
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Pause(Pause),
    Resume(Resume),
    Run(run::Run),
}

/// List all triggers with their state, how often they ran and failed, and why any of them does not run
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

/// Pause a trigger; functions that are already running are completed
#[derive(Debug, clap::Args)]
struct Pause {
    /// The name of the trigger
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

/// Resume a paused or suspended trigger where it stopped
#[derive(Debug, clap::Args)]
struct Resume {
    /// The name of the trigger
    #[arg(value_name = "NAME")]
    name: String,
    /// Resume from now, skipping earlier changes and scheduled times
    #[arg(long)]
    from_now: bool,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(crate) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    match &args.command {
        Command::List(args) => block_on(list(args, output)),
        Command::Pause(args) => block_on(switch(&args.name, Switch::Pause, (&args.app, &args.stores), output)),
        Command::Run(args) => run::run(args, output),
        Command::Resume(args) => {
            let switch_to = if args.from_now { Switch::ResumeFromNow } else { Switch::Resume };
            block_on(switch(&args.name, switch_to, (&args.app, &args.stores), output))
        }
    }
}

/// The current state of a trigger and, if it does not run, the reason.
struct TriggerStatus {
    word: &'static str,
    reason: Option<String>,
}

impl TriggerStatus {
    fn of(state: &TriggerState) -> Self {
        match &state.suspended {
            Some(reason) => Self { word: "suspended", reason: Some(reason.clone()) },
            None if state.is_paused => Self { word: "paused", reason: None },
            None => Self { word: "enabled", reason: None },
        }
    }
}

async fn list(args: &List, output: &mut Output) -> Result<Answer, Trouble> {
    let app = args.app.load()?;
    let places = args.stores.places()?;
    let on_server = places.server.is_some() && places.file.is_none();
    let plan = TriggerPlan::served(&app, on_server.then_some(places.database.as_str()));
    // Before the first start of a server, no trigger has run.
    let stores = args.app.open_existing(&args.stores).await?;
    let mut lines: Vec<Value> = Vec::new();
    for planned in &plan.runs {
        let definition = &planned.definition;
        let name = &definition.name;
        let state = match &stores {
            Some(stores) => stores.triggers.state(name).await?,
            None => TriggerState::default(),
        };
        let waiting = match (&definition.event, &stores) {
            (TriggerEvent::Authentication(_), Some(stores)) => Some(stores.events.count(name).await?),
            (TriggerEvent::Authentication(_), None) => Some(0),
            (TriggerEvent::Database(_) | TriggerEvent::Scheduled(_), _) => None,
        };
        let standing = TriggerStatus::of(&state);
        if !output.is_json() {
            output.line(to_line(definition, &standing, &state, waiting))?;
        }
        lines.push(to_json(definition, &standing, &state, waiting));
    }
    for planned in &plan.disabled {
        let TriggerDefinition { name, event, .. } = &planned.definition;
        if !output.is_json() {
            output.line(format!("{name}  {}  disabled by its configuration", event.name()))?;
        }
        lines.push(json!({ "name": name, "type": event.name(), "state": "disabled" }));
    }
    for (name, reason) in &plan.refused {
        if !output.is_json() {
            output.line(format!("{}  cannot run: {}", OneLine(name), OneLine(reason)))?;
        }
        lines.push(json!({ "name": name, "state": "refused", "reason": reason }));
    }
    if output.is_json() {
        output.document(&json!({ "triggers": lines }))?;
    } else if lines.is_empty() {
        output.line("there are no triggers")?;
    }
    Ok(Answer::Yes)
}

fn to_line(
    definition: &TriggerDefinition,
    standing: &TriggerStatus,
    state: &TriggerState,
    waiting: Option<u64>,
) -> String {
    let mut line = format!("{}  {}  {}", definition.name, definition.event.name(), standing.word);
    if let Some(reason) = &standing.reason {
        line.push_str(&format!(": {}", OneLine(reason)));
    }
    line.push_str(&format!("  {} of `{}`", plural(&state.runs, "run"), OneLine(&definition.function)));
    if state.failures > 0 {
        line.push_str(&format!(", {} failed", state.failures));
    }
    if let Some(failure) = &state.last_failure {
        line.push_str(&format!(", last with: {}", OneLine(failure)));
    }
    if let Some(waiting) = waiting.filter(|waiting| *waiting > 0) {
        line.push_str(&format!("  {} waiting", plural(&waiting, "event")));
    }
    if let Some(next) = next(definition, state) {
        line.push_str(&format!("  next {}", text(next)));
    }
    line
}

fn to_json(
    definition: &TriggerDefinition,
    standing: &TriggerStatus,
    state: &TriggerState,
    waiting: Option<u64>,
) -> Value {
    json!({
        "name": definition.name,
        "type": definition.event.name(),
        "function": definition.function,
        "state": standing.word,
        "reason": standing.reason,
        "runs": state.runs,
        "failures": state.failures,
        "last_failure": state.last_failure,
        "waiting": waiting,
        "next": next(definition, state).map(text),
        "leased_until": state.leased_until.map(text),
    })
}

/// The next scheduled time, unless the trigger is paused.
fn next(definition: &TriggerDefinition, state: &TriggerState) -> Option<DateTime> {
    let TriggerEvent::Scheduled(trigger) = &definition.event else { return None };
    if !state.may_run() {
        return None;
    }
    trigger.schedule.next_after(state.ran_until.unwrap_or_else(|| SystemClock.now()))
}

fn text(time: DateTime) -> String {
    portcullis::value::iso_8601(time).unwrap_or_else(|| time.timestamp_millis().to_string())
}

async fn switch(
    name: &str,
    to: Switch,
    (app, stores): (&AppArgs, &AccountStoreArgs),
    output: &mut Output,
) -> Result<Answer, Trouble> {
    check_name(name, &app.load()?)?;
    // A trigger can be paused before the first start of a server.
    let missing = if to == Switch::Pause { IfMissing::Create } else { IfMissing::Refuse };
    let stores = app.open(stores, missing).await?;
    stores.triggers.switch(name, to).await?;
    let standing = TriggerStatus::of(&stores.triggers.state(name).await?);
    if output.is_json() {
        output.document(&json!({ "name": name, "state": standing.word }))?;
    } else {
        output.line(format!("{} is {}", OneLine(name), standing.word))?;
    }
    Ok(Answer::Yes)
}

fn check_name(name: &str, app: &App) -> Result<(), Trouble> {
    if app.triggers.iter().any(|trigger| trigger.name == name) {
        return Ok(());
    }
    let known = app.triggers.iter().map(|trigger| trigger.name.as_str());
    let help = closest(name, known).map_or_else(
        || "see `portcullis triggers list`".to_owned(),
        |known| format!("did you mean `{}`?", OneLine(known)),
    );
    Err(Trouble::usage(format!("the application has no trigger `{}`: {help}", OneLine(name))))
}
