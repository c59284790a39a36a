use std::io::{IsTerminal, stderr, stdout};
use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf};
use indicatif::{ProgressBar, ProgressDrawTarget};
use portcullis::store::documents::{Cursor, Find};
use portcullis_service::IfMissing;

use super::failed;
use crate::Answer;
use crate::accounts::block_on;
use crate::documents::DocumentArgs;
use crate::input::document;
use crate::namespace::{self, NamespaceArgs};
use crate::output::{Output, note, plural};
use crate::stores::StoreArgs;
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis export hr.employees > employees.ndjson
  portcullis export hr.employees --filter '{\"team\": \"a\"}' --store mongodb://localhost:27017 | portcullis import hr.a -

Each line is one document, in canonical extended JSON, which keeps every type. Rules are not applied; intended for \
administrators.";

/// Export documents (newline-delimited extended JSON), bypassing all rules
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    namespace: NamespaceArgs,
    /// Filter, in MongoDB query syntax
    #[arg(long, value_name = "JSON|FILE")]
    filter: Option<String>,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    stores: StoreArgs,
}

pub(crate) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = namespace::parse(args.namespace.required()?)?;
    let filter = args.filter.as_deref().map(|filter| document(filter, "--filter")).transpose()?;
    let bar = ProgressBar::hidden();
    // If the documents are printed on a terminal, they show the progress themselves.
    if stderr().is_terminal() && !stdout().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    let exported = block_on(async {
        let store = args.documents.open(&namespace, &args.stores, IfMissing::Refuse).await?;
        let find = Find::by(filter.unwrap_or_default());
        let cursor = store.find(&namespace, &find).await.map_err(failed)?;
        print(cursor, output, &bar).await
    });
    bar.finish_and_clear();
    if exported? == 0 {
        note(&match args.filter {
            Some(_) => format!("no document of `{namespace}` matches the filter, or there is no such collection"),
            None => format!("`{namespace}` has no documents, or there is no such collection"),
        });
    }
    Ok(Answer::Yes)
}

async fn print(mut cursor: Box<dyn Cursor + '_>, output: &mut Output, bar: &ProgressBar) -> Result<u64, Trouble> {
    let mut count = 0_u64;
    output.begin_list("documents")?;
    loop {
        let batch = cursor.batch().await.map_err(failed)?;
        if batch.is_empty() {
            break;
        }
        for document in &batch {
            output.element(&line(document)?)?;
            count += 1;
        }
        bar.set_message(format!("{} exported", plural(&count, "document")));
    }
    output.end_list()?;
    Ok(count)
}

fn line(document: &RawDocumentBuf) -> Result<String, Trouble> {
    let name = || "a stored document".to_owned();
    let document = Document::try_from(document)
        .map_err(|error| Trouble::Read { name: name(), error: std::io::Error::other(error.to_string()) })?;
    Ok(Bson::Document(document).into_canonical_extjson().to_string())
}
