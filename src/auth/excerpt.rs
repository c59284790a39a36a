use crate::text;

/// The number of characters to which claims are truncated in messages.
const MAX_SHOWN: usize = 40;

/// A claim, truncated for messages.
pub(super) fn excerpt(text: &str) -> String {
    text::excerpt(text, MAX_SHOWN)
}

/// A truncated claim with control characters escaped, for messages that are not escaped elsewhere.
#[cfg(feature = "jwt")]
pub(super) fn one_line(text: &str) -> String {
    text::OneLine(excerpt(text)).to_string()
}
