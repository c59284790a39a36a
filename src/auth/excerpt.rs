use crate::text;

/// How much of a claim a message shows, in characters.
const SHOWN: usize = 40;

/// As much of a claim as a message can show.
pub(super) fn excerpt(text: &str) -> String {
    text::excerpt(text, SHOWN)
}

/// The same, for a message that is not made printable elsewhere.
#[cfg(feature = "jwt")]
pub(super) fn one_line(text: &str) -> String {
    text::OneLine(excerpt(text)).to_string()
}
