//! Numbers as command-line arguments.

/// Parses a number that is at least 1.
pub(super) fn from_one(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("expected a number from 1 to {}", u32::MAX))
}

/// Parses a number that may be 0.
pub(super) fn from_zero(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("expected a number from 0 to {}", u32::MAX))
}
