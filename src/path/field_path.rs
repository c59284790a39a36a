use std::fmt;
use std::sync::Arc;

use nom::bytes::complete::take_till;
use nom::character::complete::char;
use nom::multi::separated_list1;
use nom::{IResult, Parser};
use thiserror::Error;

/// The maximum number of segments, which exceeds the nesting depth of any document that MongoDB stores.
pub const MAX_SEGMENTS: usize = 200;

/// The maximum number of numeric segments. In an array of documents, each can be both an index and a key, so each
/// doubles the number of ways to follow the path through nested arrays.
pub const MAX_INDEXES: usize = 8;

/// A dotted path, such as `address.zip` or `team.0.id`. It is cheap to clone. The path without segments refers to the
/// whole value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldPath {
    segments: Arc<[Segment]>,
}

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    name: Box<str>,
    index: Option<usize>,
}

/// Why a text is not a valid path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// An empty segment: `a..b`, `.a`, `a.`
    #[error("the path `{0}` has an empty segment")]
    SegmentEmpty(String),
    /// A NUL character, which BSON does not allow in keys.
    #[error("a path must not contain the character U+0000")]
    Nul,
    /// More than [`MAX_SEGMENTS`] segments.
    #[error("a path has at most {MAX_SEGMENTS} segments")]
    TooLong,
    /// More than [`MAX_INDEXES`] numeric segments.
    #[error("a path has at most {MAX_INDEXES} segments that are numbers")]
    IndexesTooMany,
}

impl Segment {
    fn new(name: &str) -> Self {
        // As in MongoDB, `01` is only a field name, not an index.
        let canonical = name == "0" || !name.starts_with('0');
        let digits = name.bytes().all(|b| b.is_ascii_digit());
        Self { name: name.into(), index: if canonical && digits { name.parse().ok() } else { None } }
    }

    /// The segment as a field name.
    #[must_use]
    pub const fn name(&self) -> &str {
        &self.name
    }

    /// The segment as an array index; `None` if it can only be a field name.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        self.index
    }
}

fn segments(text: &str) -> IResult<&str, Vec<&str>> {
    separated_list1(char('.'), take_till(|c| c == '.')).parse(text)
}

impl FieldPath {
    /// The path without segments.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses a dotted path.
    ///
    /// # Errors
    /// See [`PathError`].
    ///
    /// ```
    /// use portcullis::path::{FieldPath, PathError};
    /// assert_eq!(FieldPath::parse("address.zip").unwrap().segments().len(), 2);
    /// assert_eq!(FieldPath::parse("address..zip"), Err(PathError::SegmentEmpty("address..zip".to_owned())));
    /// ```
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let names = segments(text).map_or_else(|_| Vec::new(), |(_, names)| names);
        if names.is_empty() || names.iter().any(|name| name.is_empty()) {
            return Err(PathError::SegmentEmpty(text.to_owned()));
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        if names.len() > MAX_SEGMENTS {
            return Err(PathError::TooLong);
        }
        let segments: Arc<[Segment]> = names.into_iter().map(Segment::new).collect();
        if segments.iter().filter(|segment| segment.index.is_some()).count() > MAX_INDEXES {
            return Err(PathError::IndexesTooMany);
        }
        Ok(Self { segments })
    }

    /// Creates a path from its segments.
    pub(crate) fn from_segments(segments: &[Segment]) -> Self {
        Self { segments: segments.into() }
    }

    /// The segments in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether the path has no segments, so that it refers to the whole value.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// The first segment's name; `None` for the path without segments.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.segments.first().map(Segment::name)
    }

    /// The path without its first segment.
    #[must_use]
    pub fn rest(&self) -> Self {
        Self { segments: self.segments.get(1..).unwrap_or_default().into() }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(&segment.name)?;
        }
        Ok(())
    }
}
