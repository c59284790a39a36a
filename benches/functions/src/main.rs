//! Measures how many function calls per second are possible and how long they take, compared in the same run with
//! `node:vm` and a fresh context for each call.
//!
//! `cargo run --release --manifest-path benches/functions/Cargo.toml [SECONDS]` prints a table.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use portcullis::Context;
use portcullis::app::Secrets;
use portcullis::eval::Request;
use portcullis::guarded::FindRequest;
use portcullis::predicate::Predicate;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::value::DocumentRef;
use portcullis::{App, BoxFuture, GuardedCollection, User, json};
use portcullis_functions::{
    ActionName, Backend, BackendError, Call, DataAction, Entry, Library, Options, Rights, Runtime,
};
use portcullis_store::EmbeddedDocuments;

/// The embedded store behind the application's rules; supports `findOne` only.
struct Stored {
    app: Arc<App>,
    documents: EmbeddedDocuments,
}

impl Stored {
    async fn find_one(&self, action: DataAction) -> Result<Bson, Box<dyn Error>> {
        let user = match &action.rights {
            Rights::System => User::system(),
            Rights::User(user) => (**user).clone(),
        };
        let full = format!("{}.{}", action.database, action.collection.unwrap_or_default());
        let guard = self.app.guard_in(&action.service, &full, Context::new().with_user(user))?;
        let namespace = Namespace::parse(&full).ok_or("no namespace")?;
        let request = Bson::Document(action.arguments).into_canonical_extjson().to_string();
        let request = FindRequest::parse(&json::parse(&request)?)?;
        let found = GuardedCollection::new(&self.documents, namespace, &guard).find_one(&request).await?;
        Ok(match found {
            Some(found) => Bson::Document(DocumentRef::Raw(&found).to_document()?),
            None => Bson::Null,
        })
    }
}

impl Backend for Stored {
    fn user<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<User>, BackendError>> {
        Box::pin(async { Ok(None) })
    }

    fn holds<'a>(&'a self, _: &'a Predicate, _: &'a User, _: Option<&'a Request>) -> BoxFuture<'a, bool> {
        Box::pin(async { false })
    }

    fn data(&self, action: DataAction) -> BoxFuture<'_, Result<Bson, BackendError>> {
        Box::pin(async move {
            match action.name {
                ActionName::FindOne => {
                    self.find_one(action).await.map_err(|error| BackendError::new(error.to_string()))
                }
                name => Err(BackendError::new(format!("{} is not measured", name.name()))),
            }
        })
    }

    fn begin<'a>(&'a self, _: &'a str, _: &'a Rights) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async { Err(BackendError::new("transactions are not measured")) })
    }

    fn commit(&self, _: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn abort(&self, _: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn is_exclusive(&self, _: &str) -> bool {
        false
    }

    fn has_data_source(&self, name: &str) -> bool {
        name == "mongodb-atlas"
    }
}

/// The results: the median and the 99th percentile of the duration in milliseconds, calls per second, and the total
/// CPU time per call in milliseconds, which other work on the machine hardly influences.
#[derive(Clone, Copy)]
struct Measured {
    cpu: f64,
    median: f64,
    late: f64,
    rate: f64,
}

/// Calls a function from several tasks for a time. Each task pauses between its calls for `pause`, in which contexts
/// can be prepared.
async fn measure(
    runtime: &Arc<Runtime>,
    name: &'static str,
    tasks: usize,
    time: Duration,
    pause: Duration,
) -> Result<Measured, Box<dyn Error>> {
    let (began, cpu) = (Instant::now(), cpu_time()?);
    let calling: Vec<_> = (0..tasks)
        .map(|_| {
            let runtime = Arc::clone(runtime);
            tokio::spawn(async move {
                let mut times = Vec::new();
                for number in 0.. {
                    if began.elapsed() >= time {
                        break;
                    }
                    let call = Call::new(name, vec![Bson::Int32(number % 1000)], Entry::Client, User::new("ada"));
                    let from = Instant::now();
                    runtime.call(call).await.map_err(|error| error.to_string())?;
                    times.push(from.elapsed().as_secs_f64() * 1000.0);
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                Ok::<_, String>(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in calling {
        times.extend(task.await??);
    }
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    let cpu = (cpu_time()? - cpu) * 1000.0 / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).copied().unwrap_or(0.0);
    Ok(Measured { cpu, median: at(0.5), late: at(0.99), rate })
}

/// The CPU time in seconds that all threads of this process have used.
fn cpu_time() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // After the name, which may contain spaces, `utime` and `stime` are the 12th and 13th fields, in hundredths of a
    // second on Linux.
    let fields = stat.rsplit_once(')').ok_or("no name")?.1;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// The results of `node.mjs`, in the order of the rows.
fn node(folder: &Path, seconds: f64) -> Result<Vec<(String, usize, Measured)>, Box<dyn Error>> {
    let output = Command::new("node").arg(folder.join("node.mjs")).arg(seconds.to_string()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let mut rows = Vec::new();
    // The first of each pair of lines is a warm-up.
    for line in String::from_utf8(output.stdout)?.lines().skip(1).step_by(2) {
        let parts: Vec<&str> = line.split(' ').collect();
        let [name, tasks, calls, median, late, took, cpu] = parts.as_slice() else { return Err(line.into()) };
        let calls = calls.parse::<f64>()?;
        let (rate, cpu) = (calls / took.parse::<f64>()?, cpu.parse::<f64>()? * 1000.0 / calls);
        rows.push((
            (*name).to_owned(),
            tasks.parse()?,
            Measured { cpu, median: median.parse()?, late: late.parse()?, rate },
        ));
    }
    Ok(rows)
}

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(5.0), |text| text.parse::<f64>())?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let app = Arc::new(App::load(folder.join("app"))?);
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    tokio.block_on(async {
        let documents = EmbeddedDocuments::in_memory()?;
        let namespace = Namespace::parse("bench.notes").ok_or("no namespace")?;
        let mut transaction = documents.begin().await?;
        for id in 0..1000 {
            let note: Document = doc! { "_id": id, "owner": "ada", "text": format!("note {id}") };
            transaction.insert(&namespace, &note).await?;
        }
        transaction.commit().await?;
        let stored = Arc::new(Stored { app: Arc::clone(&app), documents });
        let runtime =
            Arc::new(Runtime::new(Arc::clone(&app), Secrets::default(), Library::load(&app), stored, Options::default()));
        let beside = node(folder, seconds)?;
        let time = Duration::from_secs_f64(seconds);
        println!("| function, tasks | CPU ms a call | calls a second | median ms | p99 ms | with contexts prepared: median, p99 ms | node:vm: CPU ms a call | calls a second | median ms | p99 ms |");
        println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        for (name, tasks, other) in beside {
            let name: &'static str = match name.as_str() {
                "empty" => "empty",
                "reads" => "reads",
                "asks" => "asks",
                _ => "computes",
            };
            measure(&runtime, name, tasks, time / 10, Duration::ZERO).await?;
            let busy = measure(&runtime, name, tasks, time, Duration::ZERO).await?;
            let calm = measure(&runtime, name, tasks, time, Duration::from_millis(5)).await?;
            println!(
                "| {name}, {tasks} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2}, {:.2} | {:.2} | {:.0} | {:.2} | {:.2} |",
                busy.cpu, busy.rate, busy.median, busy.late, calm.median, calm.late, other.cpu, other.rate, other.median,
                other.late,
            );
        }
        Ok(())
    })
}
