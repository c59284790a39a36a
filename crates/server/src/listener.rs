//! Connections: how many, how slow, in TLS or not, and how they end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
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
use crate::peer::{Client, Peer};
use crate::streams::{Open, Opened};
use crate::tls::Tls;

/// How long requests that have begun are waited for when the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long a connection may take to bring the head of a request, also between two requests, and to agree on TLS.
const HEAD: Duration = Duration::from_secs(30);

/// How large the head of a request may be, in bytes. Some clients send their token in the address.
const HEAD_SIZE: usize = 256 * 1024;

/// How many headers a request may have.
const HEADERS: usize = 100;

/// How many connections may be open.
const CONNECTIONS: usize = 25_000;

/// How many of them from one network. Behind a proxy all come from its address, so it has to be trusted to have no limit.
const CONNECTIONS_OF_NETWORK: usize = 1_000;

/// Serves until `stop` is there. Then no connection is taken any more, streams end with an event, and requests that have begun have ten
/// seconds.
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
    let connections = Open::new(CONNECTIONS, CONNECTIONS_OF_NETWORK);
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
                // Such as too many open files: it passes when others end.
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
    // What has not ended then is cut off.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

/// What the limit of connections goes by; a trusted proxy asks for everybody.
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
                // A stranger's handshake that fails is no event of ours.
                if let Ok(Ok(stream)) = tokio::time::timeout(HEAD, tls.acceptor().accept(stream)).await {
                    self.answer(stream, watcher).await;
                }
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, watcher: Watcher) {
        let Self { app, state, peer, opened } = self;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(Peer(peer.ip()));
            let app = app.clone();
            async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|never| match never {})) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_SIZE)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        state.metrics().connections.inc();
        // A client that goes away, or sends what is no HTTP, is no event of ours.
        let _ = watcher.watch(connection).await;
        state.metrics().connections.dec();
        drop(opened);
    }
}
