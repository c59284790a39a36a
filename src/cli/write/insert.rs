use std::path::Path;

use portcullis::json::{self, Stream};
use portcullis::text::{Finding, Source};

use super::{Answer, Output, Trouble, WhereArgs, array, run, write};
use crate::cli::input::{is_json, read_file, read_standard_input};

const EXAMPLES: &str = "\
Examples:
  portcullis insert hr.employees '{\"name\": \"Ada\"}' --app DIR --user ada.json
  portcullis insert hr.employees new.ndjson --app DIR --token login.json --store mongodb://localhost:27017

The documents are extended JSON, one after the other or in one array. All of them are inserted or, if one is denied, none;
at most 1000 at once. Exits with 0 if they were inserted, with 1 if that is not permitted.";

/// Insert documents as a user
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The collection, as `database.collection`
    namespace: String,
    /// The documents
    #[arg(value_name = "JSON|FILE|-")]
    documents: String,
    #[command(flatten)]
    place: WhereArgs,
}

pub(in crate::cli) fn run_insert(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (name, bytes) = match args.documents.as_str() {
        "-" => ("<standard input>".to_owned(), read_standard_input()?),
        text if is_json(text) => ("<documents>".to_owned(), text.as_bytes().to_vec()),
        path => (path.to_owned(), read_file(Path::new(path))?),
    };
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
        return Err(Trouble::usage(format!("there is no document in {}", source.name())));
    }
    run(&args.namespace, &write("insertMany", [("documents", Some(array(documents)))]), &args.place, output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
