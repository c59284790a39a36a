//! `context.http` against a local server, and requests that it refuses.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use portcullis::User;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::world::{Draft, World, bson};

/// A server whose responses depend on the path, and which records its requests.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

fn answer(request: &str) -> Vec<u8> {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let bytes = |status: &str, headers: &str, body: &[u8]| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        let body = if request.starts_with("HEAD ") { &[] } else { body };
        [head.as_bytes(), body].concat()
    };
    let plain = |status: &str, headers: &str, body: &str| bytes(status, headers, body.as_bytes());
    let encoded = |name: &str, body: &[u8]| bytes("200 OK", &format!("Content-Encoding: {name}\r\n"), body);
    match path.split('?').next().unwrap_or_default() {
        "/missing" => plain("404 Not Found", "", "nothing"),
        "/moved" => plain("302 Found", "Location: /end\r\n", ""),
        "/away" => plain("302 Found", "Location: http://169.254.169.254/latest/meta-data\r\n", ""),
        "/circle" => plain("302 Found", "Location: /circle\r\n", ""),
        "/cookies" => plain("200 OK", "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nX-TWO: 1\r\nx-two: 2\r\n", ""),
        "/gzip" => encoded("gzip", &gzip(b"small")),
        "/deflate" => {
            let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
            deflated.write_all(b"small").unwrap();
            encoded("deflate", &deflated.finish().unwrap())
        }
        "/bomb" => encoded("gzip", &gzip(&vec![0; 50_000_000])),
        "/broken" => encoded("gzip", b"not compressed"),
        "/unknown" => encoded("x-own", b"own"),
        "/large" => plain("200 OK", "", &"x".repeat(200_000)),
        "/digest" if request.to_ascii_lowercase().contains("authorization: digest username=\"ada\"") => {
            plain("200 OK", "", "let in")
        }
        "/digest" => {
            plain("401 Unauthorized", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n", "")
        }
        "/json" => plain("200 OK", "Content-Type: application/json\r\n", r#"{"n": 1}"#),
        _ => plain("200 OK", "Content-Type: text/plain\r\n", request),
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
    compressed.write_all(text).unwrap();
    compressed.finish().unwrap()
}

async fn serve() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut chunk = [0; 4096];
                loop {
                    let count = stream.read(&mut chunk).await.unwrap_or(0);
                    bytes.extend_from_slice(&chunk[..count]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let length = text
                        .to_ascii_lowercase()
                        .split("content-length: ")
                        .nth(1)
                        .and_then(|rest| rest.split('\r').next()?.parse::<usize>().ok());
                    let whole = text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= length.unwrap_or(0));
                    if count == 0 || whole {
                        seen.lock().unwrap().push(text.clone());
                        if text.contains("/never") {
                            std::future::pending::<()>().await;
                        }
                        let _ = stream.write_all(&answer(&text)).await;
                        return;
                    }
                }
            });
        }
    });
    Server { port, asked }
}

fn world(source: &str) -> World {
    let source = format!("exports = async (base) => {{ const h = context.http; {source} }};");
    Draft::new()
        .function("f", &source, json!({}))
        .options(|options| (options.private_addresses, options.response) = (true, 100_000))
        .build()
}

async fn run(server: &Server, source: &str) -> serde_json::Value {
    world(source).value("f", vec![bson(json!(format!("http://127.0.0.1:{}", server.port)))]).await
}

async fn fails(server: &Server, source: &str) -> String {
    world(source).fails("f", vec![bson(json!(format!("http://127.0.0.1:{}", server.port)))]).await
}

