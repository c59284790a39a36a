use portcullis::json::Kind;

use super::{Answer, Output, Trouble, WhereArgs, array, read, run};
use crate::namespace::NamespaceAndArgs;

const EXAMPLES: &str = "\
Examples:
  portcullis write hr.employees writes.json --app DIR --user ada.json
  portcullis write hr.employees '{\"findOneAndUpdate\": {\"filter\": {\"_id\": 7}, \"update\": {\"$inc\": {\"n\": 1}}}}' --app DIR --user ada.json

Pass writes as separate arguments or in one array, as for MongoDB's `bulkWrite`: `insertOne`, `insertMany`, `updateOne`, `updateMany`, \
`replaceOne`, `deleteOne`, `deleteMany`, `findOneAndUpdate`, `findOneAndReplace`, `findOneAndDelete`. They are carried out \
in order, all or none. Exits with 0 if any document was written, with 1 if none was or the writes were denied.";

/// Carry out several writes as a user, atomically
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    arguments: NamespaceAndArgs,
    #[command(flatten)]
    place: WhereArgs,
}

pub(crate) fn run_writes(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (namespace, writes) = args.arguments.split()?;
    let mut all = Vec::new();
    for argument in writes {
        let node = read(argument, "writes")?;
        match node.kind {
            Kind::Array(elements) => all.extend(elements),
            _ => all.push(node),
        }
    }
    run(namespace, &array(all), &args.place, output)
}
