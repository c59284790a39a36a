use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How inserted text is escaped, so that it remains a value in the language of the surrounding text.
///
/// ```
/// use portcullis::{Escape, Template};
/// use portcullis::{Context, User};
/// let mail = Template::text("<p>Dear %(%%user.data.name, \"reader\")</p>", Escape::Html).unwrap();
/// let mut user = User::new("u1");
/// user.data.insert("name", "A & B");
/// assert_eq!(mail.to_text(&Context::new().with_user(user)).unwrap(), "<p>Dear A &amp; B</p>");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Escape {
    /// No escaping.
    #[default]
    None,
    /// Inside a JSON string: escapes quotes, backslashes and control characters.
    Json,
    /// A URL component: percent-encodes everything but letters, digits, `-`, `.`, `_` and `~`.
    Url,
    /// HTML text or a quoted attribute: escapes `&`, `<`, `>`, `"` and `'`.
    Html,
    /// A part of a file name: rejects separators (`/`, `\`, `:`), control characters, and text that is empty or
    /// consists only of dots.
    Path,
    /// A part of an HTTP or mail header line: rejects line breaks and other control characters.
    Header,
}

/// The error for text that an escape rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    escape: Escape,
    character: Option<char>,
}

impl Refused {
    pub(super) const fn new(escape: Escape, character: Option<char>) -> Self {
        Self { escape, character }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.escape == Escape::Header { "a header line" } else { "a file name" };
        match self.character {
            Some(character) => write!(f, "it contains U+{:04X}, which {place} must not", u32::from(character)),
            None => write!(f, "it is empty or nothing but dots, which is not allowed in {place}"),
        }
    }
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Escape {
    /// Every escape, with its name on the command line.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::None, "none"),
        (Self::Json, "json"),
        (Self::Url, "url"),
        (Self::Html, "html"),
        (Self::Path, "path"),
        (Self::Header, "header"),
    ];

    /// The escape with this command-line name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(escape, _)| *escape)
    }

    /// Escapes a text.
    pub(super) fn apply(self, text: &str) -> Result<Cow<'_, str>, Refused> {
        match self {
            Self::None => Ok(text.into()),
            Self::Json => {
                let mut escaped = Vec::with_capacity(text.len());
                crate::json::escape(text, &mut escaped);
                // Only ASCII characters are escaped, so the result is valid UTF-8.
                Ok(String::from_utf8(escaped).unwrap_or_default().into())
            }
            Self::Url => Ok(utf8_percent_encode(text, UNRESERVED).into()),
            Self::Html => Ok(html_escape::encode_quoted_attribute(text)),
            Self::Path if text.chars().all(|character| character == '.') => Err(Refused::new(self, None)),
            Self::Path => {
                self.without(text, |character| matches!(character, '/' | '\\' | ':') || character.is_control())
            }
            Self::Header => self.without(text, char::is_control),
        }
    }

    fn without(self, text: &str, refused: impl Fn(char) -> bool) -> Result<Cow<'_, str>, Refused> {
        match text.chars().find(|character| refused(*character)) {
            Some(character) => Err(Refused::new(self, Some(character))),
            None => Ok(text.into()),
        }
    }
}
