//! Who lacks what: how many users have what rules read of their custom data, and which roles never apply to the others.

mod count;
mod effect;
mod need;
mod reads;
mod samples;

pub use count::{Census, PathCount};
pub use reads::{CustomDataReads, PathFinding};
