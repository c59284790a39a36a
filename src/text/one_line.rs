use std::fmt::{self, Display, Write};

/// Displays a value on a single line. Line breaks, and characters that a terminal might interpret or that might reorder
/// others, are escaped.
pub struct OneLine<T>(pub T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

struct Escape<'f, 'w>(&'f mut fmt::Formatter<'w>);

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_unprintable) {
            let plain = part.trim_end_matches(is_unprintable);
            self.0.write_str(plain)?;
            for c in part.chars().skip(plain.chars().count()) {
                write!(self.0, "{}", c.escape_debug())?;
            }
        }
        Ok(())
    }
}

/// Whether a terminal might interpret a character, or display others in a different order because of it: control
/// characters, line and paragraph separators, bidirectional marks, and invisible tags.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
