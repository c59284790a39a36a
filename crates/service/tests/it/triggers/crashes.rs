//! A process that runs triggers and logs users in, and is killed in the middle.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use portcullis_store::Embedded;

use super::house::{authenticator, identity, start};
use super::recorder::{Application, Recorder};

const PLACE: &str = "PORTCULLIS_TEST_TRIGGERS_KILLED";

fn application() -> Application {
    Application::new(&[("t", r#""type": "AUTHENTICATION", "config": {"operation_type": ["CREATE", "LOGIN"]}"#)])
}

/// Not a test by itself: the process that the next test kills. It prints each user who has logged in, and each event
/// that was handled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Some(path) = std::env::var_os(PLACE) else { return };
    let store = Arc::new(Embedded::open(PathBuf::from(path).as_path(), "app-abcde").unwrap());
    let app = application();
    let functions = Recorder::new(|event| {
        Box::pin(async move {
            let event = event.unwrap().as_document().unwrap().clone();
            let user = event.get_document("user").unwrap().get_str("id").unwrap().to_owned();
            println!("told {} {user}", event.get_str("operationType").unwrap());
            Ok(())
        })
    });
    let _runner = start(&app, &store, &functions);
    let authenticator = authenticator(&app, &store);
    let run = std::process::id();
    for number in 0.. {
        let login = authenticator.log_in_as(identity(&format!("{run}-{number}")), None).await.unwrap();
        println!("login {}", login.user.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_event_is_lost_when_a_process_is_killed() {
    let path = std::env::temp_dir().join(format!("portcullis-triggers-killed-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let (mut logins, mut told) = (Vec::new(), Vec::new());
    for round in 0..5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["triggers::crashes::the_process_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(PLACE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (first, started) = std::sync::mpsc::channel();
        let read = std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok).inspect(|line| {
                if line.contains("told ") {
                    let _ = first.send(());
                }
            });
            lines.collect::<Vec<String>>()
        });
        started.recv_timeout(Duration::from_secs(60)).unwrap();
        // At a different moment in each round.
        std::thread::sleep(Duration::from_millis(50 + round * 43));
        // Sends SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        // The last line may be incomplete.
        for line in read.join().unwrap() {
            let word = |name: &str| line.split_once(name).map(|(_, rest)| rest.trim().to_owned());
            logins.extend(word("login ").filter(|id| id.len() == 24));
            told.extend(word("told "));
        }
    }
    let store = Arc::new(Embedded::open(&path, "app-abcde").unwrap());
    let (app, functions) = (application(), Recorder::quiet());
    let waiting = usize::try_from(portcullis::store::AccountEvents::count(&*store, "t").await.unwrap()).unwrap();
    let runner = start(&app, &store, &functions);
    functions.wait(waiting).await;
    runner.shut_down().await;
    for event in functions.events() {
        let user = event.get_document("user").unwrap().get_str("id").unwrap();
        told.push(format!("{} {user}", event.get_str("operationType").unwrap()));
    }
    println!("{} logins, {} times told, {waiting} of them in the end", logins.len(), told.len());
    assert!(logins.len() > 20);
    for id in &logins {
        let place = |operation: &str| told.iter().position(|told| *told == format!("{operation} {id}"));
        let (created, logged_in) = (place("CREATE"), place("LOGIN"));
        assert!(created.is_some() && created < logged_in, "{id}: {created:?} {logged_in:?}");
    }
    std::fs::remove_file(&path).unwrap();
}
