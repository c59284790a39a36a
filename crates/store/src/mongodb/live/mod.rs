//! Whether the custom-data collection, as it stands, serves look-ups and misleads nobody.

mod check;
mod index;
mod pipelines;
mod scan;

pub use crate::live_finding::{Examples, LiveCheck, LiveFinding, LiveFindingKind, Others};
pub use check::check_live;
pub use scan::scan_custom_data;
