use std::time::{Duration, Instant, SystemTime};

use bson::{DateTime, doc};
use portcullis::guarded::{VisibleChange, WatchEvent};
use portcullis::value::DocumentRef;

use super::Answer;
use super::accounts::block_on;
use super::documents::guarded;
use super::output::Output;
use super::reads::{FilterArgs, ReadArgs, collection, document_line};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis watch hr.employees --app DIR --user ada.json --store mongodb://localhost:27017
  portcullis watch hr.employees --filter '{\"site\": \"Bremen\"}' --seconds 60 --app DIR --token login.json
  portcullis watch hr.employees --limit 1 --rules rules.json --user '{\"id\": \"u1\"}' && echo changed

A document that becomes readable is reported as inserted, one that ceases to be readable as deleted; changes that cannot \
be judged are withheld. The server must be a replica set; updates and deletions are reported only for collections with \
pre-images: `collMod` with {\"changeStreamPreAndPostImages\": {\"enabled\": true}}.
Runs until interrupted, the token expires or the collection is dropped.
Exits with 0 if anything changed, with 1 if nothing did.";

/// Follow changes to a collection as a user, one per line, as extended JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    /// Exit after this many changes
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Exit after this long
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    #[command(flatten)]
    read: ReadArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = args.read.namespace()?;
    let query = args.filter.query()?;
    let guard = args.read.guard()?;
    block_on(async {
        let server = args.read.documents.server(&namespace, &args.read.guard.stores).await?;
        let (store, changes) = (server.documents(), server.changes());
        let seconds =
            args.seconds.and_then(|seconds| SystemTime::now().checked_add(Duration::from_secs(seconds.into())));
        let until = [seconds, args.read.guard.expiry()].into_iter().flatten().min();
        let collection = collection(&*store, namespace, &guard);
        let mut watched = collection.watch(&*changes, &query, None, until).await.map_err(guarded)?;
        if let Some(now) = args.read.guard.now() {
            let begin = Instant::now();
            watched = watched.with_clock(move || {
                let passed = i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX);
                DateTime::from_millis(now.timestamp_millis().saturating_add(passed))
            });
        }
        let mut count = 0_u32;
        if output.is_json() {
            output.text("{\"changes\": [")?;
        }
        while args.limit.is_none_or(|limit| count < limit) {
            let change = match watched.next().await.map_err(guarded)? {
                WatchEvent::Nothing => continue,
                WatchEvent::Change(change) => line(*change)?,
                WatchEvent::Ended => break,
            };
            match (output.is_json(), count) {
                (false, _) => output.line(change)?,
                (true, 0) => output.text(format!("\n{change}"))?,
                (true, _) => output.text(format!(",\n{change}"))?,
            }
            // Whoever waits for it must not wait for the next one.
            output.flush()?;
            count = count.saturating_add(1);
        }
        if output.is_json() {
            output.line("\n]}")?;
        }
        Ok(Answer::from_bool(count > 0))
    })
}

fn line(change: VisibleChange) -> Result<String, Trouble> {
    let whole = |document: &bson::RawDocumentBuf| {
        DocumentRef::Raw(document).to_document().map_err(|error| guarded(error.into()))
    };
    Ok(document_line(match change {
        VisibleChange::Inserted(document) => doc! { "inserted": whole(&document)? },
        VisibleChange::Updated { document, updated, removed } => {
            doc! { "updated": whole(&document)?, "fields": updated, "removed": removed }
        }
        VisibleChange::Deleted { id: Some(id) } => doc! { "deleted": { "_id": id } },
        VisibleChange::Deleted { id: None } => doc! { "deleted": {} },
    }))
}
