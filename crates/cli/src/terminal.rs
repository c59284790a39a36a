//! Makes text safe for a terminal, so that stored text cannot control it.

use std::borrow::Cow;
use std::fmt::Write as _;

use portcullis::text::is_unprintable;

/// Escapes, as JSON does, all characters that could control a terminal or reorder text; JSON keeps its meaning. Line
/// breaks and Portcullis's own colours are kept.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let mut escaped: Option<String> = None;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.char_indices().find(|(_, c)| is_unprintable(*c))) {
        let (start, c) = (at + found.0, found.1);
        let rest = text.get(start..).unwrap_or_default();
        let kept = match c {
            '\n' | '\t' => 1,
            '\u{1b}' => colour(rest),
            _ => 0,
        };
        let out = escaped.get_or_insert_with(String::new);
        out.push_str(text.get(at..start).unwrap_or_default());
        if kept > 0 {
            out.push_str(rest.get(..kept).unwrap_or_default());
            at = start + kept;
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
            at = start + c.len_utf8();
        }
    }
    match escaped {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(text.get(at..).unwrap_or_default());
            Cow::Owned(out)
        }
    }
}

/// Removes Portcullis's own colours, for output that is not a terminal. Nothing else is removed, since stored text is
/// data.
pub(super) fn colourless(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        // Other sequences are kept.
        let length = colour(sequence);
        out.push_str(if length > 0 { "" } else { "\u{1b}" });
        rest = sequence.get(length.max(1)..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The length of the colour sequence at the beginning of a text, if it is one that Portcullis writes (reset, bold, a
/// foreground colour); otherwise 0.
fn colour(text: &str) -> usize {
    let Some(code) = text.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')).map(|(code, _)| code) else {
        return 0;
    };
    let is_ours = matches!(code, "0" | "1" | "30" | "31" | "32" | "33" | "34" | "35" | "36" | "37");
    if is_ours { code.len() + 3 } else { 0 }
}
