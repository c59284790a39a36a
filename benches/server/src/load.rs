//! Generates load: either as much as a server can handle, or at a fixed rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::Connection;

/// The number of concurrent connections.
pub(crate) const CONNECTIONS: usize = 16;

/// Encoded requests.
pub(crate) type Requests = Arc<Vec<Vec<u8>>>;

/// The results of a load test.
pub(crate) struct Outcome {
    pub(crate) requests: usize,
    pub(crate) took: Duration,
    /// Measured from the time at which each request was due, in microseconds, in ascending order.
    pub(crate) latencies: Vec<u64>,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// The latency in microseconds below which this fraction of the requests stays.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let last = self.latencies.len() - 1;
        self.latencies[(last as f64 * share) as usize]
    }
}

/// Each connection sends its next request as soon as it has the response.
pub(crate) async fn unlimited(address: SocketAddr, requests: &Requests, lasts: Duration) -> Outcome {
    run(address, requests, lasts, None).await
}

/// Sends requests at a fixed rate, whatever the server does. Latencies are measured from the time at which a request
/// was due, even if its connection was still waiting for the previous response, so that a pause of the server counts
/// for all requests that it delays.
pub(crate) async fn at_rate(address: SocketAddr, requests: &Requests, lasts: Duration, rate: f64) -> Outcome {
    run(address, requests, lasts, Some(Duration::from_secs_f64(CONNECTIONS as f64 / rate))).await
}

async fn run(address: SocketAddr, requests: &Requests, lasts: Duration, interval: Option<Duration>) -> Outcome {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address).await.unwrap());
    }
    let begun = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .enumerate()
        .map(|(number, connection)| {
            let share = interval.map(|interval| interval.mul_f64(number as f64 / CONNECTIONS as f64));
            let client = Client { connection, requests: Arc::clone(requests), number, begun, lasts };
            tokio::spawn(client.ask(interval, share.unwrap_or_default()))
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let took = begun.elapsed();
    latencies.sort_unstable();
    Outcome { requests: latencies.len(), took, latencies }
}

struct Client {
    connection: Connection,
    requests: Requests,
    number: usize,
    begun: Instant,
    lasts: Duration,
}

impl Client {
    async fn ask(mut self, interval: Option<Duration>, first: Duration) -> Vec<u64> {
        let mut latencies = Vec::new();
        let mut due = self.begun + first;
        // Connections start at different requests.
        let mut next = self.number * self.requests.len() / CONNECTIONS;
        while self.begun.elapsed() < self.lasts {
            match interval {
                None => due = Instant::now(),
                Some(_) => tokio::time::sleep_until(due.into()).await,
            }
            let request = &self.requests[next % self.requests.len()];
            let reply = self.connection.ask(request).await.unwrap();
            assert!(reply.status < 300, "{} {}", reply.status, String::from_utf8_lossy(reply.body));
            latencies.push(due.elapsed().as_micros() as u64);
            next += 1;
            due += interval.unwrap_or_default();
        }
        latencies
    }
}
