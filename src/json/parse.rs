use std::collections::HashMap;

use thiserror::Error;

use super::{Kind, Member, Node};
use crate::text::{Code, Located, Span};

/// The maximum length of JSON text in bytes: 16 MiB, like MongoDB documents.
pub const MAX_SIZE: usize = 16 * 1024 * 1024;

/// The maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = 128;

/// Why text is not valid JSON, and where.
pub type JsonError = Located<JsonErrorKind>;

/// The kinds of [`JsonError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// Anything that the grammar does not allow.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A duplicate key: `{"a": 1, "a": 2}`
    #[error("duplicate key `{key}`, first defined on line {first}")]
    KeyDuplicate {
        /// The key.
        key: String,
        /// The line of the first occurrence, starting at 1.
        first: usize,
    },
    /// Nesting deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// More bytes than this limit, which is [`MAX_SIZE`] or that of the caller.
    #[error("the text is too large: it has more than {} MiB", .0 / (1024 * 1024))]
    Size(usize),
    /// Bytes that are not UTF-8, from this offset on.
    #[error("byte {0} is not valid UTF-8")]
    Encoding(usize),
    /// A string with an invalid escape or with a control character.
    #[error("invalid string: {0}")]
    String(String),
    /// An invalid number: `01`, `1.`, `.5`, `1e999`
    #[error("`{0}` is not a JSON number, or lies outside the range of a double")]
    Number(String),
}

impl Code for JsonErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::Unexpected { .. } => "json-syntax",
            Self::KeyDuplicate { .. } => "json-key-duplicate",
            Self::Depth => "json-depth",
            Self::Size(_) => "json-size",
            Self::Encoding(_) => "json-encoding",
            Self::String(_) => "json-string",
            Self::Number(_) => "json-number",
        }
    }
}

/// Parses JSON text. A leading byte order mark is ignored.
///
/// # Errors
/// The first violation of the grammar or of a limit.
///
/// ```
/// let node = portcullis::json::parse(r#"{"a": [1, true]}"#).unwrap();
/// assert_eq!(node.get("a").unwrap().as_array().unwrap().len(), 2);
/// let error = portcullis::json::parse(r#"{"a": 1, "a": 2}"#).unwrap_err();
/// assert_eq!(error.to_string(), "duplicate key `a`, first defined on line 1");
/// ```
pub fn parse(text: &str) -> Result<Node, JsonError> {
    parse_from_line(text, 1, MAX_SIZE)
}

fn parse_from_line(text: &str, first_line: usize, most: usize) -> Result<Node, JsonError> {
    if text.len() > most {
        return Err(JsonError::new(JsonErrorKind::Size(most), Span::default()));
    }
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut parser = Parser { text, at, first_line };
    let node = parser.value(0)?;
    parser.space();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.unexpected("the end of the text")),
    }
}

/// Like [`parse`], for bytes that may not be UTF-8.
///
/// # Errors
/// Same as [`parse`], or [`JsonErrorKind::Encoding`].
pub fn parse_bytes(bytes: &[u8]) -> Result<Node, JsonError> {
    parse_up_to(bytes, MAX_SIZE)
}

/// Like [`parse_bytes`], for part of a longer text, which starts at this line: error messages contain line numbers of
/// the longer text. Byte offsets are relative to the part.
///
/// # Errors
/// Same as [`parse_bytes`].
pub fn parse_part(bytes: &[u8], first_line: usize) -> Result<Node, JsonError> {
    parse_within(bytes, first_line, MAX_SIZE)
}

/// Like [`parse_bytes`], with a limit of `most` bytes instead of [`MAX_SIZE`].
///
/// # Errors
/// Same as [`parse_bytes`].
pub fn parse_up_to(bytes: &[u8], most: usize) -> Result<Node, JsonError> {
    parse_within(bytes, 1, most)
}

fn parse_within(bytes: &[u8], first_line: usize, most: usize) -> Result<Node, JsonError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse_from_line(text, first_line, most),
        Err(error) => {
            let at = error.valid_up_to();
            Err(JsonError::new(JsonErrorKind::Encoding(at), Span::new(at, at + 1))
                .help("save the file as UTF-8 without a byte order mark"))
        }
    }
}

/// The number of keys up to which comparing them one by one is faster than hashing.
const FEW_KEYS: usize = 16;

/// The keys of an object with many keys, with their positions.
#[derive(Default)]
struct Seen(HashMap<String, usize>);

