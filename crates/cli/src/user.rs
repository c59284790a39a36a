use bson::Bson;
use portcullis::login::Freshness;
use portcullis::{Clock, SystemClock, json};
use serde_json::json;

use super::Answer;
use super::accounts::{AppArgs, bearer, block_on, read_token, warn};
use super::asker::NOT_LOOKED_UP;
use super::freshness::FreshnessArgs;
use super::output::{Output, note};
use super::stores::AccountStoreArgs;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis user --token login.json --app DIR
  portcullis user --token login.json --app DIR --custom-data users.json --fresh live
  portcullis user --id 65a0000000000000000000b2 --app DIR --mongodb-uri mongodb://localhost:27017";

/// Print the user object, `%%user`, for an access token or a user ID
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// An access token
    #[arg(long, value_name = "TOKEN|FILE|-")]
    token: Option<String>,
    /// The ID of a user
    #[arg(long, value_name = "ID", conflicts_with_all = ["token", "fresh"])]
    id: Option<String>,
    #[command(flatten)]
    freshness: FreshnessArgs,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    if args.token.is_none() && args.id.is_none() {
        return Err(Trouble::usage(
            "no user given: pass --token with an access token, or --id with the id of a stored user",
        ));
    }
    let service = args.app.service(&args.stores)?;
    let token = args.token.as_deref().map(|token| read_token(token, &["access_token"])).transpose()?;
    let freshness: Freshness = args.freshness.freshness();
    if token.is_some() && freshness == Freshness::Snapshot && args.stores.names_custom_data() {
        note(NOT_LOOKED_UP);
    }
    let found = block_on(async {
        if let Some(id) = &args.id {
            let now = SystemClock.now();
            return Ok(service.assembler().await?.look_up(id, now).await?);
        }
        bearer(&service, token.as_deref().unwrap_or_default(), freshness).await
    })?;
    warn(&found.warnings);
    let user = json::from_bson(&Bson::Document(found.user.to_document()));
    if output.is_json() {
        output.document(&json!({ "user": user, "age_seconds": found.age.age.as_secs() }))?;
    } else {
        let pretty = json::parse(&user.to_string()).map_or_else(|_| user.to_string(), |node| node.to_pretty());
        output.line(pretty)?;
        note(&format!("the user object is {}", found.age));
    }
    Ok(Answer::Yes)
}
