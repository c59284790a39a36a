use clap::Subcommand;
use portcullis::text::OneLine;
use portcullis_service::IfMissing;
use portcullis_service::client::{Administration, ClientError, CreatedKey, ErrorClass, KeyView, Providers};
use serde_json::{Value, json};

use super::Answer;
use super::accounts::{AppArgs, block_on};
use super::output::{Output, note};
use super::stores::AccountStoreArgs;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis keys create reports --app DIR
  portcullis keys create reports --app DIR --store mongodb://localhost:27017 --json > key.json
  portcullis keys list --app DIR
  portcullis keys disable reports --app DIR
  portcullis keys delete reports --app DIR

Each key has a user of its own, whose `%%user.type` is \"server\". Users create their own keys through the client API.";

/// Create, list, disable, enable and delete server API keys
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key and print it; it cannot be shown again
    Create(Named),
    /// List the keys, without their secret part
    List(List),
    /// Disable a key: its sessions end, and nobody can log in with it until it is enabled
    Disable(Named),
    /// Enable a disabled key
    Enable(Named),
    /// Delete a key and its user, and end its sessions
    Delete(Named),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The name of the key; the ID of an existing key works, too
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    block_on(async {
        match &args.command {
            Command::Create(args) => create(args, output).await,
            Command::List(args) => list(args, output).await,
            Command::Disable(args) => set_disabled(args, true, output).await,
            Command::Enable(args) => set_disabled(args, false, output).await,
            Command::Delete(args) => delete(args, output).await,
        }
    })?;
    Ok(Answer::Yes)
}

async fn create(args: &Named, output: &mut Output) -> Result<(), Trouble> {
    if args.stores.application().is_none() && !Providers::of(&args.app.load()?).has_keys() {
        note("the application has no provider of type `api-key` that is enabled: nobody can log in with a key");
    }
    let administration = Administration::new(args.app.open(&args.stores, IfMissing::Create).await?);
    let CreatedKey { id, key, name } = administration.create_server_key(&args.name).await.map_err(about_name)?;
    if output.is_json() {
        return output.document(&json!({ "_id": id, "key": key, "name": name }));
    }
    output.line(format!("id:  {id}"))?;
    output.line(format!("key: {key}"))?;
    note("the key is shown only this once; whoever has it can log in");
    Ok(())
}

/// Says what a message is about that clients show beside the field of the name.
fn about_name(mut error: ClientError) -> ClientError {
    if error.class == ErrorClass::BadRequest && error.message.starts_with("can only contain") {
        error.private = Some(format!("the name of a key {}", error.message));
    }
    error
}

async fn list(args: &List, output: &mut Output) -> Result<(), Trouble> {
    let administration = Administration::new(args.app.open(&args.stores, IfMissing::Refuse).await?);
    let keys = administration.server_keys().await?;
    if output.is_json() {
        return output.document(&json!({ "keys": keys.iter().map(to_json).collect::<Value>() }));
    }
    for KeyView { id, name, is_disabled } in &keys {
        let state = if *is_disabled { "disabled" } else { "enabled" };
        output.line(format!("{id}  {state}  {}", OneLine(name)))?;
    }
    if keys.is_empty() { output.line("there are no server keys") } else { Ok(()) }
}

async fn set_disabled(args: &Named, is_disabled: bool, output: &mut Output) -> Result<(), Trouble> {
    let administration = Administration::new(args.app.open(&args.stores, IfMissing::Refuse).await?);
    let key = administration.set_server_key_disabled(&args.name, is_disabled).await?;
    let done = if is_disabled { "disabled" } else { "enabled" };
    if output.is_json() {
        return output.document(&json!({ done: to_json(&key) }));
    }
    output.line(format!("{done} {}  {}", key.id, OneLine(&key.name)))
}

async fn delete(args: &Named, output: &mut Output) -> Result<(), Trouble> {
    let stores = args.app.open(&args.stores, IfMissing::Refuse).await?;
    // The key's user is deleted with it; if the application's directory exists, its triggers get an event.
    let administration = match args.app.load() {
        Ok(app) => Administration::telling(stores, &app),
        Err(_) => Administration::new(stores),
    };
    let deleted = administration.delete_server_key(&args.name).await?;
    if output.is_json() {
        return output.document(&json!({ "deleted": to_json(&deleted) }));
    }
    output.line(format!("deleted {}  {}", deleted.id, OneLine(&deleted.name)))
}

fn to_json(key: &KeyView) -> Value {
    json!({ "_id": key.id, "name": key.name, "disabled": key.is_disabled })
}
