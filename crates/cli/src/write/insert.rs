use portcullis::json::{self, Stream};
use portcullis::text::{Finding, Source};

use super::{Answer, Output, Trouble, WhereArgs, array, run, write};
use crate::input::read_bytes;
use crate::namespace::NamespaceAndArgs;

const EXAMPLES: &str = "\
Examples:
  portcullis insert hr.employees '{\"name\": \"Ada\"}' --app DIR --user ada.json
  portcullis insert hr.employees new.ndjson --app DIR --token login.json --store mongodb://localhost:27017

Documents are extended JSON, concatenated or in one array, at most 1000 at a time. Either all are inserted or, if one is \
denied, none. Exits with 0 if they were inserted, with 1 if denied.";

/// Insert documents as a user
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    arguments: NamespaceAndArgs,
    #[command(flatten)]
    place: WhereArgs,
}

pub(crate) fn run_insert(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (namespace, documents) = args.arguments.split()?;
    let (name, bytes) = read_bytes(documents, "documents")?;
    let source = Source::new(name, String::from_utf8_lossy(&bytes).into_owned());
    let mut documents = Vec::new();
    for chunk in Stream::new(&*bytes) {
        let chunk = chunk?;
        let node = json::parse_part(&chunk.bytes, chunk.line).map_err(|error| {
            let inside = Source::new(source.name(), text(&chunk.bytes)).from_line(chunk.line);
            Trouble::findings("documents", &inside, None, vec![Finding::from(error)])
        })?;
        match node.kind {
            json::Kind::Array(elements) => documents.extend(elements),
            _ => documents.push(node),
        }
    }
    if documents.is_empty() {
        return Err(Trouble::usage(format!("no documents in {}", source.name())));
    }
    run(namespace, &write("insertMany", [("documents", Some(array(documents)))]), &args.place, output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
