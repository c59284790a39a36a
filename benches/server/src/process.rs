//! Processes on processors of their own, their processor time and their memory.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::connection::Connection;

/// The processor of the server that is measured.
const SERVER: &str = "0";

/// The processor of all else.
const LOAD: &str = "1";

/// Clock ticks a second, in which the kernel tells processor time.
const TICKS: f64 = 100.0;

const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps this process, and those that it starts, off the processor of the server.
pub(crate) fn pin_self() {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset").args(["-a", "-p", "-c", LOAD, &pid]).stdout(Stdio::null()).status();
    assert!(status.expect("`taskset` of util-linux").success(), "two processors are needed");
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

/// A server on its processor, until the value is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Server {
    /// Starts it and waits until it takes connections.
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

    /// Its processor time until now.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // After the name, which may have any characters.
        let rest = stat.rsplit(')').next().unwrap();
        let ticks = |field: usize| rest.split_whitespace().nth(field).unwrap().parse::<f64>().unwrap();
        Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS)
    }

    /// The memory that it occupies, in bytes.
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
