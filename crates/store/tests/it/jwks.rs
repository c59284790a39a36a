//! Keys from an HTTPS address, against a server with a certificate of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::DateTime;
use expect_test::{Expect, expect};
use portcullis::auth::token::{JwksError, JwksSource, TokenError};
use portcullis::text::Code;
use portcullis_store::jwks::{HttpsJwks, HttpsJwksError, HttpsJwksOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

use portcullis_testkit::keys::{OTHER_RSA, RSA, now, provider, rs256, sign};

/// What the server answers to every request.
#[derive(Clone)]
enum Reply {
    Keys(Vec<&'static str>),
    Text(&'static str),
    Status(u16),
    /// To the path that is asked for next; the last answers with keys.
    Redirects(usize),
    RedirectTo(&'static str),
    Endless,
    Silence,
    Close,
}

struct Server {
    port: u16,
    certificate: Vec<u8>,
    requests: Arc<AtomicUsize>,
    reply: Arc<Mutex<Reply>>,
}

impl Server {
    async fn start(reply: Reply) -> Self {
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = key.cert.der().to_vec();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, certificate, requests: Arc::default(), reply: Arc::new(Mutex::new(reply)) };
        let (requests, reply) = (Arc::clone(&server.requests), Arc::clone(&server.reply));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, requests, reply) = (acceptor.clone(), Arc::clone(&requests), Arc::clone(&reply));
                tokio::spawn(async move { serve(stream, &acceptor, &requests, &reply).await });
            }
        });
        server
    }

    fn now_replies(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// A message about this server that is the same in every run.
    fn without_port(&self, message: &str) -> String {
        message.replace(&format!(":{}", self.port), ":PORT")
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn options(&self) -> HttpsJwksOptions {
        HttpsJwksOptions {
            root_certificates: vec![self.certificate.clone()],
            timeout: Duration::from_secs(5),
            ..HttpsJwksOptions::default()
        }
    }

    fn keys(&self) -> HttpsJwks {
        self.keys_with(self.options())
    }

    fn keys_with(&self, options: HttpsJwksOptions) -> HttpsJwks {
        HttpsJwks::new(&format!("https://localhost:{}/0?key=hidden", self.port), options).unwrap()
    }
}

/// Answers one request; a client that goes away is nothing to it.
async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, requests: &AtomicUsize, reply: &Mutex<Reply>) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let hop: usize = String::from_utf8_lossy(&request).split(['/', '?', ' ']).nth(2)?.parse().ok()?;
    let reply = reply.lock().unwrap().clone();
    match reply {
        Reply::Keys(kids) => send(&mut stream, "200 OK", "", &set(&kids)).await,
        Reply::Text(text) => send(&mut stream, "200 OK", "", text).await,
        Reply::Status(status) => send(&mut stream, &format!("{status} No"), "", "").await,
        Reply::Redirects(hops) if hop >= hops => send(&mut stream, "200 OK", "", &set(&["one"])).await,
        Reply::Redirects(_) => send(&mut stream, "302 Found", &format!("location: /{}\r\n", hop + 1), "").await,
        Reply::RedirectTo(to) => send(&mut stream, "302 Found", &format!("location: {to}\r\n"), "").await,
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\": [").await.ok()?;
            while stream.write_all(&[b' '; 1024]).await.is_ok() {}
            None
        }
        Reply::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            None
        }
        Reply::Close => None,
    }
}

async fn send(stream: &mut TlsStream<TcpStream>, status: &str, headers: &str, body: &str) -> Option<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn set(kids: &[&str]) -> String {
    json!({ "keys": kids.iter().map(|kid| RSA.jwk(kid)).collect::<Vec<_>>() }).to_string()
}

fn later(seconds: i64) -> DateTime {
    DateTime::from_millis(now().timestamp_millis() + seconds * 1000)
}

/// Whether the keys have one of this `kid`.
async fn has(keys: &HttpsJwks, kid: &str, seconds: i64) -> Result<bool, JwksError> {
    Ok(keys.key(kid, later(seconds)).await?.is_some())
}

