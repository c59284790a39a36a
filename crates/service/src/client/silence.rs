use std::time::{Duration, Instant};

/// Measures the time since a stream last sent an item, so that it can send one that keeps the connection open. This
/// depends on the clock alone: events that the reader may not see neither trigger such an item nor delay it.
pub(super) struct Silence {
    longest: Duration,
    since: Instant,
}

impl Silence {
    /// Starts measuring; `longest` is the longest time without an item.
    pub(super) fn of(longest: Duration) -> Self {
        Self { longest, since: Instant::now() }
    }

    /// An item has been sent.
    pub(super) fn broken(&mut self) {
        self.since = Instant::now();
    }

    /// Runs `work`, and calls `speak` whenever nothing was sent for too long. `None` as soon as `speak` reports that
    /// the receiver is gone.
    pub(super) async fn during<T, S: Future<Output = bool>>(
        &mut self,
        work: impl Future<Output = T>,
        mut speak: impl FnMut() -> S,
    ) -> Option<T> {
        tokio::pin!(work);
        loop {
            let over = tokio::time::sleep_until((self.since + self.longest).into());
            tokio::select! {
                biased;
                () = over => {
                    self.broken();
                    if !speak().await {
                        return None;
                    }
                }
                done = &mut work => return Some(done),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SHORT: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn a_heartbeat_is_sent_while_nothing_happens() {
        let (said, mut silence) = (Cell::new(0), Silence::of(SHORT));
        let speak = || {
            said.set(said.get() + 1);
            std::future::ready(said.get() < 3)
        };
        assert_eq!(silence.during(std::future::pending::<()>(), speak).await, None);
        assert_eq!(said.get(), 3);
    }

    #[tokio::test]
    async fn a_heartbeat_is_sent_while_only_hidden_changes_happen() {
        let (said, mut silence) = (Cell::new(0), Silence::of(SHORT));
        let broken = async {
            while said.get() < 3 {
                let speak = || {
                    said.set(said.get() + 1);
                    std::future::ready(true)
                };
                assert_eq!(silence.during(async { 7 }, speak).await, Some(7));
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), broken).await.expect("it stays silent");
    }

    #[tokio::test]
    async fn an_immediate_event_needs_no_heartbeat() {
        let mut silence = Silence::of(Duration::from_secs(3600));
        for _ in 0..100 {
            let speak = || -> std::future::Ready<bool> { panic!("it speaks too early") };
            assert_eq!(silence.during(async { 7 }, speak).await, Some(7));
        }
    }
}
