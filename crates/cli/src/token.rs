use std::sync::Arc;

use clap::Subcommand;
use portcullis::login::Freshness;
use portcullis::text::OneLine;
use portcullis_service::IfMissing;
use serde_json::json;

use super::Answer;
use super::accounts::{AppArgs, bearer, block_on, note_foreign, read_token, warn};
use super::output::{Output, note, plural};
use super::stores::AccountStoreArgs;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis token verify login.json --app DIR
  portcullis token refresh login.json --app DIR --custom-data users.json
  portcullis token revoke login.json --app DIR
  portcullis token revoke --id 65a0000000000000000000b2 --app DIR

A token is passed literally, as a file, or as a file written by `portcullis login --json`.";

/// Verify, refresh and revoke access and refresh tokens
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify an access token: its signature and times, and that its session has not ended
    Verify(Token),
    /// Issue a new access token from a refresh token, with current custom data
    Refresh(Token),
    /// End the session of a token, or every session of a user
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Token {
    /// The token
    #[arg(value_name = "TOKEN|FILE|-")]
    token: String,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The access or refresh token
    #[arg(value_name = "TOKEN|FILE|-", required_unless_present = "id")]
    token: Option<String>,
    /// End all sessions of this user
    #[arg(long, alias = "user", value_name = "ID", conflicts_with = "token")]
    id: Option<String>,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    match &args.command {
        Command::Verify(args) => verify(args, output),
        Command::Refresh(args) => refresh(args, output),
        Command::Revoke(args) => revoke(args, output),
    }
}

fn verify(args: &Token, output: &mut Output) -> Result<Answer, Trouble> {
    let service = args.app.service(&args.stores)?;
    let token = read_token(&args.token, &["access_token"])?;
    let found = block_on(bearer(&service, &token, Freshness::Snapshot))?;
    if output.is_json() {
        output.document(&json!({ "valid": true, "user_id": found.user.id, "age_seconds": found.age.age.as_secs() }))?;
    } else {
        let user = OneLine(&found.user.id);
        output.line(format!("valid: user {user}, issued {} ago", plural(&found.age.age.as_secs(), "second")))?;
    }
    Ok(Answer::Yes)
}

fn refresh(args: &Token, output: &mut Output) -> Result<Answer, Trouble> {
    let service = args.app.service(&args.stores)?;
    let token = read_token(&args.token, &["refresh_token"])?;
    let refreshed = block_on(async {
        let authenticator = service.authenticator().await?;
        let refreshed = authenticator.refresh(&token).await;
        if refreshed.is_err() {
            note_foreign(&token);
        }
        Ok(refreshed?)
    })?;
    warn(&refreshed.warnings);
    if output.is_json() {
        output.document(&json!({ "access_token": refreshed.access_token }))?;
    } else {
        output.line(&refreshed.access_token)?;
    }
    Ok(Answer::Yes)
}

fn revoke(args: &Revoke, output: &mut Output) -> Result<Answer, Trouble> {
    let ended = if let Some(user) = &args.id {
        // Revoking by user ID needs neither a signing key nor the application's directory: an administrator who has
        // lost the key or is in a hurry can still do it.
        block_on(async {
            let stores = args.app.open(&args.stores, IfMissing::Refuse).await?;
            let users = Arc::clone(&stores.users);
            let ended = stores.accounts().revoke_sessions(user).await?;
            if ended == 0 && users.find(user).await?.is_none() {
                note(&format!("there is no user `{user}`"));
            }
            Ok(ended)
        })?
    } else {
        let service = args.app.service(&args.stores)?;
        let token = read_token(args.token.as_deref().unwrap_or_default(), &["refresh_token", "access_token"])?;
        block_on(async {
            let authenticator = service.tokens().await?;
            let ended = authenticator.log_out(&token).await;
            if ended.is_err() {
                note_foreign(&token);
            }
            Ok(u64::from(ended?))
        })?
    };
    if output.is_json() {
        output.document(&json!({ "ended": ended }))?;
    } else {
        output.line(format!("{} ended", plural(&ended, "session")))?;
    }
    Ok(Answer::from_bool(ended > 0))
}
