use portcullis::text::OneLine;

use super::{Answer, Output, Trouble, WhereArgs, read, run, write, yes};
use crate::namespace::NamespaceArgs;

const EXAMPLES: &str = "\
Examples:
  portcullis update hr.employees --filter '{\"_id\": 7}' --update '{\"$set\": {\"phone\": \"118\"}}' --app DIR --user ada.json
  portcullis update hr.employees --all --filter '{\"team\": \"a\"}' --update '{\"$inc\": {\"score\": 1}}' --app DIR --user ada.json
  portcullis update hr.employees --filter '{\"_id\": 7}' --replacement new.json --upsert --app DIR --token login.json

The filter sees documents as the user may read them. Each change is checked against the document before and after it; \
either all changes are applied or none. Exits with 0 if a document matched, with 1 if none did or the update was denied.";

/// Update or replace documents as a user
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    namespace: NamespaceArgs,
    /// Filter, in MongoDB query syntax; `{}` matches every document that the user may read
    #[arg(long, value_name = "JSON|FILE")]
    filter: String,
    /// Update to apply: update operators or an aggregation pipeline
    #[arg(long, value_name = "JSON|FILE", required_unless_present = "replacement", conflicts_with = "replacement")]
    update: Option<String>,
    /// Replacement for the matched document
    #[arg(long, value_name = "JSON|FILE", conflicts_with_all = ["all", "array_filters"])]
    replacement: Option<String>,
    /// Array filters for the `$[name]` placeholders in the update
    #[arg(long, value_name = "JSON|FILE")]
    array_filters: Option<String>,
    /// Apply to all matching documents, not just the first
    #[arg(long)]
    all: bool,
    /// Insert a document if none matches
    #[arg(long)]
    upsert: bool,
    #[command(flatten)]
    place: WhereArgs,
}

pub(crate) fn run_update(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let option = |argument: &Option<String>, name: &str| argument.as_deref().map(|text| read(text, name)).transpose();
    let name = match (&args.replacement, args.all) {
        (Some(_), _) => "replaceOne",
        (None, true) => "updateMany",
        (None, false) => "updateOne",
    };
    if let Some(update) = option(&args.update, "--update")?
        && let Some([first, ..]) = update.as_object()
        && !first.key.starts_with('$')
    {
        return Err(Trouble::usage(format!(
            "--update: `{}` is not an update operator such as `$set`; use --replacement to replace the whole document",
            OneLine(&first.key)
        )));
    }
    let update = write(
        name,
        [
            ("filter", Some(read(&args.filter, "--filter")?)),
            ("update", option(&args.update, "--update")?),
            ("replacement", option(&args.replacement, "--replacement")?),
            ("arrayFilters", option(&args.array_filters, "--array-filters")?),
            ("upsert", yes(args.upsert)),
        ],
    );
    run(args.namespace.required()?, &update, &args.place, output)
}
