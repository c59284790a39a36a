//! Accepts connections, with or without TLS; limits their number and how slow they may be; shuts them down.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceExt, service_fn};

use crate::applications::State;
use crate::head::{Head, MAX_HEAD, Metered};
use crate::peer::{Client, Peer};
use crate::streams::{Open, Opened};
use crate::tls::Tls;

/// How long requests that have begun may take to finish when the server shuts down.
const GRACE: Duration = Duration::from_secs(10);

/// The time limit for the head of a request, which includes idle time between requests, and for the TLS handshake.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// The most open connections.
const MAX_CONNECTIONS: usize = 25_000;

/// The most open connections from one network. All connections of a proxy come from its address, so trusted proxies are
/// not limited.
const CONNECTIONS_OF_NETWORK: usize = 1_000;

/// Serves until `stop` completes. Then no more connections are accepted, streams end with an event, and requests that
/// have begun have ten seconds to finish.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    state: State,
    tls: Option<Tls>,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let app = crate::app(state.clone());
    let connections = Open::new(MAX_CONNECTIONS, CONNECTIONS_OF_NETWORK);
    let graceful = GracefulShutdown::new();
    let renewal = tls.clone().map(|tls| tokio::spawn(tls.keep_fresh()));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // For example, too many open files, which passes when other connections end.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let network = network(&state, peer);
        let Some(opened) = connections.take(network) else {
            state.metrics().refused("connections");
            continue;
        };
        let connection = Connection { app: app.clone(), state: state.clone(), peer, opened };
        tokio::spawn(connection.serve(stream, tls.clone(), graceful.watcher()));
    }
    drop(listener);
    if let Some(renewal) = renewal {
        renewal.abort();
    }
    state.streams().stop();
    // Connections that are still open after that are aborted.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

/// The address by which connections are counted. A trusted proxy acts for many clients, so it counts as loopback, which
/// has no limit.
fn network(state: &State, peer: SocketAddr) -> std::net::IpAddr {
    let address = peer.ip().to_canonical();
    if state.options().trusted_proxies.iter().any(|network| network.contains(&address)) {
        return std::net::Ipv4Addr::LOCALHOST.into();
    }
    Client { address, scheme: None, host: None }.network()
}

struct Connection {
    app: Router,
    state: State,
    peer: SocketAddr,
    opened: Opened,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<Tls>, watcher: Watcher) {
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.answer(stream, watcher).await,
            Some(tls) => {
                // Failed handshakes of strangers are not worth logging.
                if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.acceptor().accept(stream)).await {
                    self.answer(stream, watcher).await;
                }
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, watcher: Watcher) {
        let Self { app, state, peer, opened } = self;
        let head = Head::new(network(&state, peer));
        let stream = Metered::new(stream, Arc::clone(&head));
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let received = head.received();
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(Peer(peer.ip()));
            let app = app.clone();
            async move {
                let _received = received;
                Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|never| match never {}))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        state.metrics().connections.inc();
        // Clients that disconnect or do not speak HTTP are not worth logging.
        let _ = watcher.watch(connection).await;
        state.metrics().connections.dec();
        drop(opened);
    }
}
