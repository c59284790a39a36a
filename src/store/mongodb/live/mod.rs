//! Whether the custom-data collection, as it stands, serves look-ups and misleads nobody.

mod check;
mod finding;
mod index;
mod pipelines;

pub use check::check_live;
pub use finding::{Examples, LiveCheck, LiveFinding, LiveFindingKind, Others};
