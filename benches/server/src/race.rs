//! Sends the same requests to several servers in turns.

use std::time::Duration;

use crate::load::{Requests, at_rate, unlimited};
use crate::mongod::Mongod;
use crate::parse_server::ParseServer;
use crate::portcullis::{BATCH, Portcullis};
use crate::process::{Server, free_address};

/// How long a race takes.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
}

/// A server with the requests that it gets.
struct Runner<'a> {
    name: &'a str,
    server: &'a Server,
    requests: Requests,
    rounds: Vec<Round>,
}

struct Round {
    /// Requests per second.
    rate: f64,
    /// The server's CPU time per request, in microseconds.
    cpu: f64,
    /// The fraction of its core that the server used.
    share: f64,
}

impl<'a> Runner<'a> {
    const fn new(name: &'a str, server: &'a Server, requests: Requests) -> Self {
        Self { name, server, requests, rounds: Vec::new() }
    }

    async fn round(&mut self, lasts: Duration) {
        let before = self.server.cpu();
        let outcome = unlimited(self.server.address, &self.requests, lasts).await;
        let cpu = self.server.cpu() - before;
        self.rounds.push(Round {
            rate: outcome.rate(),
            cpu: cpu.as_micros() as f64 / outcome.requests as f64,
            share: cpu.as_secs_f64() / outcome.took.as_secs_f64(),
        });
    }

    fn median(&self, of: fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs all selected races and prints their tables.
pub(crate) async fn race(plan: Plan, selects: &impl Fn(&str) -> bool) {
    let mongod = Mongod::start().await;
    let client = mongod.client().await;
    let mut portcullis = Portcullis::start(Some(&mongod.uri())).await;
    portcullis.fill(&client).await;
    let address = free_address();
    let this = std::env::current_exe().unwrap();
    let arguments = ["bare", &mongod.uri(), &address.to_string()];
    let bare = Server::start(this.to_str().unwrap(), &arguments, address).await;
    let ours = &portcullis.server;

    if selects("find") {
        let runners = vec![
            Runner::new("bare axum and driver", &bare, portcullis.find_one(Some("/find"))),
            Runner::new("portcullis", ours, portcullis.find_one(None)),
        ];
        table("`findOne` by `_id`", runners, plan).await;
    }
    if selects("evaluation") {
        let runners = vec![
            Runner::new("bare axum, echo", &bare, portcullis.evaluation(Some("/echo"))),
            Runner::new("portcullis", ours, portcullis.evaluation(None)),
        ];
        table("AuthZEN evaluation", runners, plan).await;
    }
    if selects("batch") {
        let runners = vec![
            Runner::new("bare axum, echo", &bare, portcullis.batch(Some("/echo"))),
            Runner::new("portcullis", ours, portcullis.batch(None)),
        ];
        let [.., ours] = &*table("AuthZEN, 100 evaluations", runners, plan).await else { return };
        let decisions = ours.median(|round| 1e6 / round.cpu) * BATCH as f64;
        println!("{decisions:.0} decisions a second and processor.\n");
    }
    if selects("parse")
        && let Some(parse) = ParseServer::start(&mongod.uri(), &client).await
    {
        let theirs = &parse.server;
        let pairs = [
            ("login", Portcullis::login(), ParseServer::login()),
            ("get by id", portcullis.find_one(None), parse.find_one()),
            ("query of 100 documents", portcullis.find(), parse.find()),
        ];
        for (title, our_requests, their_requests) in pairs {
            let runners = vec![
                Runner::new("parse-server", theirs, their_requests),
                Runner::new("portcullis", ours, our_requests),
            ];
            table(title, runners, plan).await;
        }
    }
}

/// Lets the servers take turns, and then measures each at half of the rate that the slowest can sustain.
async fn table<'a>(title: &str, mut runners: Vec<Runner<'a>>, plan: Plan) -> Vec<Runner<'a>> {
    for number in 0..=plan.rounds {
        for runner in &mut runners {
            runner.round(plan.round).await;
            // The first round is a warm-up.
            if number == 0 {
                runner.rounds.clear();
            }
        }
    }
    let rates = runners.iter().map(|runner| runner.median(|round| round.rate));
    let rate = rates.fold(f64::INFINITY, f64::min) / 2.0;
    println!(
        "| {title} | requests/s | of the first | CPU µs/request | of the first | share of its processor | p50 / p99 / p99.9 at {rate:.0}/s, ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for runner in &runners {
        let first = &runners[0];
        let of_first = |of: fn(&Round, &Round) -> f64| {
            median(runner.rounds.iter().zip(&first.rounds).map(|(one, first)| of(one, first)).collect())
        };
        let (name, paced) = (runner.name, at_rate(runner.server.address, &runner.requests, plan.round * 2, rate).await);
        let milliseconds = |share| paced.quantile(share) as f64 / 1000.0;
        println!(
            "| {name} | {:.0} | {:.2} | {:.1} | {:.2} | {:.2} | {:.1} / {:.1} / {:.1} |",
            runner.median(|round| round.rate),
            of_first(|one, first| one.rate / first.rate),
            runner.median(|round| round.cpu),
            of_first(|one, first| first.cpu / one.cpu),
            runner.median(|round| round.share),
            milliseconds(0.5),
            milliseconds(0.99),
            milliseconds(0.999),
        );
    }
    println!();
    runners
}
