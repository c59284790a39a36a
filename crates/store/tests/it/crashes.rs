//! Guarded requests of several writes to the embedded store, killed in the middle.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bson::doc;
use portcullis::store::documents::{Namespace, WatchScope};
use portcullis_store::EmbeddedDocuments;

use crate::changes::{Replica, position, since};
use portcullis_testkit::contracts::documents::find;
use portcullis_testkit::contracts::moves::{happened, until_killed};

const WRITER: &str = "PORTCULLIS_TEST_GUARDED_WRITER";

fn namespace() -> Namespace {
    Namespace::parse("test.moves").unwrap()
}

/// Not a test by itself: the process that the next one kills.
#[tokio::test]
async fn the_guarded_writer_that_is_killed() {
    let Some(path) = std::env::var_os(WRITER) else { return };
    until_killed(&EmbeddedDocuments::open(PathBuf::from(path).as_path()).unwrap(), &namespace()).await;
}

#[tokio::test]
async fn a_killed_process_leaves_no_request_half_done() {
    let path = std::env::temp_dir().join(format!("portcullis-guarded-killed-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let scope = WatchScope::Collection(namespace());
    let mut read_to = position(&EmbeddedDocuments::open(&path).unwrap(), &scope).await;
    let (mut total, mut replica) = (0, Replica::default());
    for round in 0..8_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crashes::the_guarded_writer_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(WRITER, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (first, started) = std::sync::mpsc::channel();
        let acknowledged = std::thread::spawn(move || {
            let done = lines.map_while(Result::ok).filter_map(|line| line.split_once("done ")?.1.parse::<i64>().ok());
            done.inspect(|_| _ = first.send(())).last()
        });
        started.recv_timeout(Duration::from_secs(60)).unwrap();
        // Somewhere in the middle of another.
        std::thread::sleep(Duration::from_millis(40 + round * 37));
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = acknowledged.join().unwrap().unwrap();
        let store = EmbeddedDocuments::open(&path).unwrap();
        let count = happened(&store, &namespace()).await;
        assert!((acknowledged..=acknowledged + 1).contains(&count), "{acknowledged} acknowledged, {count} happened");
        // The log tells neither more nor less than what is stored, and goes on where it was read to before.
        let (changes, position) = since(&store, &scope, read_to).await;
        changes.iter().for_each(|change| replica.follow(change));
        replica.agrees(&find(&store, &namespace(), doc! {}).await);
        (total, read_to) = (count, position);
    }
    println!("{total} requests in 8 rounds");
    assert!(total > 20, "only {total} requests were made");
    std::fs::remove_file(&path).unwrap();
}
