//! Measures the server: requests per second, CPU time and memory, compared with bare handlers and parse-server.
//!
//! `cargo build --release -p portcullis-cli -p portcullis-server-bench && target/release/portcullis-server-bench`
//!
//! The server under test has the first core to itself; the load generator and `mongod` use the second. Contenders
//! take turns, so that other work on the machine affects them equally. The tables are printed to standard output.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod bare;
mod connection;
mod documents;
mod load;
mod mongod;
mod parse_server;
mod portcullis;
mod process;
mod race;
mod requests;
mod streams;

use std::time::Duration;

use crate::race::{Plan, race};

/// The parts of the benchmark, by the names that select them.
const PARTS: [&str; 6] = ["find", "evaluation", "batch", "parse", "streams", "streams-mongodb"];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "bare") {
        return bare::serve(&arguments[1], &arguments[2]);
    }
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    arguments.retain(|argument| argument != "--quick");
    if let Some(unknown) = arguments.iter().find(|argument| !PARTS.contains(&argument.as_str())) {
        eprintln!("there is no part `{unknown}`; there are --quick, {}", PARTS.join(", "));
        std::process::exit(2);
    }
    let selects = |part: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == part);
    process::pin_self();
    let plan = if is_quick {
        Plan { rounds: 3, round: Duration::from_secs(1) }
    } else {
        Plan { rounds: 9, round: Duration::from_secs(4) }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let races = ["find", "evaluation", "batch", "parse"];
        if races.iter().any(|part| selects(part)) {
            race(plan, &selects).await;
        }
        if selects("streams") {
            streams::measure(streams::Store::Embedded).await;
        }
        if selects("streams-mongodb") {
            streams::measure(streams::Store::MongoDb).await;
        }
    });
}
