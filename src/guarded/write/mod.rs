//! Writes through a guard. The store carries a change out inside a transaction, the guard judges each document before and after
//! it, and all of the request is committed or none.

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
