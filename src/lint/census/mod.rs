//! Counts how many users lack the custom data that rules read, and finds the roles that therefore never apply to them.

mod count;
mod effect;
mod need;
mod reads;
mod samples;

pub use count::{Census, PathCount};
pub use reads::{CustomDataReads, PathFinding};