#[tokio::test]
async fn a_key_set_is_fetched_once_while_it_is_fresh() {
    let server = Server::start(Reply::Keys(vec!["one", "two"])).await;
    let keys = server.keys();
    assert_eq!(server.requests(), 0);
    for (kid, seconds) in [("one", 0), ("two", 1), ("one", 3599)] {
        assert_eq!(has(&keys, kid, seconds).await, Ok(true));
    }
    assert_eq!(server.requests(), 1);
    assert_eq!(has(&keys, "one", 3600).await, Ok(true));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_rotated_key_is_fetched_after_the_minimum_interval() {
    let server = Server::start(Reply::Keys(vec!["old"])).await;
    let keys = server.keys();
    assert_eq!(has(&keys, "old", 0).await, Ok(true));
    server.now_replies(Reply::Keys(vec!["new"]));
    for seconds in 0..30 {
        assert_eq!(has(&keys, &format!("stranger {seconds}"), seconds).await, Ok(false));
    }
    assert_eq!((has(&keys, "new", 29).await, server.requests()), (Ok(false), 1));
    assert_eq!((has(&keys, "new", 30).await, server.requests()), (Ok(true), 2));
    assert_eq!(has(&keys, "old", 31).await, Ok(false), "a key that was withdrawn is good no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_lookups_share_a_fetch() {
    let server = Server::start(Reply::Keys(vec!["one"])).await;
    let keys = Arc::new(server.keys());
    let asking: Vec<_> = (0..50)
        .map(|number| {
            let keys = Arc::clone(&keys);
            let kid = if number % 2 == 0 { "one" } else { "none" };
            tokio::spawn(async move { (has(&keys, kid, 0).await, kid == "one") })
        })
        .collect();
    for asked in asking {
        let (found, expected) = asked.await.unwrap();
        assert_eq!(found, Ok(expected));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_cancelled_lookup_does_not_cancel_the_shared_fetch() {
    let server = Server::start(Reply::Keys(vec!["one"])).await;
    let keys = server.keys();
    let hung_up = tokio::time::timeout(Duration::from_millis(1), has(&keys, "one", 0)).await;
    assert_eq!(has(&keys, "one", 0).await, Ok(true));
    assert!(hung_up.is_err() || server.requests() == 1);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn invalid_responses_are_errors_with_a_reason() {
    let server = Server::start(Reply::Close).await;
    let cases: [(Reply, &str, Expect); 8] = [
        (
            Reply::Status(500),
            "jwks-unavailable",
            expect!["the key set at https://localhost:PORT/0 cannot be fetched: it responded with status 500"],
        ),
        (
            Reply::Status(304),
            "jwks-unavailable",
            expect!["the key set at https://localhost:PORT/0 cannot be fetched: it responded with status 304"],
        ),
        (
            Reply::Text("<html>"),
            "jwks-malformed",
            expect!["the key set at https://localhost:PORT/0 cannot be read: the key set is not JSON (json-syntax)"],
        ),
        (
            Reply::Text("{}"),
            "jwks-malformed",
            expect!["the key set at https://localhost:PORT/0 cannot be read: the key set has no array `keys`"],
        ),
        (
            Reply::Endless,
            "jwks-malformed",
            expect!["the key set at https://localhost:PORT/0 cannot be read: the key set has more than 1048576 bytes"],
        ),
        (
            Reply::Silence,
            "jwks-unavailable",
            expect!["the key set at https://localhost:PORT/0 cannot be fetched: it timed out"],
        ),
        (
            Reply::Redirects(4),
            "jwks-unavailable",
            expect!["the key set at https://localhost:PORT/0 cannot be fetched: too many redirects"],
        ),
        (
            Reply::RedirectTo("http://localhost/keys"),
            "jwks-unavailable",
            expect![
                "the key set at https://localhost:PORT/0 cannot be fetched: a redirect to an address that is not HTTPS"
            ],
        ),
    ];
    for (reply, code, expected) in cases {
        server.now_replies(reply);
        let keys = server.keys_with(HttpsJwksOptions { timeout: Duration::from_secs(1), ..server.options() });
        let error = has(&keys, "one", 0).await.unwrap_err();
        let message = error.to_string();
        assert_eq!(error.code(), code, "{message}");
        assert!(!message.contains("hidden") && message.lines().count() == 1, "{message}");
        expected.assert_eq(&server.without_port(&message));
        // The address is left alone for a while, and the reason stays known.
        let before = server.requests();
        assert_eq!(has(&keys, "one", 29).await, Err(error));
        assert_eq!(server.requests(), before);
    }
    // The system words a broken connection in more than one way.
    server.now_replies(Reply::Close);
    assert_eq!(has(&server.keys(), "one", 0).await.unwrap_err().code(), "jwks-unavailable");
    server.now_replies(Reply::Redirects(3));
    assert_eq!(has(&server.keys(), "one", 0).await, Ok(true));
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let server = Server::start(Reply::Keys(vec!["one"])).await;
    let another = Server::start(Reply::Close).await;
    for (options, expected) in [
        (
            HttpsJwksOptions::default(),
            expect![
                "the key set at https://localhost:PORT/0 cannot be fetched: invalid peer certificate: UnknownIssuer"
            ],
        ),
        (
            another.options(),
            expect![
                "the key set at https://localhost:PORT/0 cannot be fetched: invalid peer certificate: BadSignature"
            ],
        ),
    ] {
        let error = has(&server.keys_with(options), "one", 0).await.unwrap_err();
        expected.assert_eq(&server.without_port(&error.to_string()));
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn keys_stay_usable_for_a_day_while_their_server_is_down() {
    let server = Server::start(Reply::Keys(vec!["one"])).await;
    let keys = server.keys();
    assert_eq!(has(&keys, "one", 0).await, Ok(true));
    server.now_replies(Reply::Status(503));
    assert_eq!(has(&keys, "one", 7200).await, Ok(true));
    let error = has(&keys, "two", 7201).await.unwrap_err();
    expect!["the key set at https://localhost:PORT/0 cannot be fetched: it responded with status 503"]
        .assert_eq(&server.without_port(&error.to_string()));
    assert_eq!(has(&keys, "one", 86_399).await, Ok(true));
    assert!(has(&keys, "one", 86_430).await.is_err());
    server.now_replies(Reply::Keys(vec!["one"]));
    assert_eq!(has(&keys, "one", 86_500).await, Ok(true));
}

#[tokio::test]
async fn a_key_set_with_duplicate_key_ids_is_refetched_soon() {
    let server = Server::start(Reply::Keys(vec!["one", "one"])).await;
    let keys = server.keys();
    let error = has(&keys, "one", 0).await.unwrap_err();
    server.now_replies(Reply::Keys(vec!["one"]));
    assert_eq!(has(&keys, "one", 29).await, Err(error));
    assert_eq!(has(&keys, "one", 31).await, Ok(true));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_provider_accepts_tokens_signed_with_fetched_keys() {
    let server = Server::start(Reply::Keys(vec!["one"])).await;
    let provider = provider(
        r#"{ "name": "p", "type": "custom-token", "config": { "audience": "hr", "signingAlgorithm": "RS256",
             "useJWKURI": true, "jwkURI": "https://login.example.com/keys" } }"#,
    )
    .with_jwks(Arc::new(server.keys()));
    let exp = now().timestamp_millis() / 1000 + 60;
    let token = |kid: &str, key| {
        let header = json!({ "alg": "RS256", "kid": kid }).to_string();
        sign(&header, &json!({ "sub": "ada", "aud": "hr", "exp": exp }).to_string(), &rs256(key))
    };
    assert!(provider.verify(&token("one", &RSA), now()).await.is_ok());
    let refused = async |token: String| provider.verify(&token, now()).await.unwrap_err();
    assert!(matches!(refused(token("one", &OTHER_RSA)).await, TokenError::Signature));
    assert!(matches!(refused(token("two", &RSA)).await, TokenError::KeyUnknown(_)));
    assert_eq!(server.requests(), 1);
}

#[test]
fn an_address_that_is_not_https_or_names_a_user_is_refused() {
    for address in
        ["http://example.com/", "https://", "ftp://example.com", "example.com", "https://me:secret@example.com/"]
    {
        let error = HttpsJwks::new(address, HttpsJwksOptions::default()).unwrap_err();
        assert_eq!(error, HttpsJwksError::Address, "{address}");
    }
}
