use super::{Answer, Output, Trouble, WhereArgs, read, run, write};
use crate::namespace::NamespaceArgs;

const EXAMPLES: &str = "\
Examples:
  portcullis delete hr.employees --filter '{\"_id\": 7}' --app DIR --user ada.json
  portcullis delete hr.employees --all --filter '{\"team\": \"a\"}' --app DIR --token login.json

The filter sees documents as the user may read them. Either all matching documents are deleted or, if one is denied, none. \
Exits with 0 if a document was deleted, with 1 if none matched or the deletion was denied.";

/// Delete documents as a user
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    namespace: NamespaceArgs,
    /// Filter, in MongoDB query syntax; `{}` matches every document that the user may read
    #[arg(long, value_name = "JSON|FILE")]
    filter: String,
    /// Apply to all matching documents, not just the first
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: WhereArgs,
}

pub(crate) fn run_delete(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let name = if args.all { "deleteMany" } else { "deleteOne" };
    let delete = write(name, [("filter", Some(read(&args.filter, "--filter")?))]);
    run(args.namespace.required()?, &delete, &args.place, output)
}
