use std::fmt;

/// How many failures of one document are listed; a document can break a schema at millions of places.
pub const MAX_FAILURES: usize = 100;

/// Names of a stranger's fields are cut to this many characters where they are shown.
const MAX_SHOWN: usize = 100;

/// One reason for which a schema refuses a document, for the log. Displayed in the words of App Services.
///
/// ```
/// use portcullis::schema::Failure;
/// let failure = |path: &str| Failure { path: path.to_owned(), message: "zip is required".to_owned() };
/// assert_eq!(failure("").to_string(), "(root): zip is required");
/// assert_eq!(failure("address").to_string(), "address: zip is required");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The dotted path of the value that is wrong, with the indexes of array elements; empty for the document itself.
    /// Names in it are made fit to be printed: long ones are cut, control characters replaced.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(root)" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

/// A text of a stranger as a line of a log may show it.
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
