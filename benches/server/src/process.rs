//! Processes pinned to cores, their CPU time and their memory.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::connection::Connection;

/// The core of the server under test.
const SERVER: &str = "0";

/// The core of everything else.
const LOAD: &str = "1";

/// Clock ticks per second, the unit in which the kernel reports CPU time.
const TICKS: f64 = 100.0;

const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps this process, and those that it starts, off the server's core.
pub(crate) fn pin_self() {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset").args(["-a", "-p", "-c", LOAD, &pid]).stdout(Stdio::null()).status();
    assert!(status.expect("`taskset` of util-linux").success(), "two processors are needed");
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

/// A server pinned to its core, which is stopped when the value is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Server {
    /// Starts the server and waits until it accepts connections.
    pub(crate) async fn start(command: &str, arguments: &[&str], address: SocketAddr) -> Self {
        let mut taskset = Command::new("taskset");
        taskset.args(["-c", SERVER, command]).args(arguments);
        let process = taskset.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let server = Self { address, process };
        let begun = Instant::now();
        while Connection::open(address).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "`{command}` does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    /// The CPU time that the server has used so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Skip the process's name, which may contain any characters.
        let rest = stat.rsplit(')').next().unwrap();
        let ticks = |field: usize| rest.split_whitespace().nth(field).unwrap().parse::<f64>().unwrap();
        Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS)
    }

    /// The server's resident memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
