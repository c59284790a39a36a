//! Metrics for Prometheus.

use std::collections::HashMap;
use std::io;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::applications::State;

/// The labels of a request. Each has a small, fixed set of values, so that clients cannot create new time series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// The metrics of one route.
struct OfRoute {
    seconds: Histogram,
    /// The counters by method and status.
    requests: Vec<((&'static str, u16), Counter)>,
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    refused: Family<Reason, Counter>,
    /// The metrics of the routes requested so far. Looking them up here does not copy the labels.
    known: RwLock<HashMap<String, OfRoute>>,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Streams that are open.
    pub(crate) streams: Gauge,
}

/// The buckets of the duration of requests, in seconds.
fn times() -> Histogram {
    Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        let new: fn() -> Histogram = times;
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(new),
            refused: Family::default(),
            known: RwLock::default(),
            connections: Gauge::default(),
            streams: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests that were answered", metrics.requests.clone());
        registry.register("request_seconds", "Time until the reply began", metrics.seconds.clone());
        registry.register("refused", "Requests and connections refused by a limit", metrics.refused.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register("streams", "Open change streams", metrics.streams.clone());
        Self { registry, ..metrics }
    }

    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let of_route = known.get(route);
        let counter = of_route.and_then(|known| known.requests.iter().find(|(asked, _)| *asked == (method, status)));
        if let (Some(of_route), Some((_, counter))) = (of_route, counter) {
            of_route.seconds.observe(took.as_secs_f64());
            counter.inc();
            return;
        }
        drop(known);
        let label = || route.to_owned();
        let seconds = self.seconds.get_or_create(&Route { route: label() }).clone();
        let counter = self.requests.get_or_create(&RequestLabels { method, route: label(), status }).clone();
        seconds.observe(took.as_secs_f64());
        counter.inc();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let of_route = known.entry(label()).or_insert_with(|| OfRoute { seconds, requests: Vec::new() });
        if of_route.requests.iter().all(|(asked, _)| *asked != (method, status)) {
            of_route.requests.push(((method, status), counter));
        }
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The router for `GET /metrics`, for a listener that clients cannot reach.
pub fn metrics(state: State) -> Router {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Router::new().route(
        "/metrics",
        get(move || async move { ([(header::CONTENT_TYPE, kind)], state.metrics().text()).into_response() }),
    )
}

/// Serves metrics until the listener fails.
///
/// # Errors
/// The listener fails.
pub async fn serve_metrics(listener: TcpListener, metrics: Router) -> io::Result<()> {
    axum::serve(listener, metrics).await
}
