use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bson::{DateTime, doc};
use portcullis::Guard;
use portcullis::access::Query;
use portcullis::guarded::{VisibleChange, WatchEvent, Watched};
use portcullis::store::documents::{DocumentStore, Namespace, UpdateDescription, Watch, WatchStart};
use portcullis::value::DocumentRef;
use portcullis_service::ChangesPlace;
use tokio::time::{sleep, timeout};

use super::Answer;
use super::accounts::block_on;
use super::documents::{guarded, note_unreadable};
use super::numbers;
use super::output::Output;
use super::reads::{FilterArgs, ReadArgs, collection, document_line};
use super::signals::stopped;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis watch hr.employees --app DIR --user ada.json --store mongodb://localhost:27017
  portcullis watch hr.employees --filter '{\"site\": \"Bremen\"}' --seconds 60 --app DIR --token login.json
  portcullis watch hr.employees --limit 1 --rules rules.json --user '{\"id\": \"u1\"}' && echo changed

A document that becomes readable is reported as inserted, one that ceases to be readable as deleted; changes that cannot \
be judged are withheld. A MongoDB server must be a replica set; where the rules can hide anything, updates and deletions are \
reported only for collections with pre-images: `collMod` with {\"changeStreamPreAndPostImages\": {\"enabled\": true}}. \
An embedded store is opened only briefly at a time, so that other commands can write to it; while `serve` runs, only its \
clients can watch.
Runs until it is interrupted, the token expires or the collection is dropped.
Exits with 0 if anything changed, with 1 if nothing did.";

/// Follow changes to a collection as a user, one per line, as extended JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    /// Exit after this many changes
    #[arg(long, value_name = "NUMBER", value_parser = numbers::from_one, allow_negative_numbers = true)]
    limit: Option<u32>,
    /// Exit after this long
    #[arg(long, value_name = "SECONDS", value_parser = numbers::from_one, allow_negative_numbers = true)]
    seconds: Option<u32>,
    #[command(flatten)]
    read: ReadArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = args.read.namespace()?;
    let query = args.filter.query()?;
    let guard = args.read.guard()?;
    let seconds = args.seconds.and_then(|seconds| SystemTime::now().checked_add(Duration::from_secs(seconds.into())));
    let until = [seconds, args.read.guard.expiry()].into_iter().flatten().min();
    let asked = WatchRequest { namespace, query, guard, until, now: args.read.guard.now(), began: Instant::now() };
    block_on(async {
        let mut printer = ChangePrinter { output, count: 0, limit: args.limit };
        let place = args.read.documents.changes(&asked.namespace, &args.read.guard.stores).await?;
        // An interrupted watch has reported all changes so far, so its JSON document is completed as well.
        let stopped = stopped()?;
        tokio::select! {
            followed = follow(place, &asked, &mut printer) => followed?,
            () = stopped => {}
        }
        printer.output.end_list()?;
        Ok(Answer::from_bool(printer.count > 0))
    })
}

async fn follow(place: ChangesPlace, asked: &WatchRequest, printer: &mut ChangePrinter<'_>) -> Result<(), Trouble> {
    let server = match place {
        ChangesPlace::Server(server) => server,
        ChangesPlace::File(path) => return follow_file(&path, asked, printer).await,
    };
    let (store, changes) = (server.documents(), server.changes());
    let mut watched = asked.watch(&*store, &*changes, WatchStart::Now).await?;
    printer.begin()?;
    while !printer.is_enough() {
        let event = watched.next().await.map_err(guarded)?;
        note_unreadable(&asked.guard);
        match event {
            WatchEvent::Nothing => {}
            WatchEvent::Change(event) => printer.tell(event.change)?,
            WatchEvent::Ended => break,
        }
    }
    Ok(())
}

/// How often the file is checked for changes.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How often the changes are read anew even if the file looks unchanged: a commit may have come between closing the file and
/// looking at it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// After this time without an event, all changes in the file have been reported.
const IDLE_AFTER: Duration = Duration::from_millis(20);

