//! Limits on open streams and connections, in total and per network, and the end of streams at shutdown.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The most open streams.
const MAX_STREAMS: usize = 20_000;

/// Limits the number of concurrent items, in total and for one network.
pub(crate) struct Open {
    most: usize,
    most_of_network: usize,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    of_network: HashMap<IpAddr, usize>,
}

/// One open item. It counts until it is dropped.
pub(crate) struct Opened {
    open: Arc<Open>,
    network: IpAddr,
}

impl Open {
    pub(crate) fn new(most: usize, most_of_network: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_network, counts: Mutex::default() })
    }

    /// Opens another item; `None` if that exceeds a limit. The loopback address has no limit of its own, since a proxy
    /// there may act for many clients.
    pub(crate) fn take(self: &Arc<Self>, network: IpAddr) -> Option<Opened> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_network = counts.of_network.get(&network).copied().unwrap_or(0);
        let is_full = of_network >= self.most_of_network && !network.is_loopback();
        if counts.all >= self.most || is_full {
            return None;
        }
        counts.all = counts.all.saturating_add(1);
        counts.of_network.insert(network, of_network.saturating_add(1));
        Some(Opened { open: Arc::clone(self), network })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut counts = self.open.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        match counts.of_network.get_mut(&self.network) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                counts.of_network.remove(&self.network);
            }
        }
    }
}

/// The streams of a server.
pub(crate) struct Streams {
    open: Arc<Open>,
    stopping: watch::Sender<bool>,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self { open: Open::new(MAX_STREAMS, MAX_STREAMS / 10), stopping: watch::Sender::new(false) }
    }

    pub(crate) fn take(&self, network: IpAddr) -> Option<Opened> {
        self.open.take(network)
    }

    /// Becomes true when streams must end.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Ends all streams.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_streams_are_limited_per_network_and_in_total() {
        let open = Open::new(5, 2);
        let network = |last: u8| IpAddr::from([192, 0, 2, last]);
        let first = (open.take(network(1)), open.take(network(1)));
        assert!(first.0.is_some() && first.1.is_some() && open.take(network(1)).is_none());
        let local: Vec<_> = (0..4).filter_map(|_| open.take(IpAddr::from([127, 0, 0, 1]))).collect();
        assert_eq!(local.len(), 3);
        assert!(open.take(network(2)).is_none());
        drop(first);
        assert!(open.take(network(1)).is_some());
    }
}
