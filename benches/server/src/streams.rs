//! Measures the memory of many open, idle change streams.

use std::time::Duration;

use crate::connection::Connection;
use crate::mongod::Mongod;
use crate::portcullis::Portcullis;

/// The number of streams to open.
const STREAMS: usize = 10_000;

/// The number of streams per user.
const OF_USER: usize = 10;

/// The store that contains the documents.
pub(crate) enum Store {
    Embedded,
    MongoDb,
}

/// Opens the streams and prints how much memory the server uses.
pub(crate) async fn measure(store: Store) {
    let (mongod, name) = match store {
        Store::Embedded => (None, "embedded store"),
        Store::MongoDb => (Some(Mongod::start().await), "MongoDB"),
    };
    let uri = mongod.as_ref().map(Mongod::uri);
    let portcullis = Portcullis::start(uri.as_deref()).await;
    let server = &portcullis.server;
    let before = server.memory();
    let mut streams = Vec::new();
    let mut token = String::new();
    while streams.len() < STREAMS {
        if streams.len() % OF_USER == 0 {
            let mut login = Connection::open(server.address).await.unwrap();
            token = portcullis.anonymous(&mut login).await;
        }
        let mut stream = Connection::open(server.address).await.unwrap();
        let status = stream.open_stream(&Portcullis::stream(&token)).await.unwrap();
        assert_eq!(status, 200);
        streams.push(stream);
    }
    let opened = server.memory();
    // Measure the CPU time while all streams are idle.
    let (cpu, lasts) = (server.cpu(), Duration::from_secs(20));
    tokio::time::sleep(lasts).await;
    let used = (server.cpu() - cpu).as_secs_f64() / lasts.as_secs_f64();
    let (idle, mebi) = (server.memory(), |bytes: u64| bytes as f64 / 1_048_576.0);
    println!(
        "{STREAMS} idle streams, {name}: {:.0} MiB at first, {:.0} MiB when all are open, {:.0} MiB later: {:.1} KiB for each; \
         they take {:.0} % of a processor.\n",
        mebi(before),
        mebi(opened),
        mebi(idle),
        (idle - before) as f64 / 1024.0 / STREAMS as f64,
        used * 100.0,
    );
    if let Some(mongod) = &mongod {
        println!("`mongod` has {} change streams open for them.\n", mongod.change_streams().await);
    }
}
