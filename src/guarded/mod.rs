//! Collections as individual users may read and write them: a client's request passes through a
//! [`Guard`](crate::access::Guard) to a [`DocumentStore`](crate::store::documents::DocumentStore), and the results are
//! redacted.
//!
//! A query means what it would mean on the redacted documents: hidden fields are Missing, so that no filter, sort
//! order, projection, group or error reveals anything about them.
//!
//! | part of the query | sent to the database | done here, within [`Limits`] |
//! | --- | --- | --- |
//! | which documents may be read | as [`Guard::plan`](crate::access::Guard::plan) | the checks that the plan requires, and the redaction of every document |
//! | filter | conditions on fields that are visible in every document; conditions on fields that are never visible are decided beforehand | all other conditions |
//! | sort | if all its fields are visible in every document | otherwise |
//! | skip, limit | if nothing else is done here | otherwise |
//! | count | if the plan and the filter are exact | otherwise |
//! | distinct | | always |
//! | aggregate | after the plan and the redaction, if each field is visible either in every document or in none | otherwise, the documents are redacted here and sent to the database as [`$documents`][aggregate_documents] |
//!
//! [aggregate_documents]: crate::store::documents::DocumentStore::aggregate_documents

mod aggregate;
mod collection;
mod count;
mod distinct;
mod error;
mod heavy_work;
mod limits;
mod names;
mod options;
mod pipeline;
mod read_plan;
mod redacted_cursor;
mod request;
mod stream;
mod watch;
mod write;

pub use collection::GuardedCollection;
pub use error::{Denial, GuardedError, LimitExceeded, WriteKind};
pub use heavy_work::HeavyWork;
pub use limits::Limits;
pub use pipeline::Pipeline;
pub use redacted_cursor::RedactedCursor;
pub use request::{FindRequest, parse_limit, parse_skip};
pub use watch::{ChangeEvent, VisibleChange, WatchEnd, WatchEvent, Watched};
pub use write::{Write, Written, parse_writes};

#[cfg(not(feature = "unstable"))]
pub(crate) use {
    pipeline::{MAX_PIPELINE_BYTES, MAX_STAGES},
    write::MAX_WRITES,
};
#[cfg(feature = "unstable")]
pub use {
    pipeline::{MAX_PIPELINE_BYTES, MAX_STAGES},
    write::MAX_WRITES,
};
