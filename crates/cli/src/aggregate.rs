use portcullis::guarded::{GuardedError, Pipeline};
use portcullis::json::{Kind, Node};
use portcullis::text::{Finding, Severity, closest};

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
$group, $bucket, $sort, $sortByCount, $count, $limit, $skip, $unwind, $replaceRoot and $replaceWith.
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

/// The supported pipeline stages, from which the closest is suggested for an unknown one.
const STAGES: [&str; 15] = [
    "$addFields",
    "$bucket",
    "$count",
    "$group",
    "$limit",
    "$match",
    "$project",
    "$replaceRoot",
    "$replaceWith",
    "$set",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unset",
    "$unwind",
];

/// Converts the error of a pipeline into a finding about the first stage that is invalid by itself, if there is one.
fn misplaced(input: &Input, error: GuardedError) -> Trouble {
    let stages = input.node.as_array().unwrap_or_default();
    let wrong = |stage: &&Node| {
        let alone = Node { span: stage.span, kind: Kind::Array(vec![Node::clone(stage)]) };
        Pipeline::parse(&alone).is_err()
    };
    // An error of the pipeline as a whole, such as its size, does not belong to any stage.
    let Some((number, stage)) = (1..).zip(stages).find(|(_, stage)| wrong(stage)) else { return guarded(error) };
    let finding = Finding {
        severity: Severity::Error,
        code: "pipeline-stage",
        message: format!("stage {number}: {error}"),
        span: stage.span,
        help: stage.as_object().and_then(|members| members.first()).and_then(|member| {
            let known = closest(&member.key, STAGES).filter(|known| *known != member.key)?;
            Some(format!("did you mean `{known}`?"))
        }),
    };
    Trouble::findings("--pipeline", &input.source, Some(&input.node), vec![finding])
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = args.read.namespace()?;
    let input = Input::read(&args.pipeline, "--pipeline")?;
    let pipeline = Pipeline::parse(&input.node).map_err(|error| misplaced(&input, error))?;
    let guard = args.read.guard()?;
    block_on(async {
        let store = args.read.open(&namespace).await?;
        let found = collection(&*store, namespace, &guard).aggregate(&pipeline).await.map_err(guarded)?;
        let answer = print(found, output).await?;
        note_unreadable(&guard);
        Ok(answer)
    })
}
