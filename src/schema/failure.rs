use std::fmt;

/// The maximum number of failures listed for a document, which may violate a schema in millions of places.
pub const MAX_FAILURES: usize = 100;

/// Field names of untrusted documents are truncated to this many characters in output.
const MAX_SHOWN: usize = 100;

/// A reason why a schema rejects a document, for the log. Formatted like App Services' messages.
///
/// ```
/// use portcullis::schema::Failure;
/// let failure = |path: &str| Failure { path: path.to_owned(), message: "zip is required".to_owned() };
/// assert_eq!(failure("").to_string(), "(root): zip is required");
/// assert_eq!(failure("address").to_string(), "address: zip is required");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The dotted path of the invalid value, with the indexes of array elements; empty for the document itself. Names
    /// in it are sanitized for output: long ones are truncated, and control characters are replaced.
    pub path: String,
    /// The reason.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(root)" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

/// Formats untrusted text for a line of a log.
pub(super) struct Shown<'t>(pub(super) &'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for (at, c) in self.0.chars().enumerate() {
            if at == MAX_SHOWN {
                return f.write_char('…');
            }
            f.write_char(if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })?;
        }
        Ok(())
    }
}
