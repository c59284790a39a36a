use std::sync::Arc;

use portcullis::text::OneLine;
use portcullis_service::IfMissing;
use portcullis_service::client::{Administration, Host, MailSettings, PasswordSet, Served};
use serde_json::json;

use super::password::PasswordArgs;
use crate::Answer;
use crate::accounts::AppArgs;
use crate::output::{Output, note, plural};
use crate::secrets::SecretArgs;
use crate::stores::AccountStoreArgs;
use crate::trouble::Trouble;

const ADD_EXAMPLES: &str = "\
Examples:
  portcullis users add ken@example.com --app DIR
  portcullis users add ken@example.com --password-file password.txt --app DIR --store mongodb://localhost:27017
  pass ken | portcullis users add ken@example.com --app DIR --store data.redb

The address counts as confirmed. The user creation function is called; if it fails, no user is created.";

/// Create a user with an e-mail address and a password
#[derive(Debug, clap::Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(super) struct Add {
    /// The e-mail address
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

pub(super) async fn add(args: &Add, output: &mut Output) -> Result<Answer, Trouble> {
    let app = args.app.load()?;
    let password = args.password.read()?;
    let served = Served { secrets: args.secrets.read(&app)?, app: Arc::new(app) };
    let places = args.stores.places()?;
    // Required by the service, but no mail is sent.
    let mail = MailSettings::to_folder(places.state.join("mail")).map_err(|error| Trouble::usage(error.to_string()))?;
    let (host, made) = Host::open(places, &args.stores.place()?, mail).await?;
    let apis = host.with_triggers().applications(vec![served])?;
    if let Some(path) = made {
        note(&format!("created signing key `{}`; anyone who has it can issue tokens", path.display()));
    }
    let api = apis.first().ok_or_else(|| Trouble::usage("no application given"))?;
    let user_id = api.add_user(&args.email, &password).await?;
    if output.is_json() {
        output.document(&json!({ "user_id": user_id }))?;
    } else {
        output.line(format!("added {}", OneLine(&user_id)))?;
    }
    Ok(Answer::Yes)
}

const PASSWORD_EXAMPLES: &str = "\
Examples:
  portcullis users set-password ken@example.com --app DIR
  portcullis users set-password ken@example.com --password-file password.txt --application my-app-abcde --state DIR

The user's sessions end and the user's API keys are disabled, since whoever knew the old password may have created them.";

/// Set the password of an e-mail address, confirm the address, and end the user's sessions
#[derive(Debug, clap::Args)]
#[command(after_help = PASSWORD_EXAMPLES)]
pub(super) struct SetPassword {
    /// The e-mail address
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(super) async fn set_password(args: &SetPassword, output: &mut Output) -> Result<Answer, Trouble> {
    let administration = Administration::new(args.app.open(&args.stores, IfMissing::Refuse).await?);
    let password = args.password.read()?;
    let PasswordSet { sessions, keys } = administration.set_password(&args.email, &password).await?;
    if output.is_json() {
        output.document(&json!({ "ended": sessions, "disabled_keys": keys }))?;
    } else {
        let keys = u64::try_from(keys).unwrap_or(u64::MAX);
        let (sessions, keys) = (plural(&sessions, "session"), plural(&keys, "API key"));
        output.line(format!("password set, {sessions} ended, {keys} disabled"))?;
    }
    Ok(Answer::Yes)
}

const CONFIRM_EXAMPLES: &str = "\
Examples:
  portcullis users confirm ken@example.com --app DIR
  portcullis users confirm ken@example.com --app DIR --store mongodb://localhost:27017";

/// Confirm a registered e-mail address, so that the user can log in
#[derive(Debug, clap::Args)]
#[command(after_help = CONFIRM_EXAMPLES)]
pub(super) struct Confirm {
    /// The e-mail address
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
}

pub(super) async fn confirm(args: &Confirm, output: &mut Output) -> Result<Answer, Trouble> {
    let administration = Administration::new(args.app.open(&args.stores, IfMissing::Refuse).await?);
    let is_new = administration.confirm(&args.email).await?;
    if output.is_json() {
        output.document(&json!({ "confirmed": true, "changed": is_new }))?;
    } else {
        output.line(if is_new { "confirmed" } else { "already confirmed" })?;
    }
    Ok(Answer::Yes)
}
