use serde_json::json;

use super::Answer;
use super::accounts::block_on;
use super::documents::{guarded, note_unreadable};
use super::numbers;
use super::output::Output;
use super::reads::{FilterArgs, ReadArgs, collection};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis count hr.employees --app DIR --user ada.json --store mongodb://localhost:27017
  portcullis count hr.employees --filter '{\"site\": \"Bremen\"}' --app DIR --token login.json
  portcullis count hr.employees --rules rules.json --user '{\"id\": \"u1\"}' --json | jq .count

Exits with 0 if there are any, with 1 if not.";

/// Count the documents that a user may read and that match a filter
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    /// Number of documents to skip
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = numbers::from_zero, allow_negative_numbers = true)]
    skip: u32,
    /// Maximum number of documents
    #[arg(long, value_name = "NUMBER", value_parser = numbers::from_one, allow_negative_numbers = true)]
    limit: Option<u32>,
    #[command(flatten)]
    read: ReadArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = args.read.namespace()?;
    let request = args.filter.request()?.skip(args.skip.into()).limit(args.limit.map(u64::from));
    let guard = args.read.guard()?;
    block_on(async {
        let store = args.read.open(&namespace).await?;
        let count = collection(&*store, namespace, &guard).count(&request).await.map_err(guarded)?;
        note_unreadable(&guard);
        if output.is_json() {
            output.document(&json!({ "count": count }))?;
        } else {
            output.line(count.to_string())?;
        }
        Ok(Answer::from_bool(count > 0))
    })
}
