//! The server at a socket: TLS, and how it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_server::{Options, Tls, serve};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::client::{NOTES, Server};

/// A server at a port of its own.
struct Listening {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    _server: Server,
}

impl Listening {
    async fn new(tls: Option<Tls>) -> Self {
        let server = Server::with(Options { is_tls: tls.is_some(), ..Options::default() }).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let state = server.served.clone();
        let served = tokio::spawn(async move { serve(listener, state, tls, async { drop(stopped.await) }).await });
        Self { address, stop, served, _server: server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// The reply to a request for the location.
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

    /// Makes a new certificate; the connector trusts no other.
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
async fn tls_is_spoken_with_the_certificate_of_now() {
    let files = Files::new();
    let first = files.renew();
    let listening = Listening::new(Some(files.tls())).await;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = first.connect(name.clone(), listening.connect().await).await.unwrap();
    assert!(location(stream).await.contains(r#""hostname":"https://api.example.com""#));
    // A renewed certificate is taken up without a restart.
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
    // Whoever speaks no TLS does not stop the others.
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
fn files_that_are_no_certificate_are_named() {
    let files = Files::new();
    files.renew();
    std::fs::write(files.0.join("cert.pem"), "nothing").unwrap();
    let error = Tls::from_files(&files.0.join("cert.pem"), &files.0.join("key.pem")).err().unwrap().to_string();
    assert!(error.contains("cert.pem"), "{error}");
    let missing = Tls::from_files(&files.0.join("none.pem"), &files.0.join("key.pem")).err().unwrap().to_string();
    assert!(missing.starts_with("cannot read the certificate `"), "{missing}");
}

#[tokio::test]
async fn a_server_that_stops_ends_idle_connections_at_once() {
    let listening = Listening::new(None).await;
    let mut idle = listening.connect().await;
    idle.write_all(format!("GET {NOTES}/location HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    idle.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    listening.stop.send(()).unwrap();
    // Well before the grace of requests that have begun.
    tokio::time::timeout(Duration::from_secs(8), listening.served).await.unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(listening.address).await.is_err());
}
