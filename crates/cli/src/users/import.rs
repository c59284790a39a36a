use std::collections::BTreeSet;
use std::io::{BufReader, Read};

use indicatif::ProgressBar;
use portcullis::json::{self, Chunk};
use portcullis::store::{Account, Exported, ImportOutcome, LoginAddition};
use portcullis::text::{OneLine, Source};
use portcullis::{Clock, SystemClock};
use portcullis_service::IfMissing;
use portcullis_service::client::{Administration, ImportedUser};
use serde_json::{Value, json};

use crate::Answer;
use crate::accounts::{AppArgs, block_on};
use crate::input::{Input, one_per_line};
use crate::output::{Output, note, plural};
use crate::progress::{followed, named};
use crate::stores::AccountStoreArgs;
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Each line is one user, as exported from App Services:
  {\"_id\": \"…\", \"type\": \"normal\", \"disabled\": false, \"creation_date\": 1600000000,
   \"identities\": [{\"id\": \"…\", \"provider_type\": \"custom-token\", \"provider_data\": {…}}]}

Existing users are left unchanged, so importing a file again has no effect. Nobody else can register the imported addresses of the \
provider `local-userpass`. Imported users have no passwords: they set one with a reset mail.";

/// The number of users that are written at once.
const BATCH: usize = 500;

/// Import exported users (newline-delimited extended JSON), keeping their IDs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The exported users
    #[arg(value_name = "JSON|FILE|-")]
    file: String,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

/// The outcome of an import.
#[derive(Default)]
struct Imported {
    added: u64,
    unchanged: u64,
    /// The line numbers and the reasons.
    refused: Vec<(usize, String)>,
    /// The names of unknown fields.
    ignored: BTreeSet<String>,
}

/// The maximum number of unknown fields that are reported.
const MAX_IGNORED: usize = 20;

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (reader, bar) = followed(&args.file)?;
    let imported = block_on(import(args, reader, &bar));
    bar.finish_and_clear();
    let imported = imported?;
    print(&imported, output)?;
    Ok(Answer::from_bool(imported.refused.is_empty()))
}

async fn import(args: &Args, reader: Box<dyn Read>, bar: &ProgressBar) -> Result<Imported, Trouble> {
    let users = Administration::new(args.app.open(&args.stores, IfMissing::Create).await?);
    let name = named(&args.file);
    let mut imported = Imported::default();
    let mut batch = Vec::new();
    for chunk in json::Stream::new(BufReader::new(reader)) {
        let chunk = chunk.map_err(|error| Trouble::Read { name: format!("`{name}`"), error })?;
        match read(&chunk, &name) {
            Ok(Exported { account, ignored }) => {
                let room = MAX_IGNORED.saturating_sub(imported.ignored.len());
                imported.ignored.extend(ignored.into_iter().take(room));
                batch.push((chunk.line, account));
            }
            Err(message) => imported.refused.push((chunk.line, message)),
        }
        if batch.len() >= BATCH {
            write(&users, &mut batch, &mut imported).await?;
            bar.set_message(format!("{} added", plural(&imported.added, "user")));
        }
    }
    write(&users, &mut batch, &mut imported).await?;
    imported.refused.sort();
    Ok(imported)
}

fn read(chunk: &Chunk, name: &str) -> Result<Exported, String> {
    let source = Source::new(name, String::from_utf8_lossy(&chunk.bytes)).from_line(chunk.line);
    let input = Input::parse(source, &chunk.bytes, "a user").map_err(|trouble| trouble.to_string())?;
    if input.node.as_array().is_some() {
        return Err(one_per_line("users", "user"));
    }
    let document = input.document("a user").map_err(|trouble| trouble.to_string())?;
    Account::from_export(document, SystemClock.now()).map_err(|error| error.to_string())
}

async fn write(
    users: &Administration,
    batch: &mut Vec<(usize, Account)>,
    imported: &mut Imported,
) -> Result<(), Trouble> {
    let (lines, accounts): (Vec<usize>, Vec<Account>) = batch.drain(..).unzip();
    let results = users.import(&accounts).await?;
    for ((line, account), ImportedUser { outcome, address }) in lines.into_iter().zip(&accounts).zip(results) {
        let id = OneLine(&account.id);
        if matches!(address, Some(LoginAddition::AddressTaken | LoginAddition::IdTaken)) {
            let message = format!(
                "the user `{id}` exists, but another user has registered the e-mail address: a reset mail cannot set a password"
            );
            imported.refused.push((line, message));
        }
        match outcome {
            ImportOutcome::Added => imported.added += 1,
            ImportOutcome::Unchanged => imported.unchanged += 1,
            ImportOutcome::IdTaken => {
                imported.refused.push((
                    line,
                    format!("a different user with the ID `{id}`, or a changed version of it, already exists"),
                ));
            }
            ImportOutcome::IdentityTaken { provider_type, id: identity } => {
                let identity = OneLine(&identity);
                let provider = provider_type.name();
                let message =
                    format!("the identity `{identity}` of `{provider}`, of the user `{id}`, belongs to another user");
                imported.refused.push((line, message));
            }
        }
    }
    Ok(())
}

fn print(imported: &Imported, output: &mut Output) -> Result<(), Trouble> {
    if output.is_json() {
        let refused: Value =
            imported.refused.iter().map(|(line, message)| json!({ "line": line, "error": message })).collect();
        return output.document(&json!({
            "added": imported.added, "unchanged": imported.unchanged, "refused": refused, "ignored": imported.ignored,
        }));
    }
    if !imported.ignored.is_empty() {
        let names: Vec<String> = imported.ignored.iter().map(|name| format!("`{name}`")).collect();
        note(&format!("ignored unknown user fields: {}", names.join(", ")));
    }
    for (line, message) in &imported.refused {
        output.line(format!("line {line}: {}", OneLine(message)))?;
    }
    let count = u64::try_from(imported.refused.len()).unwrap_or(u64::MAX);
    output.line(format!("{} added, {} unchanged, {count} refused", plural(&imported.added, "user"), imported.unchanged))
}
