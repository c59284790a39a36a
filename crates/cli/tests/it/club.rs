//! The application `fixtures/served/club`, which has a function in every place where one can be: tested by its test file, served,
//! its triggers tried, its log read.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::state::State;

const CLUB: &str = "fixtures/served/club";
const API: &str = "/api/client/v2.0/app/club-abcde";

/// `7:1234`, hashed.
const CARD: &str = "{\"_id\": \"7\", \"hash\": \"cd5ec1904f213020f733223b82c7a2248a0f916968b8a368160dce33dcd5e788\"}";

struct Served {
    child: Child,
    address: String,
    said: Vec<String>,
    /// It ends when nobody listens.
    _output: BufReader<ChildStdout>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start(state: &State) -> Self {
        let mut command = state.command(&["serve", "--app", CLUB, "--listen", "127.0.0.1:0", "--log", "info"]);
        let errors = fs::File::create(state.path("serve.log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut said: Vec<String> = Vec::new();
        // The last line of what it says at its start.
        while !said.last().is_some_and(|line| line.contains("try: curl")) {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "it ended: {said:?}");
            said.push(line.trim().to_owned());
        }
        let address = said[0].strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address, said, _output: output }
    }

    /// The status and the body of a reply.
    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let (host, length) = (&self.address, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n{authorization}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn log_in(&self, provider: &str, payload: &Value) -> Value {
        let (status, body) = self.ask("POST", &format!("{API}/auth/providers/{provider}/login"), None, payload);
        assert_eq!(status, 200, "{body}");
        body
    }

    fn call(&self, tokens: &Value, name: &str, arguments: &Value) -> (u16, Value) {
        let body = json!({ "name": name, "arguments": arguments });
        self.ask("POST", &format!("{API}/functions/call"), tokens["access_token"].as_str(), &body)
    }

    fn courts(&self) -> Value {
        let (status, courts) = self.ask("GET", "/app/club-abcde/endpoint/courts?surface=clay", None, &Value::Null);
        assert_eq!(status, 200, "{courts}");
        courts
    }
}

/// The custom data in an access token.
fn custom_data(tokens: &Value) -> Value {
    let payload = tokens["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["user_data"].clone()
}

/// Asks until something is so.
fn wait_for<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "{what} never comes");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn prepared(name: &str) -> State {
    let state = State::new(name);
    let import = |collection: &str, text: &str| {
        let path = state.path("import.ndjson");
        fs::write(&path, text).unwrap();
        let said = state.run(&["import", collection, &path]);
        assert_eq!(said.exit, 0, "{}{}", said.stdout, said.stderr);
    };
    import(
        "club.courts",
        "{\"_id\": \"A\", \"surface\": \"clay\", \"bookings\": 0}\n{\"_id\": \"B\", \"surface\": \"grass\"}\n",
    );
    import("club.cards", CARD);
    state
}

#[test]
fn rule_tests_call_the_functions_of_the_application() {
    let state = State::new("club-tests");
    let said = state.run(&["test", "fixtures/served/club-tests.json"]);
    assert_eq!((said.exit, said.stdout.trim()), (0, "12 passed, 0 failed"), "{}", said.stderr);
    // Where one expects something else, it fails and says what came.
    let path = portcullis_testkit::root().join("fixtures/served/club-tests.json");
    let text = fs::read_to_string(path).unwrap();
    let app = portcullis_testkit::root().join(CLUB);
    let wrong = text
        .replace("\"app\": \"club\"", &format!("\"app\": {}", json!(app)))
        .replace("\"returns\": 14", "\"returns\": 15")
        .replace("GET https://weather.example.com/days/2025-05-03\"]", "GET https://weather.example.com/\"]");
    let path = state.path("wrong.json");
    fs::write(&path, wrong).unwrap();
    let said = state.json_of(&["test", &path], 1);
    let failed: Vec<&str> =
        said["files"][0]["failures"].as_array().unwrap().iter().map(|f| f["case"].as_str().unwrap()).collect();
    assert_eq!(
        failed,
        ["the system can call a private function", "the forecast comes from the HTTP response in the file"]
    );
}

#[test]
fn invalid_combinations_of_keys_in_a_test_file_are_errors() {
    let state = State::new("club-format");
    let case = r#"{"name": "a", "call": "f", "expect": {"returns": 1}}"#;
    let stubs = format!(r#"{{"app": ".", "functions": {{"f": {{"returns": 1}}}}, "cases": [{case}]}}"#);
    state.fails(&["test", &stubs], 2, "a case with `call` needs `\"functions\": \"run\"`");
    state.fails(&["test", r#"{"functions": "run", "cases": []}"#], 2, "needs `app`");
    state.fails(&["test", r#"{"app": ".", "functions": "rum", "cases": []}"#], 2, "an object of stubs, or \"run\"");
    state.fails(&["test", r#"{"app": ".", "http": [], "cases": []}"#], 2, "`http` is for");
    let both = r#"{"app": ".", "functions": "run", "cases": [{"name": "a", "call": "f", "expect": {"returns": 1, "fails": "x"}}]}"#;
    state.fails(&["test", both], 2, "exactly one of `returns`, `fails`");
}

#[test]
fn the_server_runs_all_functions_and_triggers_and_logs_them() {
    let state = prepared("club-served");
    let listed = state.run(&["triggers", "list", "--app", CLUB]);
    let server = Served::start(&state);
    let said = server.said.join("\n");
    assert!(
        said.contains("triggers: nightly, onBooking, onLogin")
            || said.contains("triggers: onLogin, onBooking, nightly"),
        "{said}"
    );
    assert!(!said.contains("not served"), "{said}");
    for name in ["nightly", "onBooking", "onLogin"] {
        assert!(listed.exit == 2 || listed.stdout.contains(name), "{}", listed.stdout);
    }

    // The creation function wrote the data in the very first token; the login trigger runs after it.
    let (status, _) = server.ask(
        "POST",
        &format!("{API}/auth/providers/local-userpass/register"),
        None,
        &json!({ "email": "ada@example.com", "password": "s3cret-of-ada" }),
    );
    assert_eq!(status, 201);
    let ada = server.log_in("local-userpass", &json!({ "username": "ada@example.com", "password": "s3cret-of-ada" }));
    let first = custom_data(&ada);
    assert_eq!((first["name"].as_str(), first.get("lastLogin")), (Some("ada"), None), "{first}");
    let renewed = wait_for("the login is noted", || {
        let refresh = ada["refresh_token"].as_str();
        let (_, renewed) = server.ask("POST", "/api/client/v2.0/auth/session", refresh, &Value::Null);
        custom_data(&renewed).get("lastLogin").is_some().then(|| custom_data(&renewed))
    });
    assert_eq!(renewed["level"], first["level"]);

    // A rule calls a function; a function runs as the system; a trigger counts; an endpoint shows what it counted.
    let (status, booked) = server.call(&ada, "book", &json!(["A", "2031-05-03"]));
    assert_eq!((status, &booked["price"]["$numberLong"]), (200, &json!("10")), "{booked}");
    assert_eq!(server.call(&ada, "book", &json!(["A", "2031-05-04"])).1["price"]["$numberLong"], "12");
    assert_eq!(server.call(&ada, "price", &json!(["A"])).0, 404);
    let (status, failed) = server.call(&ada, "book", &json!(["C", "2031-05-04"]));
    assert_eq!((status, failed["error"].as_str()), (400, Some("Error: there is no court C")));
    wait_for("the bookings are counted", || (server.courts()[0]["bookings"] == 2).then_some(()));

    // A login by a function of its own.
    let path = format!("{API}/auth/providers/custom-function/login");
    assert_eq!(server.ask("POST", &path, None, &json!({ "card": "7", "pin": "1" })).0, 401);
    let by_card = server.log_in("custom-function", &json!({ "card": "7", "pin": "1234" }));
    assert_eq!(custom_data(&by_card)["level"], first["level"]);

    the_log_tells(&state, ada["user_id"].as_str().unwrap(), failed["link"].as_str().unwrap());

    // What stands in it is all that standard error is told.
    let token = json!([{ "token": "t0ken-of-ada", "court": "D" }, "2031-05-04"]);
    assert_eq!(server.call(&ada, "book", &token).0, 400);
    let path = "/app/club-abcde/endpoint/courts?surface=qu3ry-of-ada&token=qu3ry-of-ada";
    assert_eq!(server.ask("GET", path, None, &Value::Null).0, 400);
    let told = wait_for("the lines of both calls", || {
        let told = fs::read_to_string(state.path("serve.log")).unwrap();
        let failed = |line: &&str| line.contains("a function failed") && line.contains("<redacted>");
        let request = |line: &str| line.contains("/endpoint/") && line.contains("status=400");
        (told.lines().filter(failed).count() == 2 && told.lines().any(request)).then_some(told)
    });
    assert!(told.contains("ada booked A"), "{told}");
    for hidden in ["t0ken-of-ada", "qu3ry-of-ada", "s3cret-of-ada", "1234\\\""] {
        assert!(!told.contains(hidden), "{hidden} in {told}");
    }
}

/// Reads the log while the server runs.
fn the_log_tells(state: &State, ada: &str, link: &str) {
    let calls = wait_for("the log", || {
        let calls = state.json(&["logs", "--app", CLUB]);
        let count =
            |name: &str| calls["calls"].as_array().unwrap().iter().filter(|call| call["function"] == name).count();
        (count("book") == 3
            && count("members/byCard") == 2
            && count("countBookings") == 2
            && count("members/noteLogin") == 2)
            .then(|| calls.clone())
    });
    let calls = calls["calls"].as_array().unwrap();
    let entries: Vec<(&str, &str)> =
        calls.iter().map(|call| (call["function"].as_str().unwrap(), call["entry"].as_str().unwrap())).collect();
    for expected in [
        ("members/welcome", "user creation"),
        ("members/noteLogin", "trigger"),
        ("members/mayBook", "rule"),
        ("book", "client"),
        ("price", "client"),
        ("countBookings", "trigger"),
        ("courts", "endpoint"),
        ("members/byCard", "login"),
    ] {
        assert!(entries.contains(&expected), "no {expected:?} in {entries:?}");
    }
    assert!(!calls.iter().any(|call| call.to_string().contains("s3cret-of-ada") || call.to_string().contains("1234")));
    let failed = state.json(&["logs", "--app", CLUB, "--function", "book", "--user", ada, "--errors", "--since", "1h"]);
    let [call] = failed["calls"].as_array().unwrap().as_slice() else { panic!("{failed}") };
    assert_eq!(call["arguments"], json!(["C", "2031-05-04"]));
    assert_eq!(call["error"]["message"], "Error: there is no court C");
    assert!(call["error"]["place"].as_str().unwrap().starts_with("functions/book.js:4:"), "{call}");
    // The link in the error leads to the call, and to those that rules made for it.
    let request = link.rsplit('=').next().unwrap();
    let caused = state.json(&["logs", "--app", CLUB, "--request", request]);
    let caused = caused["calls"].as_array().unwrap();
    assert!(caused.contains(call) && caused.iter().all(|call| call["request"] == request), "{caused:?}");
    let said = state.run(&["logs", "--app", CLUB, "--function", "book"]);
    assert!(
        said.stdout.contains("book  client  ok") && said.stdout.contains("\n    ada booked A\n"),
        "{}",
        said.stdout
    );
    assert_eq!(state.run(&["logs", "--app", CLUB, "--function", "another"]).stdout, "no matching calls\n");
    assert!(state.run(&["logs", "--application", "another"]).stdout.starts_with("the log has no calls: "));
}

#[test]
fn a_trigger_is_run_once_with_a_sample_or_a_given_event() {
    let state = prepared("club-triggers");
    let event = r#"{"operationType": "insert", "fullDocument": {"court": "A"}}"#;
    let said = state.run(&["triggers", "run", "onBooking", "--event", event, "--app", CLUB]);
    assert_eq!(said.exit, 0, "{}{}", said.stdout, said.stderr);
    let documents = state.path("state/documents.redb");
    let found = state.run(&["find", "club.courts", "--app", CLUB, "--as-system", "--store", &documents]);
    assert!(found.stdout.contains("\"bookings\":{\"$numberLong\":\"1\"}"), "{}{}", found.stdout, found.stderr);
    let said = state.run(&["triggers", "run", "nightly", "--app", CLUB]);
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert!(said.stderr.contains("0 bookings are over"));
    // The sample has the user of --id.
    let mut add = state.command(&["users", "add", "ken@example.com", "--app", CLUB]);
    let mut child = add.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a password\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let id = String::from_utf8(output.stdout).unwrap().trim().strip_prefix("added ").unwrap().to_owned();
    assert_eq!(state.run(&["triggers", "run", "onLogin", "--id", &id, "--app", CLUB]).exit, 0);
    let user = json!({ "id": id }).to_string();
    let said = state.run(&["run", "book", "A", "2031-01-01", "--user", &user, "--app", CLUB]);
    assert!(said.stderr.contains("ken booked A"), "custom data is looked up: {}{}", said.stdout, said.stderr);
    state.fails(&["triggers", "run", "onBokking", "--app", CLUB], 2, "did you mean `onBooking`?");
    state.fails(&["triggers", "run", "nightly", "--id", "x", "--app", CLUB], 2, "--id is for authentication triggers");
}

/// A copy of the application, with these files in place of its own or besides.
fn changed(state: &State, files: &[(&str, &str)]) -> String {
    let to = state.path("app");
    copy(&portcullis_testkit::root().join(CLUB), std::path::Path::new(&to));
    for (name, text) in files {
        fs::write(std::path::Path::new(&to).join(name), text).unwrap();
    }
    to
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.as_ref().unwrap().file_name());
        if path.is_dir() { copy(&path, &to.join(name)) } else { _ = fs::copy(&path, to.join(name)).unwrap() }
    }
}

#[test]
fn adding_a_user_runs_its_triggers_except_those_that_cannot_run() {
    let state = State::new("club-created");
    let on = |name: &str, function: &str, operation: &str| {
        format!(
            r#"{{"name": "{name}", "type": "AUTHENTICATION", "config": {{"operation_type": "{operation}"}},
                "event_processors": {{"FUNCTION": {{"config": {{"function_name": "{function}"}}}}}}}}"#
        )
    };
    let app = changed(
        &state,
        &[
            ("triggers/onCreate.json", &on("onCreate", "members/noteLogin", "CREATE")),
            ("triggers/onDelete.json", &on("onDelete", "tidyUp", "DELETE")),
            ("functions/tidyUp.js", "exports = () => require('net');"),
        ],
    );
    let mut add = state.command(&["users", "add", "ken@example.com", "--app", &app]);
    let mut child = add.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a password\n").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    let listed = state.json(&["triggers", "list", "--app", &app]);
    let of = |name: &str| {
        let all = listed["triggers"].as_array().unwrap();
        all.iter().find(|trigger| trigger["name"] == name).unwrap_or_else(|| panic!("{name}: {listed}")).clone()
    };
    assert_eq!((of("onCreate")["state"].as_str(), of("onCreate")["waiting"].as_u64()), (Some("enabled"), Some(1)));
    assert_eq!(of("onLogin")["waiting"], 0);
    for name in ["nightly", "onDelete"] {
        assert_eq!(of(name)["state"], "refused");
        assert!(of(name)["reason"].as_str().unwrap().contains("its function `tidyUp` cannot run: "), "{listed}");
    }
}

#[test]
fn reasons_why_functions_cannot_run_are_reported_once_with_their_position() {
    let state = State::new("club-checked");
    let config = r#"[
        {"name": "net"}, {"name": "broken"}, {"name": "gone"}, {"name": "open", "canEvaluate": {"%%user.id": "x"}},
        {"name": "isOwner"}, {"name": "guarded"}
    ]"#;
    let app = changed(
        &state,
        &[
            ("functions/config.json", config),
            ("functions/net.js", "exports = () => {\n  return require(\"net\");\n};"),
            ("functions/broken.js", "exports = () => {\n  return (;\n};"),
            ("functions/open.js", "exports = () => 1;"),
            ("functions/isOwner.js", "exports = async () => true;"),
            ("functions/guarded.js", "exports = () => {\n  if (!context.functions.execute(\"isOwner\")) throw 1;\n};"),
        ],
    );
    for left in ["members", "triggers", "http_endpoints"] {
        let _ = fs::remove_dir_all(format!("{app}/functions/{left}"));
        let _ = fs::remove_dir_all(format!("{app}/{left}"));
    }
    for left in ["book", "courts", "countBookings", "price", "tidyUp", "weather"] {
        fs::remove_file(format!("{app}/functions/{left}.js")).unwrap();
    }
    let checked = state.json_of(&["check", &app], 1);
    let found: Vec<String> = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["file"].as_str().unwrap().contains("/functions/"))
        .map(|found| {
            let file = found["file"].as_str().unwrap().rsplit('/').next().unwrap();
            assert!(!found["help"].as_str().unwrap_or_default().is_empty(), "{found}");
            format!(
                "{} {} {file}:{}",
                found["severity"].as_str().unwrap(),
                found["code"].as_str().unwrap(),
                found["line"]
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "warning function-not-run broken.js:2",
            "warning function-script-missing config.json:2",
            "error function-guard-misspelt config.json:2",
            "error function-promise-tested guarded.js:2",
            "warning function-not-run net.js:2",
        ]
    );
}
