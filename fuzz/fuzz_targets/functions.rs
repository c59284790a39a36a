//! Whatever a function is and whatever it is called with, the call ends in time with a result or a reason, and the next call is not
//! touched by it.
//!
//! The first line is the arguments, a JSON array; the rest is the source. The function is called by a client, and by another function under
//! other rights.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bson::{Bson, doc};
use libfuzzer_sys::fuzz_target;
use portcullis::app::Secrets;
use portcullis::predicate::Predicate;
use portcullis::{App, BoxFuture, Request, User};
use portcullis_functions::{
    ActionName, Backend, BackendError, Call, CallError, DataAction, Entry, Library, Options, Rights,
    Runtime as Functions,
};
use tokio::runtime::Runtime;

/// How long a call may take, and how much longer until its thread is left behind and a busy machine has told so.
const TIME: Duration = Duration::from_millis(500);
const LATE: Duration = Duration::from_secs(20);

/// A data source without any documents.
struct Empty;

impl Backend for Empty {
    fn user<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<User>, BackendError>> {
        Box::pin(async move { Ok((id == "eve").then(|| User::new("eve").with_custom_data(doc! {}))) })
    }

    fn holds<'a>(&'a self, _: &'a Predicate, _: &'a User, _: Option<&'a Request>) -> BoxFuture<'a, bool> {
        Box::pin(async { false })
    }

    fn data(&self, action: DataAction) -> BoxFuture<'_, Result<Bson, BackendError>> {
        Box::pin(async move {
            Ok(match action.name {
                ActionName::Count => Bson::Int64(0),
                ActionName::FindOne => Bson::Null,
                ActionName::Find | ActionName::Aggregate | ActionName::Distinct => Bson::Array(Vec::new()),
                _ => return Err(BackendError::new(format!("{} is not permitted", action.name.name()))),
            })
        })
    }

    fn begin<'a>(&'a self, _: &'a str, _: &'a Rights) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async { Ok(1) })
    }

    fn commit(&self, _: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn abort(&self, _: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn is_exclusive(&self, _: &str) -> bool {
        true
    }

    fn has_data_source(&self, name: &str) -> bool {
        name == "mongodb-atlas"
    }
}

struct Place {
    runtime: Runtime,
    folder: PathBuf,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = std::env::temp_dir().join(format!("portcullis-fuzz-{}", bson::oid::ObjectId::new().to_hex()));
    fs::create_dir_all(folder.join("functions")).unwrap();
    let write = |path: &str, text: &str| fs::write(folder.join(path), text).unwrap();
    write("root_config.json", r#"{"name": "fuzz", "app_id": "fuzz-abcde"}"#);
    let manifest = r#"[{"name": "f"}, {"name": "next"}, {"name": "decide", "run_as_system": true}, {"name": "user"},
                       {"name": "g", "run_as_user_id": "eve"}]"#;
    write("functions/config.json", manifest);
    write(
        "functions/next.js",
        "exports = (n) => [n + 1, [1, 2].includes(3), `${{}}`, JSON.stringify({ a: [context.user.id] })];",
    );
    write("functions/decide.js", "exports = () => [\"eve\"].includes(context.user.id) && context.runningAsSystem();");
    write("functions/user.js", "exports = (...parts) => context.functions.execute(\"g\", ...parts);");
    Place { runtime, folder }
});

fn functions() -> Functions {
    let app = Arc::new(App::load(&PLACE.folder).unwrap());
    let library = Library::load(&app);
    let mut options = Options::default();
    options.time = TIME;
    options.memory = 64 * 1024 * 1024;
    options.prepared = 1;
    options.running = 4;
    Functions::new(app, Secrets::default(), library, Arc::new(Empty), options)
}

fuzz_target!(|input: &str| {
    let (arguments, source) = input.split_once('\n').unwrap_or(("", input));
    let arguments = serde_json::from_str::<Vec<serde_json::Value>>(arguments).unwrap_or_default();
    let arguments: Vec<Bson> = arguments.into_iter().filter_map(|value| Bson::try_from(value).ok()).collect();
    let place = &*PLACE;
    for name in ["f", "g"] {
        fs::write(place.folder.join(format!("functions/{name}.js")), source).unwrap();
    }
    place.runtime.block_on(async {
        let functions = functions();
        for name in ["f", "user"] {
            let began = Instant::now();
            let ended = functions.call(Call::new(name, arguments.clone(), Entry::Client, User::new("ada"))).await;
            assert!(began.elapsed() < TIME + LATE, "it took {:?}", began.elapsed());
            assert!(!matches!(ended, Err(CallError::Engine(_) | CallError::Busy)), "{ended:?}");
        }
        let call = || functions.call(Call::new("next", vec![Bson::Int64(1)], Entry::Client, User::new("ada")));
        let mut next = call().await;
        for _ in 0..20 {
            // On a busy machine a call that does nothing can be too late.
            if !matches!(next, Err(CallError::TimedOut { .. })) {
                break;
            }
            next = call().await;
        }
        let expected = bson::bson!([2_i64, false, "[object Object]", r#"{"a":["ada"]}"#]);
        assert!(matches!(&next, Ok(returned) if returned.value == expected), "{next:?}");
    });
});
