use std::io::{BufReader, Read};

use bson::{Document, RawDocumentBuf, doc};
use indicatif::ProgressBar;
use portcullis::json::{Chunk, Stream};
use portcullis::store::documents::{DocumentStore, DocumentsError, Find, Namespace};
use portcullis::text::{OneLine, Source};
use portcullis_service::IfMissing;
use serde_json::{Value, json};

use super::failed;
use crate::Answer;
use crate::accounts::block_on;
use crate::documents::DocumentArgs;
use crate::input::{Input, one_per_line};
use crate::namespace::{self, NamespaceAndFile};
use crate::output::{Output, plural};
use crate::progress::{followed, named};
use crate::stores::StoreArgs;
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis import hr.employees employees.ndjson
  mongoexport -d hr -c employees | portcullis import hr.employees - --store documents.redb

Each line is one document, in extended JSON. Rules are not applied; intended for administrators. Existing documents are \
left unchanged, so importing a file again has no effect. Exits with 1 if a line was refused.";

/// The number of documents that are written at once.
const BATCH: usize = 500;

/// Import documents (newline-delimited extended JSON), bypassing all rules
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    arguments: NamespaceAndFile,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    stores: StoreArgs,
}

/// The outcome of an import.
#[derive(Default)]
struct Imported {
    added: u64,
    unchanged: u64,
    /// The line numbers and the reasons.
    refused: Vec<(usize, String)>,
}

/// The maximum number of refused lines that are reported individually.
const MAX_REFUSED: usize = 1000;

impl Imported {
    fn refuse(&mut self, line: usize, why: String) -> Result<(), Trouble> {
        self.refused.push((line, why));
        if self.refused.len() >= MAX_REFUSED {
            return Err(Trouble::usage(format!(
                "{MAX_REFUSED} lines were refused, the last of them line {line}: {}; {} were added before",
                self.refused.last().map(|(_, why)| why.as_str()).unwrap_or_default(),
                plural(&self.added, "document")
            )));
        }
        Ok(())
    }
}

pub(crate) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (namespace, file) = args.arguments.split()?;
    args.stores.places().refuse_ours(namespace)?;
    let namespace = namespace::parse(namespace)?;
    if namespace.collection().starts_with("system.") {
        return Err(Trouble::usage("system collections are not accessible"));
    }
    let (reader, bar) = followed(file)?;
    let imported = block_on(async {
        let store = args.documents.open(&namespace, &args.stores, IfMissing::Create).await?;
        import(&*store, &namespace, file, reader, &bar).await
    });
    bar.finish_and_clear();
    let imported = imported?;
    print(&imported, output)?;
    Ok(Answer::from_bool(imported.refused.is_empty()))
}

async fn import(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    file: &str,
    reader: Box<dyn Read>,
    bar: &ProgressBar,
) -> Result<Imported, Trouble> {
    let name = named(file);
    let mut imported = Imported::default();
    let mut batch = Vec::new();
    for chunk in Stream::new(BufReader::new(reader)) {
        let chunk = chunk.map_err(|error| Trouble::Read { name: format!("`{name}`"), error })?;
        match read(&chunk, &name) {
            Ok(document) => batch.push((chunk.line, document)),
            Err(message) => imported.refuse(chunk.line, message)?,
        }
        if batch.len() >= BATCH {
            write(store, namespace, &mut batch, &mut imported).await?;
            bar.set_message(format!("{} added", plural(&imported.added, "document")));
        }
    }
    write(store, namespace, &mut batch, &mut imported).await?;
    imported.refused.sort();
    Ok(imported)
}

fn read(chunk: &Chunk, name: &str) -> Result<Document, String> {
    let source = Source::new(name, String::from_utf8_lossy(&chunk.bytes)).from_line(chunk.line);
    let input = Input::parse(source, &chunk.bytes, "a document").map_err(|trouble| trouble.to_string())?;
    if input.node.as_array().is_some() {
        return Err(one_per_line("documents", "document"));
    }
    input.document("a document").map_err(|trouble| trouble.to_string())
}

/// Writes a batch at once or, if that fails, each document separately.
async fn write(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    batch: &mut Vec<(usize, Document)>,
    imported: &mut Imported,
) -> Result<(), Trouble> {
    let documents: Vec<(usize, Document)> = std::mem::take(batch);
    match insert(store, namespace, documents.iter().map(|(_, document)| document)).await {
        Ok(()) => {
            imported.added += u64::try_from(documents.len()).unwrap_or(u64::MAX);
            return Ok(());
        }
        Err(DocumentsError::DuplicateKey | DocumentsError::Refused { .. } | DocumentsError::Unsupported { .. }) => {}
        Err(error) => return Err(failed(error)),
    }
    for (line, document) in &documents {
        match insert(store, namespace, [document]).await {
            Ok(()) => imported.added += 1,
            Err(DocumentsError::DuplicateKey) if is_there(store, namespace, document).await? => imported.unchanged += 1,
            Err(DocumentsError::DuplicateKey) => {
                imported.refuse(
                    *line,
                    "a different document with that `_id` or another unique key already exists".to_owned(),
                )?;
            }
            Err(error @ (DocumentsError::Refused { .. } | DocumentsError::Unsupported { .. })) => {
                imported.refuse(*line, error.to_string())?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

/// How often a transaction is attempted if it conflicts with others.
const ATTEMPTS: u32 = 10;

async fn insert<'d>(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    documents: impl IntoIterator<Item = &'d Document> + Clone,
) -> Result<(), DocumentsError> {
    let mut attempt = 0;
    loop {
        match try_insert(store, namespace, documents.clone()).await {
            Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                attempt += 1;
                store.pause(attempt).await;
            }
            result => return result,
        }
    }
}

async fn try_insert<'d>(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    documents: impl IntoIterator<Item = &'d Document>,
) -> Result<(), DocumentsError> {
    let mut transaction = store.begin().await?;
    for document in documents {
        if let Err(error) = transaction.insert(namespace, document).await {
            transaction.abort().await;
            return Err(error);
        }
    }
    transaction.commit().await
}

/// Whether exactly this document is already stored.
async fn is_there(store: &dyn DocumentStore, namespace: &Namespace, document: &Document) -> Result<bool, Trouble> {
    let Some(id) = document.get("_id") else { return Ok(false) };
    let find = Find { limit: Some(1), ..Find::by(doc! { "_id": { "$eq": id } }) };
    let mut cursor = store.find(namespace, &find).await.map_err(failed)?;
    let found = cursor.batch().await.map_err(failed)?;
    let wanted = RawDocumentBuf::try_from(document).ok();
    Ok(found.first().zip(wanted).is_some_and(|(found, wanted)| found.as_bytes() == wanted.as_bytes()))
}

fn print(imported: &Imported, output: &mut Output) -> Result<(), Trouble> {
    if output.is_json() {
        let refused: Value =
            imported.refused.iter().map(|(line, message)| json!({ "line": line, "error": message })).collect();
        let (added, unchanged) = (imported.added, imported.unchanged);
        return output.document(&json!({ "added": added, "unchanged": unchanged, "refused": refused }));
    }
    for (line, message) in &imported.refused {
        output.line(format!("line {line}: {}", OneLine(message)))?;
    }
    let (added, refused) = (plural(&imported.added, "document"), imported.refused.len());
    output.line(format!("{added} added, {} unchanged, {refused} refused", imported.unchanged))
}