/// Follows the change log of a file. The file is opened only briefly at a time, so that other processes can write to
/// it.
async fn follow_file(path: &Path, asked: &WatchRequest, printer: &mut ChangePrinter<'_>) -> Result<(), Trouble> {
    let mut from = WatchStart::Now;
    loop {
        {
            let store = ChangesPlace::open(path)?;
            let mut watched = asked.watch(&store, &store, from).await?;
            printer.begin()?;
            while !printer.is_enough() {
                match timeout(IDLE_AFTER, watched.next()).await {
                    Err(_) => break,
                    Ok(event) => {
                        note_unreadable(&asked.guard);
                        match event.map_err(guarded)? {
                            WatchEvent::Nothing => {}
                            WatchEvent::Change(event) => printer.tell(event.change)?,
                            WatchEvent::Ended => return Ok(()),
                        }
                    }
                }
            }
            let Some(position) = watched.position() else { return Ok(()) };
            from = WatchStart::After(position);
        }
        let (seen, closed) = (modified(path)?, Instant::now());
        while modified(path)? == seen && closed.elapsed() < LOOK_AGAIN {
            if printer.is_enough() || asked.until.is_some_and(|until| SystemTime::now() >= until) {
                return Ok(());
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

fn modified(path: &Path) -> Result<SystemTime, Trouble> {
    Ok(std::fs::metadata(path)?.modified()?)
}

/// What is watched, for whom and until when.
struct WatchRequest {
    namespace: Namespace,
    query: Query,
    guard: Guard,
    until: Option<SystemTime>,
    /// The initial value of `%%now`, if it was given.
    now: Option<DateTime>,
    began: Instant,
}

impl WatchRequest {
    async fn watch<'s>(
        &'s self,
        store: &'s dyn DocumentStore,
        changes: &'s dyn Watch,
        from: WatchStart,
    ) -> Result<Watched<'s>, Trouble> {
        let collection = collection(store, self.namespace.clone(), &self.guard);
        let watched = collection.watch(changes, &self.query, from, self.until).await.map_err(guarded)?;
        Ok(match self.now {
            None => watched,
            Some(now) => watched.with_clock(move || {
                let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
                DateTime::from_millis(now.timestamp_millis().saturating_add(passed))
            }),
        })
    }
}

/// The changes that have been printed.
struct ChangePrinter<'o> {
    output: &'o mut Output,
    count: u32,
    limit: Option<u32>,
}

impl ChangePrinter<'_> {
    fn is_enough(&self) -> bool {
        self.limit.is_some_and(|limit| self.count >= limit)
    }

    fn begin(&mut self) -> Result<(), Trouble> {
        self.output.begin_list("changes")?;
        self.output.flush()
    }

    fn tell(&mut self, change: VisibleChange) -> Result<(), Trouble> {
        self.output.element(&line(change)?)?;
        self.count = self.count.saturating_add(1);
        // A reader must not have to wait for the next change.
        self.output.flush()
    }
}

fn line(change: VisibleChange) -> Result<String, Trouble> {
    let whole = |document: &bson::RawDocumentBuf| {
        DocumentRef::Raw(document).to_document().map_err(|error| guarded(error.into()))
    };
    Ok(document_line(match change {
        VisibleChange::Inserted(document) => doc! { "inserted": whole(&document)? },
        VisibleChange::Replaced(document) => doc! { "replaced": whole(&document)? },
        VisibleChange::Updated { document, description: UpdateDescription { updated, removed } } => {
            doc! { "updated": whole(&document)?, "fields": updated, "removed": removed }
        }
        VisibleChange::Deleted { id: Some(id) } => doc! { "deleted": { "_id": id } },
        VisibleChange::Deleted { id: None } => doc! { "deleted": {} },
    }))
}
