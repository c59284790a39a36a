//! Writes through a guard. The store applies a change in a transaction, the guard judges each document before and
//! after, and the request is committed as a whole or not at all.

mod change;
mod changing;
mod failure_report;
mod foresee;
mod matched;
mod prepare;
mod request;
mod simulated_change;
mod single;
mod transaction;
mod upsert;

pub use request::{MAX_WRITES, Write, parse_writes};
pub use transaction::Written;
