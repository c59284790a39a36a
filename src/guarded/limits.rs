use std::time::Duration;

/// Resource limits for one request. A request that exceeds them is refused with [`LimitExceeded`](super::LimitExceeded).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many documents are fetched from the database to be checked one by one.
    pub checked_documents: u64,
    /// How many documents or values are held at once, to sort them, or to find the distinct ones.
    pub held_documents: usize,
    /// How large these are together, in bytes.
    pub held_bytes: usize,
    /// How large the documents are together that are redacted here and sent to the database for a pipeline, in bytes.
    pub sent_bytes: usize,
    /// How many documents one request may write. What it writes happens together, and a database holds that in memory.
    pub written_documents: usize,
    /// How many documents are looked at, at most, to find those that one write changes or deletes.
    pub written_checked: usize,
    /// How long the work on one batch of results, or on all writes of a request, may take, the database's included.
    pub time: Duration,
}

impl Limits {
    /// A million documents.
    pub const CHECKED_DOCUMENTS: u64 = 1_000_000;
    /// A hundred thousand documents or values.
    pub const HELD_DOCUMENTS: usize = 100_000;
    /// 64 MiB.
    pub const HELD_BYTES: usize = 64 << 20;
    /// 14 MiB: a command of MongoDB has 16, and the pipeline needs room too.
    pub const SENT_BYTES: usize = 14 << 20;
    /// A thousand: MongoDB's own advice for a transaction.
    pub const WRITTEN_DOCUMENTS: usize = 1000;
    /// Ten thousand.
    pub const WRITTEN_CHECKED: usize = 10_000;
    /// A minute.
    pub const TIME: Duration = Duration::from_secs(60);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            checked_documents: Self::CHECKED_DOCUMENTS,
            held_documents: Self::HELD_DOCUMENTS,
            held_bytes: Self::HELD_BYTES,
            sent_bytes: Self::SENT_BYTES,
            written_documents: Self::WRITTEN_DOCUMENTS,
            written_checked: Self::WRITTEN_CHECKED,
            time: Self::TIME,
        }
    }
}
