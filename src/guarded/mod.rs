//! Collections as their users may read them: a client's query goes through a [`Guard`](crate::access::Guard) to a
//! [`DocumentStore`](crate::store::documents::DocumentStore), and what comes back is redacted.
//!
//! A query means what it would mean on the documents as the user may read them: a hidden field is Missing there, so that no
//! filter, order, projection, group or error tells anything of it.
//!
//! | of the query | goes to the database | is left to be done here, within [`Limits`] |
//! | --- | --- | --- |
//! | which documents may be read | as [`Guard::plan`](crate::access::Guard::plan) | what the plan leaves to check, and the redaction of every document |
//! | filter | what looks at fields that are visible in every document; on those visible in none it is settled | the rest |
//! | sort | if all its fields are visible in every document | else |
//! | skip, limit | if nothing is left to be done here | else |
//! | count | if the plan and the filter are exact | else |
//! | distinct | | always |
//! | aggregate | after the plan and the redaction, if all fields are visible in every document or in none | else the documents are redacted here and sent to the database as [`$documents`][aggregate_documents] |
//!
//! [aggregate_documents]: crate::store::documents::DocumentStore::aggregate_documents

mod aggregate;
mod collection;
mod count;
mod distinct;
mod error;
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
pub use limits::Limits;
pub use pipeline::{MAX_PIPELINE_BYTES, MAX_STAGES, Pipeline};
pub use redacted_cursor::RedactedCursor;
pub use request::FindRequest;
pub use watch::{ChangeEvent, VisibleChange, WatchEnd, WatchEvent, Watched};
pub use write::{MAX_WRITES, Write, Written, parse_writes};