impl Seen {
    /// The position of an earlier member with the same key, if there is one.
    fn before(&mut self, key: &str, at: usize, members: &[Member]) -> Option<usize> {
        if members.len() < FEW_KEYS {
            return members.iter().find(|member| member.key == key).map(|member| member.key_span.start);
        }
        if self.0.is_empty() {
            self.0 = members.iter().map(|member| (member.key.clone(), member.key_span.start)).collect();
        }
        self.0.insert(key.to_owned(), at)
    }
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// The line number of the first line.
    pub(super) first_line: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.space();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { span: Span::new(start, self.at), kind })
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth >= MAX_DEPTH {
            return Err(JsonError::new(JsonErrorKind::Depth, Span::new(self.at, self.at + 1)));
        }
        Ok(depth + 1)
    }

    fn object(&mut self, depth: usize) -> Result<Kind, JsonError> {
        let depth = self.deeper(depth)?;
        let open = self.at;
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut seen = Seen::default();
        loop {
            self.space();
            if self.peek() == Some(b'}') && members.is_empty() {
                break;
            }
            if self.peek() != Some(b'"') {
                return Err(self.in_bracket(open, "a key in double quotes"));
            }
            let start = self.at;
            let key = self.string()?;
            let key_span = Span::new(start, self.at);
            if let Some(first) = seen.before(&key, start, &members) {
                let first = self.line(first);
                return Err(
                    JsonError::new(JsonErrorKind::KeyDuplicate { key, first }, key_span).help("keep one of the two")
                );
            }
            self.space();
            if !self.take(b':') {
                return Err(self.in_bracket(open, "`:`"));
            }
            self.space();
            if self.peek().is_none() {
                return Err(self.in_bracket(open, "a value"));
            }
            let value = self.value(depth)?;
            members.push(Member { key, key_span, value });
            self.space();
            if self.take(b',') {
                self.space();
                if self.peek() == Some(b'}') {
                    return Err(self.unexpected("a key in double quotes").help("remove the comma before it"));
                }
            } else if self.peek() == Some(b'}') {
                break;
            } else {
                return Err(self.in_bracket(open, "`,` or `}`"));
            }
        }
        self.at += 1;
        Ok(Kind::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Kind, JsonError> {
        let depth = self.deeper(depth)?;
        let open = self.at;
        self.at += 1;
        let mut elements = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b']') && elements.is_empty() {
                break;
            }
            if self.peek().is_none() {
                return Err(self.in_bracket(open, "a value"));
            }
            elements.push(self.value(depth)?);
            self.space();
            if self.take(b',') {
                self.space();
                if self.peek() == Some(b']') {
                    return Err(self.unexpected("a value").help("remove the comma before it"));
                }
            } else if self.peek() == Some(b']') {
                break;
            } else {
                return Err(self.in_bracket(open, "`,` or `]`"));
            }
        }
        self.at += 1;
        Ok(Kind::Array(elements))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        let mut plain = true;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    end += 2;
                }
                Some(0..=0x1f) => {
                    let error =
                        JsonErrorKind::String("a control character, such as a line break, must be escaped".into());
                    return Err(JsonError::new(error, Span::new(end, end + 1))
                        .help("is the closing `\"` missing? a line break is written `\\n`"));
                }
                Some(_) => end += 1,
                None => {
                    return Err(JsonError::new(
                        JsonErrorKind::Unexpected { expected: "`\"`", found: "the end of the text".into() },
                        Span::new(start, start + 1),
                    )
                    .help("this string is never closed"));
                }
            }
        }
        self.at = end + 1;
        if plain {
            return Ok(self.text.get(start + 1..end).unwrap_or_default().to_owned());
        }
        let quoted = self.text.get(start..=end).unwrap_or_default();
        serde_json::from_str(quoted).map_err(|error| {
            // The message ends with a position within the string, which would be misleading.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            JsonError::new(JsonErrorKind::String(message), Span::new(start, end + 1))
        })
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        let length =
            self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')).count();
        let span = Span::new(self.at, self.at + length);
        let text = self.rest().get(..length).unwrap_or_default();
        if is_number(text) {
            self.at = span.end;
            Ok(Kind::Number(text.to_owned()))
        } else {
            Err(JsonError::new(JsonErrorKind::Number(text.chars().take(40).collect()), span).help(
                "write plain decimal digits; infinities and very large numbers need {\"$numberDouble\": …} or {\"$numberDecimal\": …}",
            ))
        }
    }

    fn word(&mut self) -> Result<Kind, JsonError> {
        let word: String = self.rest().chars().take_while(|c| c.is_alphanumeric()).take(40).collect();
        let kind = match word.as_str() {
            "true" => Kind::Boolean(true),
            "false" => Kind::Boolean(false),
            "null" => Kind::Null,
            _ => {
                let error = self.unexpected("a value");
                return Err(match word.as_str() {
                    _ if self.text.trim().is_empty() => error.help("the text is empty"),
                    "NaN" | "Infinity" => error.help(format!("write {{\"$numberDouble\": \"{word}\"}}")),
                    "True" | "False" | "None" | "undefined" | "TRUE" | "FALSE" => {
                        error.help("JSON knows `true`, `false` and `null`, in lower case")
                    }
                    word => match shell_literal(word) {
                        Some(help) => error.help(help),
                        None => error,
                    },
                });
            }
        };
        self.at += word.len();
        Ok(kind)
    }

    /// The line number at a byte offset.
    fn line(&self, at: usize) -> usize {
        self.first_line + self.text.get(..at).unwrap_or_default().matches('\n').count()
    }

    /// Like [`Self::unexpected`]. At the end of the text, the error names the bracket that is not closed.
    fn in_bracket(&self, open: usize, expected: &'static str) -> JsonError {
        let error = self.unexpected(expected);
        let Some(bracket) = self.text.get(open..=open).filter(|_| self.peek().is_none()) else { return error };
        let (line, before) = (self.line(open), self.text.get(..open).unwrap_or_default());
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        error.help(format!("the `{bracket}` at {line}:{column} is never closed"))
    }

    /// The error for finding anything other than `expected` at the current position.
    fn unexpected(&self, expected: &'static str) -> JsonError {
        let rest = self.rest();
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(40).collect();
        let (found, length) = match rest.chars().next() {
            None => ("the end of the text".to_owned(), 0),
            Some(_) if !word.is_empty() => (format!("`{word}`"), word.len()),
            Some(c) if c.is_control() => (format!("the character U+{:04X}", u32::from(c)), c.len_utf8()),
            Some(c) => (format!("`{c}`"), c.len_utf8()),
        };
        let error = JsonError::new(JsonErrorKind::Unexpected { expected, found }, Span::new(self.at, self.at + length));
        if rest.starts_with("//") || rest.starts_with("/*") || rest.starts_with('#') {
            error.help("comments are not allowed in JSON")
        } else if rest.starts_with('\'') || rest.starts_with(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
            error.help("JSON strings use straight double quotes")
        } else if expected.contains('`') && rest.starts_with('"') {
            error.help("is a `,` missing before it?")
        } else if expected.contains("key") && !word.is_empty() {
            error.help(format!("write \"{word}\""))
        } else {
            error
        }
    }
}

