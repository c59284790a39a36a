use std::fmt;

/// The maximum number of failures to list. A document may violate a schema in millions of places.
pub const MAX_FAILURES: usize = 100;

/// The number of characters to which the field names of untrusted documents are truncated.
const MAX_SHOWN: usize = 100;

/// A reason for which a schema rejects a document, for the log. It is formatted like the messages of App Services.
///
/// ```
/// use portcullis::schema::Failure;
/// let failure = |path: &str| Failure { path: path.to_owned(), message: "zip is required".to_owned() };
/// assert_eq!(failure("").to_string(), "(root): zip is required");
/// assert_eq!(failure("address").to_string(), "address: zip is required");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The dotted path of the value that is not valid, including array indexes; empty for the document itself. Long
    /// field names are truncated and control characters replaced.
    pub path: String,
    /// What is wrong with the value.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(root)" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

/// Displays untrusted text on one line of a log.
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
