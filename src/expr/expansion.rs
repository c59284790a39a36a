use std::fmt;

use nom::bytes::complete::{tag, take_till};
use nom::character::complete::char;
use nom::combinator::{all_consuming, opt, rest};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::{ExprErrorKind, Operator};
use crate::path::{FieldPath, PathError};
use crate::text::closest;

/// A reference to a value outside of the expression, such as `%%user.custom_data.team`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expansion {
    /// The object that the path starts from.
    pub root: Root,
    /// The path within that object; empty for the whole object.
    pub path: FieldPath,
}

/// The object from which an expansion's path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// `%%true`
    True,
    /// `%%false`
    False,
    /// `%%user`
    User,
    /// `%%values`
    Values,
    /// `%%environment`
    Environment,
    /// `%%request`
    Request,
    /// `%%root`
    Root,
    /// `%%prevRoot`
    PrevRoot,
    /// `%%this`
    This,
    /// `%%prev`
    Prev,
    /// `%%args`
    Args,
    /// `%%partition`
    Partition,
    /// `%%now`
    Now,
}

impl Root {
    /// Every root, with its name.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::True, "%%true"),
        (Self::False, "%%false"),
        (Self::User, "%%user"),
        (Self::Values, "%%values"),
        (Self::Environment, "%%environment"),
        (Self::Request, "%%request"),
        (Self::Root, "%%root"),
        (Self::PrevRoot, "%%prevRoot"),
        (Self::This, "%%this"),
        (Self::Prev, "%%prev"),
        (Self::Args, "%%args"),
        (Self::Partition, "%%partition"),
        (Self::Now, "%%now"),
    ];

    /// The name, including `%%`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(root, _)| *root == self).map_or("", |(_, name)| name)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| found.get(2..) == Some(name)).map(|(root, _)| *root)
    }
}

impl fmt::Display for Expansion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.name())?;
        if !self.path.is_root() {
            write!(f, ".{}", self.path)?;
        }
        Ok(())
    }
}

/// `%%` name [`.` path]. The entire name is consumed before it is looked up, so that errors can quote it in full.
fn grammar(text: &str) -> IResult<&str, (&str, Option<&str>)> {
    all_consuming(preceded(tag("%%"), (take_till(|c| c == '.'), opt(preceded(char('.'), rest))))).parse(text)
}

impl Expansion {
    /// Parses text that consists of a single expansion.
    ///
    /// # Errors
    /// [`ExprErrorKind::ExpansionUnknown`], [`ExprErrorKind::ExpansionMalformed`], [`ExprErrorKind::ExpansionPath`] or
    /// [`ExprErrorKind::Path`].
    ///
    /// ```
    /// use portcullis::expr::{Expansion, Root};
    /// let expansion = Expansion::parse("%%user.custom_data.team").unwrap();
    /// assert_eq!((expansion.root, expansion.path.to_string().as_str()), (Root::User, "custom_data.team"));
    /// assert!(Expansion::parse("%%usr.id").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, ExprErrorKind> {
        let unknown = || ExprErrorKind::ExpansionUnknown(text.to_owned());
        let (_, (name, path)) = grammar(text).map_err(|_| unknown())?;
        if name.contains("%%") || path.is_some_and(|path| path.contains("%%")) {
            return Err(ExprErrorKind::ExpansionMalformed(text.to_owned()));
        }
        let root = Root::from_name(name).ok_or_else(unknown)?;
        let path = match path.map(FieldPath::parse) {
            None => FieldPath::root(),
            Some(Ok(path)) => path,
            Some(Err(PathError::SegmentEmpty(_))) => {
                return Err(ExprErrorKind::Path(PathError::SegmentEmpty(text.to_owned())));
            }
            Some(Err(error)) => return Err(ExprErrorKind::Path(error)),
        };
        if matches!(root, Root::True | Root::False | Root::Now) && !path.is_root() {
            return Err(ExprErrorKind::ExpansionPath(text.to_owned()));
        }
        Ok(Self { root, path })
    }

    /// A suggestion for a malformed expansion, also if it starts with a single `%` or a `$`.
    #[must_use]
    pub fn suggest(text: &str) -> Option<String> {
        let body = text.trim_matches('%').trim_start_matches('$');
        let (name, path) = body.split_once('.').map_or((body, None), |(name, path)| (name, Some(path)));
        let meant = match Root::from_name(name) {
            Some(root) => root.name(),
            None => {
                closest(name, Root::ALL.iter().filter_map(|(_, name)| name.get(2..))).and_then(Root::from_name)?.name()
            }
        };
        let meant = path.map_or_else(|| meant.to_owned(), |path| format!("{meant}.{path}"));
        (meant != text).then_some(meant)
    }

    /// Splits a path that uses an expansion as a field name, which is not supported: `%%root.members.%%user.id` yields
    /// the field `members` and the expansion `%%user.id`.
    pub(crate) fn within_path(text: &str) -> Option<(&str, &str)> {
        let (before, _) = text.split_once(".%%")?;
        let inner = text.get(before.len() + 1..)?;
        let field = before.strip_prefix("%%root.").unwrap_or(before);
        (!field.starts_with("%%") && Self::parse(inner).is_ok()).then_some((field, inner))
    }

    /// Help for a path that uses an expansion as a field name.
    pub(crate) fn path_help(text: &str) -> Option<String> {
        let (field, inner) = Self::within_path(text)?;
        Some(format!(
            "a path cannot hold an expansion; where `{field}` is an array of such values write {{\"{field}\": \"{inner}\"}}"
        ))
    }

    /// Whether a text looks like an expansion that lacks one `%`, such as `%user.id`. App Services accepts these in
    /// rules, where they never match.
    #[must_use]
    pub fn is_near_miss(text: &str) -> bool {
        let Some(body) = text.strip_prefix('%') else { return false };
        !body.starts_with('%')
            && Operator::parse(text).is_none()
            && Root::from_name(body.split('.').next().unwrap_or_default()).is_some()
    }
}
