//! Implementations of the traits of [`portcullis::store`] that need a disk or a network.
//!
//! | trait | without a server (feature `embedded`) | on MongoDB (feature `mongodb`) |
//! | --- | --- | --- |
//! | [`Users`](portcullis::store::Users), [`Sessions`](portcullis::store::Sessions) | [`Embedded`] | [`mongodb::MongoUsers`], [`mongodb::MongoSessions`] |
//! | [`Triggers`](portcullis::store::Triggers), [`AccountEvents`](portcullis::store::AccountEvents) | [`Embedded`] | [`mongodb::MongoTriggers`], [`mongodb::MongoAccountEvents`] |
//! | [`CustomDataStore`](portcullis::store::CustomDataStore) | | [`mongodb::MongoCustomData`] |
//! | [`DocumentStore`](portcullis::store::documents::DocumentStore), [`Watch`](portcullis::store::documents::Watch) of documents | [`EmbeddedDocuments`] | [`mongodb::MongoDocuments`] |
//!
//! [`jwks`] fetches the key sets of third parties over HTTPS (feature `jwks`).

#[cfg(any(feature = "embedded", feature = "mongodb"))]
mod credential_records;
#[cfg(feature = "embedded")]
mod embedded;
mod find_plan;
#[cfg(any(feature = "embedded", feature = "mongodb"))]
mod in_place;
#[cfg(feature = "jwks")]
pub mod jwks;
mod live_finding;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(any(feature = "embedded", feature = "mongodb"))]
mod record;
#[cfg(any(feature = "embedded", feature = "mongodb"))]
mod trigger_records;
#[cfg(any(feature = "embedded", feature = "mongodb"))]
mod user_named;

#[cfg(feature = "embedded")]
pub use embedded::{ChangeLogLimits, Embedded, EmbeddedDocuments, WeakEmbedded};
pub use find_plan::FindPlan;
pub use live_finding::{Examples, LiveCheck, LiveFinding, LiveFindingKind, Others};
