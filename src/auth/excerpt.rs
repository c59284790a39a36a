use crate::text;

/// The most characters of a claim that a message quotes.
const SHOWN: usize = 40;

/// A claim, shortened to what a message quotes.
pub(super) fn excerpt(text: &str) -> String {
    text::excerpt(text, SHOWN)
}

/// A shortened claim with control characters escaped, for messages that nothing else makes printable.
#[cfg(feature = "jwt")]
pub(super) fn one_line(text: &str) -> String {
    text::OneLine(excerpt(text)).to_string()
}
