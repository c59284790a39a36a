//! `portcullis serve` as an operator starts it: its mail server, its files that change, and the custom data of its users.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::state::State;

const NOTES: &str = "fixtures/served/notes";
const CLIENT: &str = "/api/client/v2.0/app/notes-abcde";
const PASSWORDS: &str = "/api/client/v2.0/app/notes-abcde/auth/providers/local-userpass";

/// How long is waited for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server, which ends with this value.
struct Serving {
    child: Child,
    address: String,
    /// What it says on standard error.
    said: Receiver<String>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives the lines of an output away, for as long as there are some.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    // The output is read on when nobody wants it any more, or its writer would fail.
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    lines
}

impl Serving {
    fn start(state: &State, app: &str, more: &[&str]) -> Self {
        Self::on(state, &state.path("data.redb"), app, more)
    }

    fn on(state: &State, store: &str, app: &str, more: &[&str]) -> Self {
        let arguments = ["serve", "--app", app, "--store", store, "--listen", "127.0.0.1:0"];
        let mut command = state.command(&[&arguments[..], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = lines(child.stderr.take().unwrap());
        let told = lines(child.stdout.take().unwrap());
        let first = told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{:?}", said.try_iter().collect::<Vec<_>>()));
        let address = first.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address, said }
    }

    /// Waits until it says something with this text.
    fn wait_for(&self, text: &str) -> String {
        let mut all = Vec::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => all.push(line),
                Err(error) => panic!("{error}: no {text:?} in {all:#?}"),
            }
        }
    }

    /// The status and the body of a reply.
    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (body, host) = (body.to_string(), &self.address);
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() })
    }

    fn register(&self, email: &str) -> u16 {
        let body = json!({ "email": email, "password": "password" });
        self.ask("POST", &format!("{PASSWORDS}/register"), None, &body).0
    }

    fn log_in(&self, email: &str, password: &str) -> (u16, Value) {
        let body = json!({ "username": email, "password": password });
        self.ask("POST", &format!("{PASSWORDS}/login"), None, &body)
    }

    /// Calls an action of the data source.
    fn call(&self, token: &str, name: &str, collection: &str, options: &Value) -> (u16, Value) {
        let mut argument = json!({ "database": "notes", "collection": collection });
        argument.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let body = json!({ "name": name, "service": "mongodb-atlas", "arguments": [argument] });
        self.ask("POST", &format!("{CLIENT}/functions/call"), Some(token), &body)
    }
}

/// A mail, as the server of the recipient gets it.
#[derive(Debug)]
struct Received {
    from: String,
    to: Vec<String>,
    data: String,
}

/// A mail server that takes everything.
fn mail_server() -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || drop(converse(stream, &sender)));
        }
    });
    (address, received)
}

/// What a mail server says to its client (RFC 5321).
fn converse(stream: TcpStream, received: &Sender<Received>) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    let mut answer = |text: &str| answers.write_all(format!("{text}\r\n").as_bytes());
    answer("220 mail.example.com ESMTP")?;
    let empty = || Received { from: String::new(), to: Vec::new(), data: String::new() };
    let mut mail = empty();
    while let Some(line) = lines.next() {
        let line = line?;
        let command = line.to_ascii_uppercase();
        if command.starts_with("EHLO") {
            answer("250-mail.example.com\r\n250 8BITMIME")?;
        } else if command.starts_with("MAIL FROM:") {
            line[10..].clone_into(&mut mail.from);
            answer("250 2.1.0 ok")?;
        } else if command.starts_with("RCPT TO:") {
            mail.to.push(line[8..].to_owned());
            answer("250 2.1.5 ok")?;
        } else if command == "DATA" {
            answer("354 go on")?;
            for line in lines.by_ref() {
                let line = line?;
                if line == "." {
                    break;
                }
                mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                mail.data.push('\n');
            }
            answer("250 2.0.0 ok")?;
            let _ = received.send(std::mem::replace(&mut mail, empty()));
        } else if command == "QUIT" {
            return answer("221 2.0.0 bye");
        } else {
            answer("250 ok")?;
        }
    }
    Ok(())
}

