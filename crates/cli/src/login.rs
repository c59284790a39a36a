use portcullis::login::Login;
use portcullis::text::OneLine;
use serde_json::json;

use super::Answer;
use super::accounts::{AppArgs, ProviderArgs, block_on, login_authenticator, read_token, warn};
use super::output::Output;
use super::stores::AccountStoreArgs;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis login token.jwt --app DIR --custom-data users.json
  portcullis login token.jwt --app DIR --mongodb-uri mongodb://localhost:27017 --json > login.json
  portcullis login --anonymous --app DIR

The output of --json can be passed to --token of other commands.";

/// Log in with a third-party JSON Web Token and print an access token and a refresh token
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The third-party token
    #[arg(value_name = "TOKEN|FILE|-", required_unless_present = "anonymous")]
    token: Option<String>,
    /// Log in anonymously, as a new user
    #[arg(long, conflicts_with = "token")]
    anonymous: bool,
    /// The device ID assigned at an earlier login
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
    #[command(flatten)]
    providers: ProviderArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let service = args.app.service(&args.stores)?;
    let token = args.token.as_deref().map(|token| read_token(token, &["token"])).transpose()?;
    let login = block_on(async {
        let authenticator = login_authenticator(&service, &args.providers).await?;
        let device = args.device.as_deref();
        let login = match &token {
            None => authenticator.log_in_anonymously(device).await,
            Some(token) => {
                let provider = authenticator.provider_name().ok_or_else(|| {
                    Trouble::usage("the application has no provider of type `custom-token`, which accepts tokens")
                })?;
                authenticator.log_in(provider, token, device).await
            }
        };
        Ok(login?)
    })?;
    warn(&login.warnings);
    print(&login, output)?;
    Ok(Answer::Yes)
}

fn print(login: &Login, output: &mut Output) -> Result<(), Trouble> {
    if output.is_json() {
        return output.document(&json!({
            "user_id": login.user.id,
            "device_id": login.device_id,
            "access_token": login.access_token,
            "refresh_token": login.refresh_token,
        }));
    }
    output.line(format!("user:          {}", OneLine(&login.user.id)))?;
    output.line(format!("device:        {}", login.device_id))?;
    output.line(format!("access token:  {}", login.access_token))?;
    output.line(format!("refresh token: {}", login.refresh_token))
}
