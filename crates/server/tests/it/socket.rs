//! The server on a socket: TLS, and shutdown.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_server::{Options, Tls, serve};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::client::{NOTES, Server};

/// A server that listens on a port of its own.
struct Listening {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    server: Server,
}

impl Listening {
    async fn new(tls: Option<Tls>) -> Self {
        let server = Server::with(Options { is_tls: tls.is_some(), ..Options::default() }).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let state = server.served.clone();
        let served = tokio::spawn(async move { serve(listener, state, tls, async { drop(stopped.await) }).await });
        Self { address, stop, served, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// The response to a request for the application's location.
async fn location(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let request = format!("GET {NOTES}/location HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

/// The files of a certificate for `localhost`.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("portcullis-tls-{}", bson::oid::ObjectId::new().to_hex()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// Creates a new certificate; the connector trusts only this one.
    fn renew(&self) -> TlsConnector {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.0.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(self.0.join("cert.pem"), made.cert.pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    fn tls(&self) -> Tls {
        Tls::from_files(&self.0.join("cert.pem"), &self.0.join("key.pem")).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn new_tls_connections_use_the_renewed_certificate() {
    let files = Files::new();
    let first = files.renew();
    let listening = Listening::new(Some(files.tls())).await;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = first.connect(name.clone(), listening.connect().await).await.unwrap();
    assert!(location(stream).await.contains(r#""hostname":"https://api.example.com""#));
    // A renewed certificate is used without a restart.
    let second = files.renew();
    let renewed = async {
        loop {
            if let Ok(stream) = second.connect(name.clone(), listening.connect().await).await {
                break stream;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let stream = tokio::time::timeout(Duration::from_secs(60), renewed).await.unwrap();
    assert!(location(stream).await.starts_with("HTTP/1.1 200"));
    // Clients that do not speak TLS do not affect others.
    assert!(!location_or_nothing(listening.connect().await).await.contains("200"));
    assert!(first.connect(name, listening.connect().await).await.is_err());
}

async fn location_or_nothing(mut stream: TcpStream) -> String {
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    String::from_utf8_lossy(&reply).into_owned()
}

#[test]
fn invalid_certificate_files_are_named() {
    let files = Files::new();
    files.renew();
    std::fs::write(files.0.join("cert.pem"), "nothing").unwrap();
    let error = Tls::from_files(&files.0.join("cert.pem"), &files.0.join("key.pem")).err().unwrap().to_string();
    assert!(error.contains("cert.pem"), "{error}");
    let missing = Tls::from_files(&files.0.join("none.pem"), &files.0.join("key.pem")).err().unwrap().to_string();
    assert!(missing.starts_with("cannot read the certificate `"), "{missing}");
}

#[tokio::test]
async fn a_stopping_server_closes_idle_connections_immediately() {
    let listening = Listening::new(None).await;
    let mut idle = listening.connect().await;
    idle.write_all(format!("GET {NOTES}/location HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    idle.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    listening.stop.send(()).unwrap();
    // Well within the time that requests in progress are given.
    tokio::time::timeout(Duration::from_secs(8), listening.served).await.unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(listening.address).await.is_err());
}

/// Sends these bytes; returns what is received until the connection ends.
async fn exchanged(listening: &Listening, bytes: &str) -> String {
    let mut stream = listening.connect().await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(120), stream.read_to_end(&mut reply)).await;
    // The connection may be reset, since not everything was read.
    drop(read.expect("the connection ends"));
    String::from_utf8_lossy(&reply).into_owned()
}

/// A request for the profile, the head of which contains a token.
fn profile(token: &str) -> String {
    let head = "GET /api/client/v2.0/auth/profile HTTP/1.1\r\nHost: x\r\nConnection: close";
    format!("{head}\r\nAuthorization: Bearer {token}\r\n\r\n")
}

#[tokio::test]
async fn tokens_with_as_much_custom_data_as_is_allowed_are_accepted() {
    let listening = Listening::new(None).await;
    let server = &listening.server;
    let (admin, ken) = (server.somebody("admin@example.com").await, server.somebody("ken@example.com").await);
    // Small numbers take more than four times their size in a token.
    let small: Vec<Value> = (0..95_000).map(|_| json!({ "$numberInt": "1" })).collect();
    let document = json!({ "document": { "user_id": ken.user_id, "small": small } });
    assert_eq!(server.call(&admin, "insertOne", "users", document).await.status, 200);
    let ken = server.again("ken@example.com").await;
    assert!(ken.access.len() > 2_000_000, "{}", ken.access.len());
    for _ in 0..3 {
        let reply = exchanged(&listening, &profile(&ken.access)).await;
        assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("ken@example.com"), "{reply}");
    }
}

#[tokio::test]
async fn large_heads_are_limited_in_number() {
    let listening = Listening::new(None).await;
    let begun = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(100_000));
    let mut open = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (mut stream, begun) = (listening.connect().await, begun.clone());
        open.spawn(async move {
            let sent = stream.write_all(begun.as_bytes()).await;
            // The server never answers half a head: it waits for the rest, or closes the connection.
            sent.is_err() || stream.read(&mut [0]).await.is_ok_and(|read| read == 0)
        });
    }
    let ended = tokio::time::timeout(Duration::from_secs(20), open.join_next()).await.expect("no connection is closed");
    assert!(ended.unwrap().is_ok());
    // Small heads are received all the same.
    assert!(location(listening.connect().await).await.starts_with("HTTP/1.1 200"));
    open.shutdown().await;
    let large = profile(&"x".repeat(100_000));
    let accepted = async {
        loop {
            let (mut stream, mut reply) = (listening.connect().await, Vec::new());
            // The places become free when the server notices that their connections are closed.
            if stream.write_all(large.as_bytes()).await.is_ok() {
                let _ = stream.read_to_end(&mut reply).await;
            }
            if reply.starts_with(b"HTTP/1.1 401") {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), accepted).await.expect("the places are free again");
}

/// If a proxy and a server disagree about the end of a request, what one of them takes for its body is another client's
/// request to the other.
#[tokio::test]
async fn request_smuggling_is_not_possible() {
    let listening = Listening::new(None).await;
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let chunked = format!("0\r\n\r\n{smuggled}");
    let length = chunked.len();
    let post = |headers: &str, body: &str| {
        format!("POST {NOTES}/auth/providers/anon-user/login HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}")
    };
    let both = [
        post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"), &chunked),
        post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"), &chunked),
        post(&format!("transfer-encoding: \tchunked \r\nContent-Length: {length}"), &chunked),
    ];
    for request in both {
        let reply = exchanged(&listening, &request).await;
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{request}\n\n{reply}");
        assert!(reply.starts_with("HTTP/1.1 200") || reply.starts_with("HTTP/1.1 400"), "{reply}");
    }
    for headers in [
        format!("Content-Length: 0\r\nContent-Length: {length}"),
        format!("Content-Length: 0, {length}"),
        format!("Content-Length: +{length}"),
        format!("Content-Length: {length}x"),
        "Content-Length: -1".to_owned(),
        format!("Host: y\r\nContent-Length: {length}"),
        "Transfer-Encoding: xchunked".to_owned(),
        "Transfer-Encoding: chunked, identity".to_owned(),
        "Transfer-Encoding: identity, x".to_owned(),
        "Transfer-Encoding : chunked".to_owned(),
        "X: y\r\n Content-Length: 0".to_owned(),
        "X: y\0\r\nContent-Length: 0".to_owned(),
    ] {
        let reply = exchanged(&listening, &post(&headers, &chunked)).await;
        assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400"), "{headers}\n\n{reply}");
        assert!(reply.matches("HTTP/1.1 ").count() <= 1, "{headers}\n\n{reply}");
    }
}

#[tokio::test]
async fn a_stopping_server_ends_streams_with_an_event() {
    let listening = Listening::new(None).await;
    let ken = listening.server.somebody("ken@example.com").await;
    let call = r#"{"name":"watch","service":"mongodb-atlas","arguments":[{"database":"notes","collection":"notes"}]}"#;
    let call = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, call);
    let call = call.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let path = format!("{NOTES}/functions/call?baas_request={call}&baas_at={}", ken.access);
    let mut stream = listening.connect().await;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    // The stream begins with a comment.
    let mut begun = Vec::new();
    while !begun.windows(3).any(|bytes| bytes == b":\n\n") {
        assert_ne!(stream.read_buf(&mut begun).await.unwrap(), 0, "{}", String::from_utf8_lossy(&begun));
    }
    listening.stop.send(()).unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    let rest = String::from_utf8_lossy(&rest);
    assert!(
        rest.contains(
            "event: error\ndata: {\"error_code\":\"InternalServerError\",\"error\":\"the server is shutting down\"}\n\n"
        ),
        "{rest}"
    );
    // The response ends with the last chunk, not with an aborted connection.
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    tokio::time::timeout(Duration::from_secs(60), listening.served).await.unwrap().unwrap().unwrap();
}

/// The number of connections that are opened at once.
const MANY: usize = 10_000;

/// The most files that this process may have open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default().to_owned();
    line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn ten_thousand_incomplete_requests_do_not_block_others() {
    // Both ends of each connection are in this process, which runs other tests, too.
    let most = open_files().saturating_sub(1_000) / 2;
    let many = MANY.min(most);
    if many < MANY {
        println!("only {many} of {MANY} connections are opened: this process may have {} files open", open_files());
    }
    let listening = Listening::new(None).await;
    let mut slow = Vec::new();
    for _ in 0..many {
        let mut stream = listening.connect().await;
        stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
        slow.push(stream);
    }
    let reply = location(listening.connect().await).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    // None of them receives a response or waits forever: the server ends all of them.
    let all = slow.into_iter().map(|mut stream| async move {
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        reply
    });
    let ended = tokio::time::timeout(Duration::from_secs(300), futures_util::future::join_all(all)).await;
    let replies = ended.expect("slow heads are waited for without end");
    assert!(replies.iter().all(|reply| reply.is_empty() || reply.starts_with(b"HTTP/1.1 4")));
}

#[tokio::test]
async fn a_body_whose_declared_length_is_too_large_is_refused_without_waiting_for_it() {
    let listening = Listening::new(None).await;
    let request = "POST /app/notes-abcde/endpoint/any HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n";
    let reply = exchanged(&listening, request).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
}

#[tokio::test]
async fn waiting_for_a_body_times_out() {
    let listening = Listening::new(None).await;
    let path = format!("{NOTES}/auth/providers/local-userpass/login");
    let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{\"username\": ");
    let mut stream = listening.connect().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = [0; 12];
    tokio::time::timeout(Duration::from_secs(300), stream.read_exact(&mut reply)).await.unwrap().unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&reply));
}
