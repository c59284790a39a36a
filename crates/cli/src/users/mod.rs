mod add;
mod export;
mod import;
mod password;

use clap::Subcommand;
use portcullis::auth::ProviderType;
use portcullis::login::{Accounts, LoginError};
use portcullis::store::{Account, Credentials, Identity};
use portcullis::text::OneLine;
use portcullis::{Clock, SystemClock};
use portcullis_service::IfMissing;
use serde_json::{Value, json};

use super::Answer;
use super::accounts::{AppArgs, block_on};
use super::output::{Output, plural};
use super::stores::AccountStoreArgs;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis users import exported-users.ndjson --app DIR
  portcullis users add ken@example.com --app DIR --store data.redb
  portcullis users export --app DIR > users.ndjson
  portcullis users list --app DIR --mongodb-uri mongodb://localhost:27017
  portcullis users disable ken@example.com --app DIR
  portcullis users disable 65a0000000000000000000b2 --application my-app-abcde
  portcullis users delete --expired-anonymous --app DIR";

/// Create, import, export, list, disable, enable and delete users, and set their passwords
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Add),
    SetPassword(add::SetPassword),
    Confirm(add::Confirm),
    Import(import::Args),
    Export(export::Args),
    List(List),
    /// Block users from logging in and end their sessions
    Disable(Ids),
    /// Allow users to log in again
    Enable(Ids),
    Delete(Delete),
}

/// Print all users, ordered by ID
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

/// Which users.
#[derive(Debug, clap::Args)]
struct IdArgs {
    /// The IDs or e-mail addresses of users
    #[arg(value_name = "ID|EMAIL")]
    ids: Vec<String>,
    /// A user ID, given as an option as in other commands
    #[arg(long = "id", value_name = "ID")]
    named: Vec<String>,
}

impl IdArgs {
    fn given(&self) -> Vec<&str> {
        self.ids.iter().chain(&self.named).map(String::as_str).collect()
    }

    fn required(&self) -> Result<Vec<&str>, Trouble> {
        let ids = self.given();
        if ids.is_empty() {
            Err(Trouble::usage("no users given: pass their IDs or e-mail addresses as arguments, or IDs with --id"))
        } else {
            Ok(ids)
        }
    }
}

