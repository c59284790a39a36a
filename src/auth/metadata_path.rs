use std::fmt;

use bson::{Bson, Document};
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag};
use nom::character::complete::char;
use nom::multi::{fold_many0, separated_list1};
use nom::sequence::preceded;
use nom::{IResult, Parser};
use thiserror::Error;

use crate::path::MAX_SEGMENTS;

/// The path to a claim, such as `profile.name` or `https://hr\.example\.com/role`: names separated by dots, where `\.`
/// is a dot and `\\` a backslash within a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataPath {
    /// One or more names, none of which is empty.
    names: Box<[String]>,
}

/// Why a path to a claim is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataPathError {
    /// A name is empty: `a..b`, `.a`, `a.`, or the empty text
    #[error("a path must not have an empty segment")]
    SegmentEmpty,
    /// A backslash precedes anything but a dot or a backslash: `a\b`
    #[error("a backslash may only precede a dot or another backslash")]
    Escape,
    /// A name contains NUL, which BSON does not allow.
    #[error("a path must not contain the character U+0000")]
    Nul,
    /// There are more than [`MAX_SEGMENTS`] names.
    #[error("a path has at most {MAX_SEGMENTS} segments")]
    TooLong,
}

/// Parses one or more ordinary characters, or an escaped one.
fn piece(text: &str) -> IResult<&str, &str> {
    alt((is_not(r".\"), preceded(char('\\'), alt((tag("."), tag(r"\")))))).parse(text)
}

fn name(text: &str) -> IResult<&str, String> {
    fold_many0(piece, String::new, |name, piece| name + piece).parse(text)
}

fn names(text: &str) -> IResult<&str, Vec<String>> {
    separated_list1(char('.'), name).parse(text)
}

impl MetadataPath {
    /// Parses a path.
    ///
    /// # Errors
    /// See [`MetadataPathError`].
    ///
    /// ```
    /// use portcullis::auth::{MetadataPath, MetadataPathError};
    /// let path = MetadataPath::parse(r"https://hr\.example\.com/claims.role").unwrap();
    /// assert_eq!(path.names(), ["https://hr.example.com/claims", "role"]);
    /// assert_eq!(path.to_string(), r"https://hr\.example\.com/claims.role");
    /// assert_eq!(MetadataPath::parse("a..b"), Err(MetadataPathError::SegmentEmpty));
    /// assert_eq!(MetadataPath::parse(r"a\b"), Err(MetadataPathError::Escape));
    /// ```
    pub fn parse(text: &str) -> Result<Self, MetadataPathError> {
        let (rest, names) = names(text).unwrap_or((text, Vec::new()));
        // The parser stops only at a backslash that escapes nothing.
        if !rest.is_empty() {
            return Err(MetadataPathError::Escape);
        }
        Self::from_names(names)
    }

    /// Creates a path from names, from the outermost to the innermost, without escapes.
    ///
    /// # Errors
    /// Same as [`MetadataPath::parse`], except for [`MetadataPathError::Escape`].
    pub fn from_names(names: Vec<String>) -> Result<Self, MetadataPathError> {
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(MetadataPathError::SegmentEmpty);
        }
        if names.iter().any(|name| name.contains('\0')) {
            return Err(MetadataPathError::Nul);
        }
        if names.len() > MAX_SEGMENTS {
            return Err(MetadataPathError::TooLong);
        }
        Ok(Self { names: names.into() })
    }

    /// The names, from the outermost to the innermost.
    #[must_use]
    pub const fn names(&self) -> &[String] {
        &self.names
    }

    /// The last name, which is the default field name of the value.
    #[must_use]
    pub fn last(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The value at the path. Arrays are not entered.
    #[must_use]
    pub fn look_up<'c>(&self, claims: &'c Document) -> Option<&'c Bson> {
        let (first, rest) = self.names.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| value.as_document()?.get(name))
    }
}

impl fmt::Display for MetadataPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(&name.replace('\\', r"\\").replace('.', r"\."))?;
        }
        Ok(())
    }
}