/// The extended JSON for a constructor of the MongoDB shell.
fn shell_literal(word: &str) -> Option<&'static str> {
    Some(match word {
        "ObjectId" | "ObjectID" => "that is the shell's notation; write {\"$oid\": \"…\"}",
        "ISODate" | "Date" | "new" => "that is the shell's notation; write {\"$date\": \"2024-01-31T12:00:00Z\"}",
        "NumberInt" | "Int32" => "that is the shell's notation; write {\"$numberInt\": \"…\"}, or the plain number",
        "NumberLong" | "Long" => "that is the shell's notation; write {\"$numberLong\": \"…\"}",
        "NumberDecimal" | "Decimal128" => "that is the shell's notation; write {\"$numberDecimal\": \"…\"}",
        "Double" => "that is the shell's notation; write {\"$numberDouble\": \"…\"}, or the plain number",
        "UUID" => "that is the shell's notation; write {\"$uuid\": \"…\"}",
        "BinData" | "HexData" | "Binary" => {
            "that is the shell's notation; write {\"$binary\": {\"base64\": \"…\", \"subType\": \"00\"}}"
        }
        "Timestamp" => "that is the shell's notation; write {\"$timestamp\": {\"t\": 1, \"i\": 1}}",
        "RegExp" => {
            "that is the shell's notation; write {\"$regularExpression\": {\"pattern\": \"…\", \"options\": \"\"}}"
        }
        "MinKey" => "that is the shell's notation; write {\"$minKey\": 1}",
        "MaxKey" => "that is the shell's notation; write {\"$maxKey\": 1}",
        _ => return None,
    })
}

/// Whether text is a JSON number in the range of a double.
pub(super) fn is_number(text: &str) -> bool {
    has_form_of_number(text.as_bytes()) && text.parse().is_ok_and(f64::is_finite)
}

pub(super) fn has_form_of_number(text: &[u8]) -> bool {
    let digits = |text: &mut &[u8]| {
        let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *text = text.get(length..).unwrap_or_default();
        length > 0
    };
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let is_padded = matches!(rest, [b'0', b'0'..=b'9', ..]);
    if is_padded || !digits(&mut rest) {
        return false;
    }
    if let Some(after) = rest.strip_prefix(b".") {
        rest = after;
        if !digits(&mut rest) {
            return false;
        }
    }
    if let [b'e' | b'E', after @ ..] = rest {
        rest = after.strip_prefix(b"+").or(after.strip_prefix(b"-")).unwrap_or(after);
        if !digits(&mut rest) {
            return false;
        }
    }
    rest.is_empty()
}

/// An upper bound on the number of values in a JSON text. The contents of strings are not counted.
#[cfg(feature = "unstable")]
#[must_use]
pub fn count_values(json: &[u8]) -> usize {
    let (mut count, mut in_text, mut is_escaped) = (1_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}