/// The token of a mail, as a client sends it.
fn link(mail: &str) -> Value {
    // Long lines are broken, and `=` is written by its number.
    let mail = mail.replace("=\n", "").replace("=3D", "=");
    let part = |name: &str| {
        let rest = mail.split(&format!("{name}=")).nth(1).unwrap_or_else(|| panic!("{mail}"));
        rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>()
    };
    json!({ "token": part("token"), "tokenId": part("tokenId"), "password": "another one" })
}

#[test]
fn a_reset_mail_is_sent_by_smtp_and_sets_a_password() {
    let state = State::new("mailed");
    let (mail_server, received) = mail_server();
    let url = format!("smtp://{mail_server}");
    let mail = ["--smtp", &url, "--mail-from", "Notes <notes@example.com>"];
    let serving = Serving::start(&state, NOTES, &mail);
    let strange = "Win a prize at https://evil.example <ken@example.com>";
    for email in ["ken@example.com", strange] {
        assert_eq!(serving.register(email), 201);
    }
    // A text before the address would be a stranger's words in a mail of ours.
    let send =
        |email: &str| serving.ask("POST", &format!("{PASSWORDS}/reset/send"), None, &json!({ "email": email })).0;
    assert_eq!((send(strange), send("ken@example.com")), (200, 200));
    let mail = received.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("<notes@example.com>", &["<ken@example.com>".to_owned()][..])
    );
    assert!(
        mail.data.contains("From: Notes <notes@example.com>") && !mail.data.contains("evil.example"),
        "{}",
        mail.data
    );
    let line = serving.wait_for("a mail could not be sent; giving up");
    assert!(line.contains("mail cannot be sent to this address") && !line.contains("evil.example"), "{line}");
    assert!(received.try_recv().is_err(), "the other mail is sent to nobody");
    assert_eq!(serving.ask("POST", &format!("{PASSWORDS}/reset"), None, &link(&mail.data)).0, 200);
    assert_eq!(serving.log_in("ken@example.com", "password").0, 401);
    assert_eq!(serving.log_in("ken@example.com", "another one").0, 200);
}

#[test]
fn an_unusable_mail_server_is_reported_at_startup_without_its_password() {
    let state = State::new("unmailed");
    let serve = ["serve", "--app", NOTES, "--listen", "127.0.0.1:0", "--mail-from", "notes@example.com", "--smtp"];
    for wrong in ["mail.example.com", "http://ken:hunter2@mail.example.com", "smtps://ken:hunter2@"] {
        let said = state.run(&[&serve[..], &[wrong]].concat());
        assert_eq!(said.exit, 2, "{}{}", said.stdout, said.stderr);
        assert!(
            said.stderr.contains("the mail server must be given as smtps://") && !said.stderr.contains("hunter2"),
            "{}",
            said.stderr
        );
    }
    state.fails(&["serve", "--app", NOTES, "--smtp", "smtps://mail.example.com"], 2, "--mail-from");
}

