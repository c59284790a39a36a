//! Numbers as command-line arguments.

/// A number from 1 on.
pub(super) fn from_one(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("expected a number from 1 to {}", u32::MAX))
}

/// A number from 0 on.
pub(super) fn from_zero(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("expected a number from 0 to {}", u32::MAX))
}
