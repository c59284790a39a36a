use portcullis::json::{self, Node, Stream};
use portcullis::text::{Finding, Source};

use super::{Answer, Output, Trouble, WhereArgs, array, run, write};
use crate::input::read_bytes;
use crate::namespace::NamespaceAndArgs;

const EXAMPLES: &str = "\
Examples:
  portcullis insert hr.employees '{\"name\": \"Ada\"}' --app DIR --user ada.json
  portcullis insert hr.employees '{\"name\": \"Ada\"}' '{\"name\": \"Eve\"}' --app DIR --user ada.json
  portcullis insert hr.employees new.ndjson --app DIR --token login.json --store mongodb://localhost:27017

Pass documents in extended JSON, as separate arguments, concatenated or in one array, at most 1000 at a time. Either all are inserted \
or, if one is denied, none. Exits with 0 if they were inserted, with 1 if denied.";

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
    let mut all = Vec::new();
    for argument in documents {
        all.extend(read(argument)?);
    }
    run(namespace, &write("insertMany", [("documents", Some(array(all)))]), &args.place, output)
}

/// Reads the documents of one argument.
fn read(argument: &str) -> Result<Vec<Node>, Trouble> {
    let (name, bytes) = read_bytes(argument, "documents")?;
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
    Ok(documents)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
