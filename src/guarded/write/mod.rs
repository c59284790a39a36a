//! Writes through a guard. The store carries a change out inside a transaction, the guard judges each document before and after
//! it, and all of the request is committed or none.

mod change;
mod foresight;
mod matched;
mod prepare;
mod request;
mod single;
mod told;
mod transaction;
mod upsert;

pub use request::{MAX_WRITES, Write, parse_writes};
pub use transaction::Written;