#[derive(Debug, clap::Args)]
struct Ids {
    #[command(flatten)]
    ids: IdArgs,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

/// Delete users and end their sessions; their custom data documents are kept
#[derive(Debug, clap::Args)]
struct Delete {
    #[command(flatten)]
    ids: IdArgs,
    /// Delete anonymous users who have not logged in or refreshed for 90 days
    #[arg(long)]
    expired_anonymous: bool,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    match &args.command {
        Command::Add(args) => block_on(add::add(args, output)),
        Command::SetPassword(args) => block_on(add::set_password(args, output)),
        Command::Confirm(args) => block_on(add::confirm(args, output)),
        Command::Import(args) => import::run(args, output),
        Command::Export(args) => block_on(export::run(args, output)),
        Command::List(args) => block_on(list(args, output)),
        Command::Disable(args) => {
            block_on(change(Change::Disable, &args.ids.required()?, (&args.app, &args.stores), output))
        }
        Command::Enable(args) => {
            block_on(change(Change::Enable, &args.ids.required()?, (&args.app, &args.stores), output))
        }
        Command::Delete(args) if args.expired_anonymous && !args.ids.given().is_empty() => {
            Err(Trouble::usage("give either the ids of users or --expired-anonymous"))
        }
        Command::Delete(args) if args.expired_anonymous => block_on(delete_expired(args, output)),
        Command::Delete(args) => {
            block_on(change(Change::Delete, &args.ids.required()?, (&args.app, &args.stores), output))
        }
    }
}

/// The number of users per page.
const PAGE: usize = 1000;

/// Prints one page at a time, so that memory does not grow with the number of users.
async fn list(args: &List, output: &mut Output) -> Result<Answer, Trouble> {
    let users = args.app.open(&args.stores, IfMissing::Refuse).await?.users;
    output.begin_list("users")?;
    let (mut count, mut after) = (0_u64, None::<String>);
    loop {
        let page = users.list(after.as_deref(), PAGE).await?;
        for account in &page {
            let shown = if output.is_json() { to_json(account).to_string() } else { to_line(account) };
            output.element(&shown)?;
            count += 1;
        }
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    output.end_list()?;
    if count == 0 && !output.is_json() {
        output.line("there are no users")?;
    }
    Ok(Answer::Yes)
}

fn to_json(account: &Account) -> Value {
    let identities: Value = account
        .identities
        .iter()
        .map(|identity| {
            json!({ "id": identity.id, "provider_type": identity.provider_type.name(), "email": email(identity) })
        })
        .collect();
    json!({
        "id": account.id,
        "type": account.kind.name(),
        "state": account.state.name(),
        "identities": identities,
        "created_at": time(account.created_at),
        "last_login_at": account.last_login_at.map(time),
    })
}

/// The e-mail address of an identity, if its provider supplies one.
fn email(identity: &Identity) -> Option<&str> {
    identity.data.get_str("email").ok()
}

fn to_line(account: &Account) -> String {
    let identities: Vec<String> = account
        .identities
        .iter()
        .map(|identity| {
            let address = email(identity).map(|address| format!(" <{}>", OneLine(address))).unwrap_or_default();
            format!("{}:{}{address}", identity.provider_type.name(), OneLine(&identity.id))
        })
        .collect();
    let login = account.last_login_at.map_or_else(|| "never".to_owned(), time);
    let (id, kind, state) = (OneLine(&account.id), account.kind.name(), account.state.name());
    format!("{id}  {kind}  {state}  last login {login}  {}", identities.join(" "))
}

fn time(time: bson::DateTime) -> String {
    portcullis::value::iso_8601(time).unwrap_or_else(|| time.timestamp_millis().to_string())
}

#[derive(Clone, Copy)]
enum Change {
    Disable,
    Enable,
    Delete,
}

/// The ID of the user with this ID or, if there is none, with this e-mail address.
async fn named(given: &str, accounts: &Accounts, credentials: &dyn Credentials) -> Result<String, LoginError> {
    match accounts.stored(given).await {
        Ok(account) => return Ok(account.id),
        Err(LoginError::UserUnknown(_)) => {}
        Err(error) => return Err(error),
    }
    let owner = match credentials.login(given).await? {
        Some(login) => accounts.user_of(ProviderType::EmailPassword, &login.id).await?,
        None => None,
    };
    owner.ok_or_else(|| LoginError::UserUnknown(given.to_owned()))
}

/// Applies the change to each user. A user that does not exist is reported and does not affect the others.
async fn change(
    change: Change,
    users: &[&str],
    (app, stores): (&AppArgs, &AccountStoreArgs),
    output: &mut Output,
) -> Result<Answer, Trouble> {
    let (accounts, credentials) = app.open_telling(stores, IfMissing::Refuse).await?;
    let mut results = Vec::new();
    for given in users {
        let found = named(given, &accounts, &*credentials).await;
        let id = found.as_deref().unwrap_or(given).to_owned();
        let done = match (found, change) {
            (Err(error), _) => Err(error),
            (Ok(id), Change::Disable) => accounts.disable(&id).await.map(|_| "disabled"),
            (Ok(id), Change::Enable) => accounts.enable(&id).await.map(|()| "enabled"),
            (Ok(id), Change::Delete) => match portcullis_service::client::delete(&accounts, &*credentials, &id).await {
                Ok(false) => Err(LoginError::UserUnknown(id)),
                done => done.map(|_| "deleted"),
            },
        };
        let result = match done {
            Err(error) if !error.is_refusal() => return Err(error.into()),
            done => done.map_err(|error| error.to_string()),
        };
        if !output.is_json() {
            output.line(match &result {
                Ok(word) if id == *given => format!("{word} {}", OneLine(id.as_str())),
                Ok(word) => format!("{word} {} <{}>", OneLine(id.as_str()), OneLine(given)),
                Err(message) => message.clone(),
            })?;
        }
        results.push((id, result));
    }
    if output.is_json() {
        let users: Value = results
            .iter()
            .map(|(id, result)| json!({ "id": id, "done": result.is_ok(), "error": result.as_ref().err() }))
            .collect();
        output.document(&json!({ "users": users }))?;
    }
    Ok(Answer::from_bool(results.iter().all(|(_, result)| result.is_ok())))
}

async fn delete_expired(args: &Delete, output: &mut Output) -> Result<Answer, Trouble> {
    let (accounts, _) = args.app.open_telling(&args.stores, IfMissing::Refuse).await?;
    let deleted = accounts.delete_expired(SystemClock.now()).await?;
    if output.is_json() {
        output.document(&json!({ "deleted": deleted }))?;
    } else {
        output.line(format!("deleted {}", plural(&deleted, "anonymous user")))?;
    }
    Ok(Answer::Yes)
}
