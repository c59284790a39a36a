//! A MongoDB server for tests, and a runner for tests that use it. If no server is available, every test is reported
//! as ignored, with the reason; with `PORTCULLIS_MONGODB_REQUIRED=1`, as failed.

pub mod clients;
mod install;
mod server;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::time::timeout;

pub use install::mongod;
pub use server::Server;
pub use world::{Finished, Run, Sent, World, config};

/// The time limit for a test.
pub const LIMIT: Duration = Duration::from_secs(300);

/// The server that is shared by all tests that do not stop it, or the reason why there is none.
type Shared = Result<(PathBuf, Server), String>;

/// Builds the list of named tests from functions in modules: `cases! { module: function function; }`.
#[macro_export]
macro_rules! cases {
    ($($module:ident: $($name:ident)+;)+) => {
        vec![$($((
            concat!(stringify!($module), "::", stringify!($name)).to_owned(),
            Box::new(|world| Box::pin($module::$name(world)) as $crate::mongodb::Finished) as $crate::mongodb::Run,
        )),+),+]
    };
}

/// Runs tests as the process's arguments say, each with its own database on one shared server and with a time limit. Tests
/// start in the given order, twice as many at once as there are cores: many spend their time waiting for a server.
pub fn run(cases: Vec<(String, Run)>, limit: Duration) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.test_threads.is_none() {
        arguments.test_threads = available_parallelism().ok().map(|cores| cores.get() * 2);
    }
    let shared: Arc<Shared> = Arc::new(if arguments.list { Err("only listed".to_owned()) } else { shared() });
    if let Err(reason) = shared.as_ref()
        && !arguments.list
    {
        eprintln!("\nTHE TESTS ON MONGODB CANNOT RUN: {reason}\n");
    }
    let trials = cases.into_iter().enumerate().map(|(number, (name, run))| {
        let shared = Arc::clone(&shared);
        Trial::ignorable_test(name, move || trial(&shared, number, run, limit))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Exiting the process would not drop the last reference to the server, which stops it.
    drop(shared);
    conclusion.exit_code()
}

fn shared() -> Shared {
    let mongod = mongod()?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let server = runtime.block_on(async {
        let server = Server::start(mongod.clone()).await;
        clients::shut_down().await;
        server
    })?;
    Ok((mongod, server))
}

fn trial(shared: &Shared, number: usize, run: Run, limit: Duration) -> Result<Completion, Failed> {
    match shared {
        Ok((mongod, server)) => {
            let test = async {
                run(World::new(mongod.clone(), server.uri(), &format!("test{number}")).await).await;
            };
            let finished = Runtime::new()?.block_on(async {
                clients::forget();
                let finished = timeout(limit, test).await;
                clients::shut_down().await;
                finished
            });
            finished.map_err(|_| Failed::from(format!("not done within {} seconds", limit.as_secs())))?;
            Ok(Completion::Completed)
        }
        Err(reason) if std::env::var_os("PORTCULLIS_MONGODB_REQUIRED").is_some_and(|value| value == "1") => {
            Err(Failed::from(reason))
        }
        Err(reason) => Ok(Completion::ignored_with(reason)),
    }
}
