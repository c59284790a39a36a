use portcullis::guarded::Pipeline;

use super::Answer;
use super::accounts::block_on;
use super::documents::{guarded, note_unreadable};
use super::find::print;
use super::input::Input;
use super::output::Output;
use super::reads::{ReadArgs, collection};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis aggregate hr.employees --pipeline '[{\"$group\": {\"_id\": \"$site\", \"people\": {\"$sum\": 1}}}]' --app DIR --user ada.json --store mongodb://localhost:27017
  portcullis aggregate hr.employees --pipeline pipeline.json --app DIR --token login.json
  portcullis aggregate hr.employees --pipeline '[{\"$match\": {\"site\": \"Bremen\"}}, {\"$count\": \"n\"}]' --rules rules.json --user '{\"id\": \"u1\"}'

Stages see only what the user may read of each document. Supported stages: $match, $project, $set, $addFields, $unset, \
$group, $bucket, $sort, $sortByCount, $count, $limit, $skip, $unwind, $replaceRoot and $replaceWith; an embedded store \
supports $match, $sort, $skip, $limit, $count, $unset and $project of field names with 1 or 0.
Exits with 0 if the pipeline returns documents, with 1 if it returns none.";

/// Run an aggregation pipeline as a user, over what that user may read
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Pipeline stages: [{"$match": {…}}, {"$group": {…}}]
    #[arg(long, value_name = "JSON|FILE")]
    pipeline: String,
    #[command(flatten)]
    read: ReadArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = args.read.namespace()?;
    let input = Input::read(&args.pipeline, "--pipeline")?;
    let pipeline = Pipeline::parse(&input.node).map_err(guarded)?;
    let guard = args.read.guard()?;
    block_on(async {
        let store = args.read.open(&namespace).await?;
        let found = collection(&*store, namespace, &guard).aggregate(&pipeline).await.map_err(guarded)?;
        let answer = print(found, output).await?;
        note_unreadable(&guard);
        Ok(answer)
    })
}
