use bson::{Bson, DateTime, Document};
use portcullis::CustomData;
use portcullis::store::{Account, AccountState};
use portcullis_service::IfMissing;
use serde_json::{Value, json};

use super::PAGE;
use crate::Answer;
use crate::accounts::AppArgs;
use crate::output::{Output, note, plural};
use crate::stores::AccountStoreArgs;
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis users export --app DIR > users.ndjson
  portcullis users export --app DIR --store mongodb://localhost:27017 > users.ndjson
  portcullis users import users.ndjson --app DIR --store data.redb

Each line is one user, as `users import` reads it. Passwords and their hashes are never exported: imported users set a new password \
with a reset mail. API keys, sessions, addresses that have never logged in, and custom data, which consists of documents, are not \
exported either.";

/// Export all users as newline-delimited extended JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(super) async fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    if output.is_json() {
        return Err(Trouble::usage(
            "`users export` prints one JSON document per line; for one document use `users list`",
        ));
    }
    let users = args.app.open(&args.stores, IfMissing::Refuse).await?.users;
    let (mut count, mut after) = (0_u64, None::<String>);
    loop {
        let page = users.list(after.as_deref(), PAGE).await?;
        for account in &page {
            output.line(exported(account).to_string())?;
            count += 1;
        }
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    let users = plural(&count, "user");
    note(&format!("{users} exported, without passwords, API keys, sessions and custom data"));
    Ok(Answer::Yes)
}

/// A user in the format that [`Account::from_export`] reads; the data of identities is in canonical extended JSON,
/// which preserves the types.
fn exported(account: &Account) -> Value {
    let canonical = |data: &Document| Bson::Document(data.clone()).into_canonical_extjson();
    let identities = account.identities.iter().map(|identity| {
        json!({
            "id": identity.id,
            "provider_type": identity.provider_type.name(),
            "provider_data": canonical(&identity.data),
        })
    });
    let mut line = json!({
        "_id": account.id,
        "type": account.kind.name(),
        "disabled": account.state.is_disabled(),
        "creation_date": date(account.created_at),
        "last_authentication_date": account.last_login_at.map(date),
        "identities": identities.collect::<Value>(),
        "data": canonical(&account.to_user(CustomData::Absent).data),
    });
    if matches!(account.state, AccountState::Pending | AccountState::DisabledPending)
        && let Some(line) = line.as_object_mut()
    {
        line.insert("pending".to_owned(), Value::Bool(true));
    }
    line
}

fn date(time: DateTime) -> Value {
    Bson::DateTime(time).into_relaxed_extjson()
}
