use std::time::Duration;

/// Resource limits for one request. A request that exceeds them fails with [`LimitExceeded`](super::LimitExceeded).
///
/// Except for the time, they count only what the user may read: otherwise, whether a request fails would depend on how many
/// hidden documents match its filter, and so reveal their hidden fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of readable documents to check one by one, because the database cannot apply the filter.
    pub checked_documents: u64,
    /// The maximum number of documents or values to hold in memory, for sorting or `distinct`.
    pub held_documents: usize,
    /// The maximum total size of those in bytes.
    pub held_bytes: usize,
    /// The maximum total size in bytes of documents that are redacted here and sent to the database for a pipeline.
    pub sent_bytes: usize,
    /// The maximum number of documents that one request may write. It uses a single transaction, which the database
    /// keeps in memory.
    pub written_documents: usize,
    /// The maximum number of readable documents to examine in order to find those that one write applies to.
    pub written_checked: usize,
    /// The maximum time for one batch of results or for all writes of a request, including the time that the database
    /// takes.
    pub time: Duration,
}

impl Limits {
    /// 1,000,000
    pub const CHECKED_DOCUMENTS: u64 = 1_000_000;
    /// 100,000
    pub const HELD_DOCUMENTS: usize = 100_000;
    /// 64 MiB.
    pub const HELD_BYTES: usize = 64 << 20;
    /// 14 MiB: a MongoDB command is limited to 16 MiB, which must also hold the pipeline.
    pub const SENT_BYTES: usize = 14 << 20;
    /// 50,000
    pub const WRITTEN_DOCUMENTS: usize = 50_000;
    /// 50,000
    pub const WRITTEN_CHECKED: usize = 50_000;
    /// One minute.
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