#[tokio::test]
async fn responses_have_the_documented_shape() {
    let server = serve().await;
    let source = "const r = await h.get({ url: `${base}/json` }); \
                  return [r.status, r.statusCode, r.contentLength, r.headers['Content-Type'], r.body instanceof BSON.Binary, EJSON.parse(r.body.text()).n];";
    let number = |number: i32| json!({"$numberLong": number.to_string()});
    let wanted = json!(["200 OK", number(200), number(8), ["application/json"], true, number(1)]);
    assert_eq!(run(&server, source).await, wanted);
    let missing = "const r = await h.get({ url: `${base}/missing` }); return [r.status, r.body.text()];";
    assert_eq!(run(&server, missing).await, json!(["404 Not Found", "nothing"]));
    let cookies = "const r = await h.get({ url: `${base}/cookies` }); return [r.cookies.a.value, r.cookies.b.value, r.headers['X-Two']];";
    assert_eq!(run(&server, cookies).await, json!(["1", "2", ["1", "2"]]));
}

#[tokio::test]
async fn requests_are_as_documented() {
    let server = serve().await;
    run(&server, "return h.post({ url: `${base}/a?x=1`, query: { y: ['2', '3 4'] }, headers: { 'X-A': ['1', '2'], 'X-B': 'bare' }, \
                  body: { n: 1, d: new Date(0) }, encodeBodyAsJSON: true, cookies: { c: 'v' } }).then(() => 1);").await;
    run(&server, "return h.put({ scheme: 'http', host: base.slice(7), path: 'p/q', body: 'text', username: 'ada', password: 'pw' }).then(() => 1);").await;
    run(&server, "return h.patch({ url: base, form: { a: 'x y', b: '1' } }).then(() => 1);").await;
    run(&server, "return h.delete({ url: base, body: BSON.Binary.fromText('bin') }).then(() => 1);").await;
    run(&server, "return h.head({ url: `${base}/` }).then(() => 1);").await;
    let asked = server.asked.lock().unwrap().clone();
    let lower: Vec<String> = asked.iter().map(|asked| asked.to_ascii_lowercase()).collect();
    assert!(asked[0].starts_with("POST /a?x=1&y=2&y=3+4 HTTP/1.1"), "{}", asked[0]);
    for header in ["x-a: 1\r\n", "x-a: 2\r\n", "x-b: bare\r\n", "cookie: c=v\r\n", "content-type: application/json\r\n"]
    {
        assert!(lower[0].contains(header), "{header}: {}", asked[0]);
    }
    assert!(asked[0].ends_with(r#"{"n":{"$numberLong":"1"},"d":{"$date":{"$numberLong":"0"}}}"#), "{}", asked[0]);
    assert!(
        asked[1].starts_with("PUT /p/q") && asked[1].contains("Basic YWRhOnB3") && asked[1].ends_with("text"),
        "{}",
        asked[1]
    );
    assert!(asked[2].starts_with("PATCH / ") && asked[2].ends_with("a=x+y&b=1"), "{}", asked[2]);
    assert!(asked[3].starts_with("DELETE / ") && asked[3].ends_with("bin"), "{}", asked[3]);
    assert!(asked[4].starts_with("HEAD / "), "{}", asked[4]);
}

#[tokio::test]
async fn redirects_are_followed_on_request_and_limited() {
    let server = serve().await;
    assert_eq!(
        run(&server, "return (await h.get({ url: `${base}/moved` })).statusCode;").await,
        json!({"$numberLong": "302"})
    );
    assert_eq!(
        run(&server, "return (await h.get({ url: `${base}/moved`, followRedirects: true })).statusCode;").await,
        json!({"$numberLong": "200"})
    );
    assert_eq!(
        fails(&server, "return h.get({ url: `${base}/circle`, followRedirects: true });").await,
        "Error: too many redirects"
    );
}

#[tokio::test]
async fn digest_authentication_is_supported() {
    let server = serve().await;
    let source = "return (await h.get({ url: `${base}/digest`, username: 'ada', password: 'pw', digestAuth: true })).body.text();";
    assert_eq!(run(&server, source).await, json!("let in"));
}

#[tokio::test]
async fn compressed_responses_are_decoded_within_the_limit() {
    let server = serve().await;
    let source = |path: &str, method: &str| {
        format!(
            "const r = await h.{method}({{ url: `${{base}}/{path}` }}); \
             return [r.body.text(), `${{r.contentLength}}`, r.headers['Content-Encoding'], r.headers['Content-Length']];"
        )
    };
    let undefined = json!({"$undefined": true});
    for path in ["gzip", "deflate"] {
        let decoded = json!(["small", "5", undefined, undefined]);
        assert_eq!(run(&server, &source(path, "get")).await, decoded, "{path}");
    }
    assert_eq!(run(&server, &source("gzip", "head")).await.get(0), Some(&json!("")));
    assert_eq!(run(&server, &source("unknown", "get")).await, json!(["own", "3", ["x-own"], ["3"]]));
    assert_eq!(fails(&server, &source("bomb", "get")).await, "Error: the response is larger than 100000 bytes");
    let broken = fails(&server, &source("broken", "get")).await;
    assert!(broken.starts_with("Error: the request failed: "), "{broken}");
    assert!(server.asked.lock().unwrap()[0].to_ascii_lowercase().contains("accept-encoding: gzip"));
}

#[tokio::test]
async fn axios_interceptors_see_the_headers_and_may_change_them() {
    let server = serve().await;
    let source = "const axios = require('axios'); const own = axios.create({ baseURL: base, headers: { common: { 'X-All': 'all' }, post: { 'X-Post': 'post' }, 'X-Own': 'own' } }); \
                  own.defaults.headers.common['X-Late'] = 'late'; let seen; \
                  own.interceptors.request.use((config) => { \
                    seen = [config.method, config.baseURL === base, { ...config.headers }, config.headers.get('x-own')]; \
                    config.headers.Authorization = 'Bearer x'; config.headers.common['X-Common'] = 'common'; \
                    config.headers.set('x-own', 'changed'); config.headers.delete('X-Late'); return config; }); \
                  await own.post('/x', { a: 1 }); await axios.get(`${base}/y`); \
                  const bare = axios.create(); bare.interceptors.request.use((config) => { config.headers['X-Bare'] = 'bare'; return config; }); \
                  await bare.get(`${base}/z`); return seen;";
    let headers = json!({"X-All": "all", "X-Late": "late", "X-Post": "post", "X-Own": "own"});
    assert_eq!(run(&server, source).await, json!(["post", true, headers, "own"]));
    let asked: Vec<String> = server.asked.lock().unwrap().iter().map(|asked| asked.to_ascii_lowercase()).collect();
    for header in ["authorization: bearer x", "x-all: all", "x-post: post", "x-common: common", "x-own: changed"] {
        assert!(asked[0].contains(&format!("{header}\r\n")), "{header}: {}", asked[0]);
        assert!(!asked[1].contains(header), "{header}: {}", asked[1]);
    }
    assert!(!asked[0].contains("x-late") && asked[2].contains("x-bare: bare"), "{asked:?}");
}

#[tokio::test]
async fn axios_errors_have_the_fields_that_handlers_read() {
    let server = serve().await;
    let source = "const axios = require('axios'); const failed = async (url) => { try { await axios.get(url); } catch (e) { return e; } }; \
                  const missing = await failed(`${base}/missing`), refused = await failed('http://127.0.0.1:1/'); \
                  const { stack, config, ...shown } = missing.toJSON(); \
                  return [shown, typeof stack, config.url === `${base}/missing`, JSON.parse(JSON.stringify(missing)).code, typeof missing.request, \
                    refused.code, typeof refused.request, refused.response, refused.toJSON().status];";
    let shown = json!({
        "message": "Request failed with status code 404", "name": "AxiosError", "code": "ERR_BAD_REQUEST",
        "status": {"$numberLong": "404"}
    });
    let undefined = json!({"$undefined": true});
    assert_eq!(
        run(&server, source).await,
        json!([shown, "string", true, "ERR_BAD_REQUEST", "object", "ECONNREFUSED", "object", undefined, null])
    );
}

#[tokio::test]
async fn axios_is_provided_as_a_shim() {
    let server = serve().await;
    let source = "const axios = require('axios'); const r = await axios.get(`${base}/json`, { params: { a: 1 } }); \
                  let failed; try { await axios.post(`${base}/missing`, { b: 2 }); } catch (e) { failed = [axios.isAxiosError(e), e.response.status, e.message]; } \
                  const own = axios.create({ baseURL: base, headers: { 'X-Own': 'yes' } }); await own.put('/x', 'text'); \
                  return [r.status, r.data.n, r.headers['content-type'], failed];";
    let number = |number: i32| json!({"$numberLong": number.to_string()});
    let failed = json!([true, number(404), "Request failed with status code 404"]);
    assert_eq!(run(&server, source).await, json!([number(200), number(1), "application/json", failed]));
    let asked = server.asked.lock().unwrap().clone();
    assert!(asked[0].starts_with("GET /json?a=1 "), "{}", asked[0]);
    assert!(
        asked[1].ends_with(r#"{"b":2}"#) && asked[1].to_ascii_lowercase().contains("content-type: application/json"),
        "{}",
        asked[1]
    );
    assert!(asked[2].starts_with("PUT /x ") && asked[2].to_ascii_lowercase().contains("x-own: yes"), "{}", asked[2]);
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let server = serve().await;
    let port = server.port;
    let urls = [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://[::1]:{port}"),
        format!("http://0x7f.1:{port}"),
        format!("http://2130706433:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        "http://169.254.169.254/latest".into(),
        "http://10.0.0.1".into(),
        format!("http://0.0.0.0:{port}"),
    ];
    let world = Draft::new().function("f", "exports = (url) => context.http.get({ url });", json!({})).build();
    for url in urls {
        let error = world.fails("f", vec![bson(json!(url))]).await;
        assert!(error.contains("the address is not a public one"), "{url}: {error}");
    }
    for url in ["ftp://example.com", "file:///etc/passwd", "/relative", ""] {
        let error = world.fails("f", vec![bson(json!(url))]).await;
        assert!(error.starts_with("Error: the URL"), "{url}: {error}");
    }
    assert!(server.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn responses_are_bounded_in_size_and_time() {
    let server = serve().await;
    assert_eq!(
        fails(&server, "return h.get({ url: `${base}/large` });").await,
        "Error: the response is larger than 100000 bytes"
    );
    assert_eq!(
        fails(&server, "return h.get({ url: 'http://127.0.0.1:1' });").await.split(':').nth(1),
        Some(" the request failed")
    );
    let source = "exports = async (base) => (await context.http.get({ url: `${base}/never` })).status;";
    let world = Draft::new()
        .function("f", source, json!({}))
        .options(|options| (options.private_addresses, options.time) = (true, Duration::from_millis(300)))
        .build();
    let base = bson(json!(format!("http://127.0.0.1:{}", server.port)));
    assert_eq!(world.fails("f", vec![base]).await, "execution time limit exceeded");
}

#[tokio::test]
async fn invalid_arguments_are_named() {
    let server = serve().await;
    for (source, wanted) in [
        ("return h.get();", "TypeError: the argument of a request must be an object with a `url`"),
        ("return h.get({});", "Error: a request needs a `url`"),
        (
            "return h.post({ url: base, body: { a: 1 } });",
            "TypeError: a body that is an object needs `encodeBodyAsJSON: true`",
        ),
        ("return h.get({ url: base, authUrl: 'x' });", "Error: a request has no option `authUrl`"),
        ("return h.get({ url: base, headers: { 'a b': ['x'] } });", "Error: `a b` is not the name of a header"),
        (
            "return h.get({ url: base, headers: { a: ['x\\r\\nb: c'] } });",
            "Error: the value of the header `a` has a control character",
        ),
    ] {
        assert_eq!(fails(&server, source).await, wanted);
    }
    assert!(server.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn http_services_enforce_their_rules() {
    let server = serve().await;
    let base = format!("http://127.0.0.1:{}", server.port);
    let rule = json!({"name": "r", "actions": ["get"], "when": {"%%args.url.path": "/allowed"}});
    let draft = Draft::new()
        .file("services/web/config.json", json!({"name": "web", "type": "http"}).to_string())
        .file("services/web/rules/r.json", rule.to_string())
        .function(
            "f",
            "exports = async (method, url) => (await context.services.get('web')[method]({ url })).statusCode;",
            json!({}),
        );
    let world = draft.options(|options| options.private_addresses = true).build();
    let arguments = |method: &str, path: &str| vec![bson(json!(method)), bson(json!(format!("{base}{path}")))];
    assert_eq!(world.value("f", arguments("get", "/allowed")).await, json!({"$numberLong": "200"}));
    assert_eq!(
        world.fails("f", arguments("get", "/other")).await,
        "Error: no rule of the service `web` allows this get"
    );
    assert_eq!(
        world.fails("f", arguments("post", "/allowed")).await,
        "Error: no rule of the service `web` allows this post"
    );
}

#[tokio::test]
async fn http_services_without_rules_are_for_the_system_only() {
    let server = serve().await;
    let source = "exports = async (url) => (await context.services.get('web').get({ url })).statusCode;";
    let rule = json!({"name": "r", "actions": ["get"], "when": {"%%user.id": "ada"}});
    for (rule, by_user) in [(None, false), (Some(rule), true)] {
        let draft = Draft::new()
            .file("services/web/config.json", json!({"name": "web", "type": "http"}).to_string())
            .function("byUser", source, json!({}))
            .function("bySystem", source, json!({"run_as_system": true}))
            .function("byBob", source, json!({"run_as_user_id": "bob"}))
            .user(User::new("bob"))
            .options(|options| options.private_addresses = true);
        let draft = match rule {
            Some(rule) => draft.file("services/web/rules/r.json", rule.to_string()),
            None => draft,
        };
        let (app, library) = draft.load();
        assert!(library.advice(&app).is_empty());
        let world = draft.build();
        let url = || vec![bson(json!(format!("http://127.0.0.1:{}", server.port)))];
        assert_eq!(world.value("bySystem", url()).await, json!({"$numberLong": "200"}));
        let refused = "Error: no rule of the service `web` allows this get";
        if by_user {
            assert_eq!(world.value("byUser", url()).await, json!({"$numberLong": "200"}));
        } else {
            assert_eq!(world.fails("byUser", url()).await, refused);
        }
        // The rules are those of the user that the function runs as.
        assert_eq!(world.fails("byBob", url()).await, refused);
    }
}

/// The result or the error of a function that uses the service `web`, with one rule for every action.
async fn by_rule(server: &Server, when: serde_json::Value, source: &str) -> Result<serde_json::Value, String> {
    let rule = json!({"name": "r", "actions": ["get", "post"], "when": when});
    let source = format!("exports = async (base) => {{ const h = context.services.get('web'); {source} }};");
    let world = Draft::new()
        .file("services/web/config.json", json!({"name": "web", "type": "http"}).to_string())
        .file("services/web/rules/r.json", rule.to_string())
        .function("f", &source, json!({}))
        .options(|options| options.private_addresses = true)
        .build();
    let base = bson(json!(format!("http://127.0.0.1:{}", server.port)));
    let answer = world.call("f", vec![base]).await;
    answer.map(|returned| returned.value.into_canonical_extjson()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn http_rules_see_the_request_as_it_is_sent() {
    let server = serve().await;
    let host = format!("127.0.0.1:{}", server.port);
    let get = |rest: &str| format!("return (await h.get({{ {rest} }})).statusCode;");
    let good = Ok(json!({"$numberLong": "200"}));
    let refused = |action: &str| Err(format!("Error: no rule of the service `web` allows this {action}"));
    let on_host = || json!({"%%args.url.host": host, "%%args.url.scheme": "http"});
    assert_eq!(by_rule(&server, on_host(), &get("url: `${base}/x`")).await, good);
    assert_eq!(by_rule(&server, on_host(), &get("scheme: 'http', host: base.slice(7), path: 'x'")).await, good);
    assert_eq!(by_rule(&server, on_host(), &get("url: base.replace('127.0.0.1', 'localhost')")).await, refused("get"));
    // If the destination could be given in two ways, the rule might see one and the client use the other.
    for part in ["scheme", "host", "path"] {
        let rest = format!("url: base.replace('127.0.0.1', 'localhost'), {part}: '{host}'");
        let wanted = Err(format!("Error: a request has either `url` or `{part}`"));
        assert_eq!(by_rule(&server, on_host(), &get(&rest)).await, wanted);
    }
    let on_path = || json!({"%%args.url.path": "/open"});
    assert_eq!(by_rule(&server, on_path(), &get("url: `${base}/shut/../open`")).await, good);
    assert_eq!(by_rule(&server, on_path(), &get("url: `${base}/open/../shut`")).await, refused("get"));
    let on_query = || json!({"%%args.url.query.a": ["1", "2"]});
    assert_eq!(by_rule(&server, on_query(), &get("url: `${base}/?a=1`, query: { a: 2 }")).await, good);
    assert_eq!(by_rule(&server, on_query(), &get("url: `${base}/?a=1&a=2&a=3`")).await, refused("get"));
    let on_header = || json!({"%%args.headers.X-Kind": ["small"]});
    assert_eq!(by_rule(&server, on_header(), &get("url: base, headers: { 'x-kind': 'small' }")).await, good);
    let both = "url: base, headers: { 'x-kind': 'small', 'X-KIND': 'large' }";
    assert_eq!(by_rule(&server, on_header(), &get(both)).await, refused("get"));
    let on_body = || json!({"%%args.body.kind": "small"});
    let post = |kind: &str| {
        format!(
            "return (await h.post({{ url: base, body: {{ kind: '{kind}' }}, encodeBodyAsJSON: true }})).statusCode;"
        )
    };
    assert_eq!(by_rule(&server, on_body(), &post("small")).await, good);
    assert_eq!(by_rule(&server, on_body(), &post("large")).await, refused("post"));
}

#[tokio::test]
async fn http_rules_are_evaluated_again_at_each_redirect() {
    let server = serve().await;
    let source = "return (await h.get({ url: `${base}/moved`, followRedirects: true })).statusCode;";
    let only = json!({"%%args.url.path": "/moved"});
    let refused = Err("Error: no rule of the service `web` allows this get".to_owned());
    assert_eq!(by_rule(&server, only, source).await, refused);
    assert_eq!(server.asked.lock().unwrap().len(), 1);
    let both = json!({"%%args.url.path": {"%in": ["/moved", "/end"]}});
    assert_eq!(by_rule(&server, both, source).await, Ok(json!({"$numberLong": "200"})));
}

#[tokio::test]
async fn concurrent_requests_are_limited_and_queued() {
    let server = serve().await;
    let source = "exports = async (base) => (await Promise.all(Array.from({ length: 120 }, () => context.http.get({ url: base })))).length;";
    let world =
        Draft::new().function("f", source, json!({})).options(|options| options.private_addresses = true).build();
    let base = bson(json!(format!("http://127.0.0.1:{}", server.port)));
    assert_eq!(world.value("f", vec![base]).await, json!({"$numberLong": "120"}));
    assert_eq!(server.asked.lock().unwrap().len(), 120);
}