#[test]
fn an_invalid_reload_is_reported_and_the_previous_application_stays_active() {
    let state = State::new("watched");
    let app = state.path("app");
    copy(&portcullis_testkit::root().join(NOTES), std::path::Path::new(&app));
    let serving = Serving::start(&state, &app, &["--watch"]);
    assert_eq!(serving.register("ken@example.com"), 201);
    let (_, ken) = serving.log_in("ken@example.com", "password");
    let token = ken["access_token"].as_str().unwrap();
    let note = json!({ "document": { "owner": ken["user_id"], "text": "hello" } });
    assert_eq!(serving.call(token, "insertOne", "notes", &note).0, 200);
    let rules = format!("{app}/data_sources/mongodb-atlas/notes/notes/rules.json");
    let good = fs::read_to_string(&rules).unwrap();
    for wrong in [
        "{",
        r#"{"database": "notes", "collection": "notes", "roles": [{"name": "all", "apply_when": {"$nonsense": 1}, "read": true}]}"#,
    ] {
        fs::write(&rules, wrong).unwrap();
        let line = serving.wait_for("do not load: the old ones are still served");
        assert!(line.contains("rules.json"), "{line}");
        let (status, found) = serving.call(token, "find", "notes", &json!({}));
        assert_eq!((status, found.as_array().unwrap().len()), (200, 1));
        assert_eq!(serving.log_in("ken@example.com", "password").0, 200);
    }
    fs::write(&rules, good.replace(r#""apply_when": {}"#, r#""apply_when": { "%%user.id": "nobody" }"#)).unwrap();
    serving.wait_for("were reloaded");
    let (status, found) = serving.call(token, "find", "notes", &json!({}));
    assert_eq!((status, found), (200, json!([])));
}

#[test]
fn a_server_whose_store_does_not_respond_is_live_but_not_ready() {
    let state = State::new("unready");
    // Nobody listens there.
    let store = "mongodb://ken:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=100&connectTimeoutMS=100";
    let serving = Serving::on(&state, store, NOTES, &["--pre-images", "off"]);
    assert_eq!(serving.ask("GET", "/healthz", None, &json!({})).0, 200);
    let (status, body) = serving.ask("GET", "/readyz", None, &json!({}));
    assert_eq!((status, &body["error"]), (503, &json!("a store does not answer")));
    // Nor is anybody told more who asks for something else.
    let (status, body) = serving.log_in("ken@example.com", "password");
    assert_eq!((status, &body["error"]), (500, &json!("internal server error")));
    assert!(!body.to_string().contains("hunter2") && !body.to_string().contains("127.0.0.1:1"), "{body}");
    assert!(serving.said.try_iter().all(|line| !line.contains("hunter2")));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.as_ref().unwrap().file_name());
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// What rules see of a user whose custom data change, by the same access token and by the next one.
#[test]
fn changed_custom_data_takes_effect_as_configured_without_invalidating_tokens() {
    for (fresh, is_at_once) in [("snapshot", false), ("watched", true), ("live", true), ("3600", false)] {
        let state = State::new(&format!("fresh-{fresh}"));
        let serving = Serving::start(&state, NOTES, &["--fresh", fresh]);
        for email in ["ken@example.com", "admin@example.com"] {
            assert_eq!(serving.register(email), 201);
        }
        let (ken, admin) =
            (serving.log_in("ken@example.com", "password").1, serving.log_in("admin@example.com", "password").1);
        let [token, refresh, admin] =
            [&ken["access_token"], &ken["refresh_token"], &admin["access_token"]].map(|token| token.as_str().unwrap());
        // Of this level is whoever has it in the custom data.
        let seen = |token: &str| {
            let (status, found) = serving.call(token, "find", "levels", &json!({}));
            assert_eq!(status, 200, "{fresh}: {found}");
            let levels = found.as_array().unwrap().iter();
            levels.map(|note| note["level"]["$numberInt"].as_str().unwrap().parse().unwrap()).collect::<Vec<i32>>()
        };
        assert!(seen(token).is_empty());
        let mut token = token.to_owned();
        for level in 1..4 {
            let data = json!({ "user_id": ken["user_id"], "level": level });
            let update = json!({ "query": { "user_id": ken["user_id"] }, "update": { "$set": data }, "upsert": true });
            assert_eq!(serving.call(admin, "updateOne", "users", &update).0, 200);
            // The admin is of no level, and nobody may write what is of another.
            let renewed = || {
                let (status, renewed) = serving.ask("POST", "/api/client/v2.0/auth/session", Some(refresh), &json!({}));
                assert_eq!(status, 201, "{fresh}: {renewed}");
                renewed["access_token"].as_str().unwrap().to_owned()
            };
            let next = renewed();
            let note = json!({ "document": { "level": level } });
            assert_eq!(serving.call(&next, "insertOne", "levels", &note).0, 200);
            let before = if level == 1 { Vec::new() } else { vec![level - 1] };
            assert_eq!(seen(&token), if is_at_once { vec![level] } else { before }, "{fresh}");
            // A client that is refused with the token of a refresh would refresh for ever.
            for _ in 0..3 {
                token = renewed();
                assert_eq!(seen(&token), [level], "{fresh}");
            }
        }
    }
}
