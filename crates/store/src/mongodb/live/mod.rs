//! Checks whether a custom-data collection is suited to lookups and free of ambiguous documents.

mod check;
mod index;
mod pipelines;
mod scan;

pub use crate::live_finding::{Examples, LiveCheck, LiveFinding, LiveFindingKind, Others};
pub use check::check_live;
pub use scan::scan_custom_data;
