use portcullis::json::from_bson;
use serde_json::{Value, json};

use super::Answer;
use super::accounts::block_on;
use super::documents::{guarded, note_unreadable};
use super::output::Output;
use super::reads::{FilterArgs, ReadArgs, collection, value_line};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis distinct hr.employees --field site --app DIR --user ada.json --store mongodb://localhost:27017
  portcullis distinct hr.employees --field name.last --filter '{\"site\": \"Bremen\"}' --app DIR --token login.json
  portcullis distinct hr.employees --field tags --rules rules.json --user '{\"id\": \"u1\"}' --json | jq .values

Hidden fields have no values. Array elements count as separate values. Values are sorted in BSON comparison order.
Exits with 0 if there are any, with 1 if not.";

/// List the distinct values of a field in the documents that a user may read, one per line, as extended JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The path of the field: `name.last`
    #[arg(long, value_name = "PATH")]
    field: String,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    read: ReadArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = args.read.namespace()?;
    let request = args.filter.request()?;
    let guard = args.read.guard()?;
    block_on(async {
        let store = args.read.open(&namespace).await?;
        let collection = collection(&*store, namespace, &guard);
        let values = collection.distinct(&args.field, &request).await.map_err(guarded)?;
        note_unreadable(&guard);
        if output.is_json() {
            let values: Value = values.iter().map(from_bson).collect();
            output.document(&json!({ "values": values }))?;
        } else {
            values.iter().try_for_each(|value| output.line(value_line(value)))?;
        }
        Ok(Answer::from_bool(!values.is_empty()))
    })
}
