//! MongoDB projections applied to documents, for filters of the rules and for clients' queries.

use std::collections::HashMap;

use bson::Document;
use thiserror::Error;

use crate::json::{self, Kind, Member, Node};
use crate::path::{FieldPath, PathError, Segment};
use crate::text::{Located, Span};
use crate::value::{
    ArrayRef, Container, DocumentRef, DocumentWriter, Elements, Empty, Field, Fields, MAX_DEPTH, Malformed, Place,
    RawWriter, ValueRef, Writer,
};

/// A projection such as MongoDB's `{a: 1}` or `{a: 0}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    included: Vec<FieldPath>,
    excluded: Vec<FieldPath>,
    /// The included and excluded paths as tries, by which documents are traversed.
    includes: Names,
    excludes: Names,
    /// Whether `_id` is included or excluded explicitly, which is allowed in both kinds of projection.
    id: Option<bool>,
    span: Span,
}

/// Whether a projection keeps a top-level field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    No,
    /// It depends on the value: a path into a field keeps nothing of a scalar value.
    Perhaps,
    Yes,
}

/// Why a projection is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// A value that is not supported: `{"a": {"$slice": 1}}`
    #[error("a projection takes `true`, `false`, 1 or 0 for a field, not {0}")]
    Value(&'static str),
    /// A malformed path: `{"a..b": 1}`
    #[error("{0}")]
    Path(PathError),
    /// Two paths of which one leads to or into the other: `{"a.b": 1, "a": 1}`
    #[error("Path collision at {0}")]
    Collision(String),
    /// Nested objects that stand for too many or too long paths.
    #[error("the nested objects of a projection stand for more than {MAX_NESTED} bytes of paths")]
    TooLong,
    /// A projection that is not an object: `"projection": 1`
    #[error("a projection is an object, not {0}")]
    NotObject(&'static str),
}

/// The maximum total length of the paths that nested objects of a projection stand for.
const MAX_NESTED: usize = 1 << 20;

/// The members of a client's projection, in which nested objects stand for paths: `{"a": {"b": 1}}` for `{"a.b": 1}`.
///
/// # Errors
/// If the paths are too long. Objects that are empty or contain operators are left as they are.
pub(crate) fn flattened(members: &[Member]) -> Result<Vec<Member>, Located<ProjectionError>> {
    fn add(
        prefix: &str,
        members: &[Member],
        length: &mut usize,
        paths: &mut Vec<Member>,
    ) -> Result<(), Located<ProjectionError>> {
        for member in members {
            let nested = !prefix.is_empty();
            *length = length.saturating_add(if nested { prefix.len() + member.key.len() } else { 0 });
            if *length > MAX_NESTED {
                return Err(Located::new(ProjectionError::TooLong, member.key_span));
            }
            let key = if nested { format!("{prefix}.{}", member.key) } else { member.key.clone() };
            match member.value.as_object() {
                Some(inner) if !inner.is_empty() && !inner.iter().any(|member| member.key.starts_with('$')) => {
                    add(&key, inner, length, paths)?;
                }
                _ => paths.push(Member { key, key_span: member.key_span, value: member.value.clone() }),
            }
        }
        Ok(())
    }
    let mut paths = Vec::with_capacity(members.len());
    add("", members, &mut 0, &mut paths)?;
    Ok(paths)
}

/// The first member whose path leads to, or into, that of an earlier one, and whether it leads into it.
pub(crate) fn collision(members: &[Member]) -> Option<(&Member, bool)> {
    let mut names: Vec<(Vec<&str>, usize)> =
        members.iter().enumerate().map(|(place, member)| (member.key.split('.').collect(), place)).collect();
    names.sort_unstable();
    // Of paths in this order, all those into one follow it immediately.
    let mut first = None;
    let mut above: Option<&(Vec<&str>, usize)> = None;
    for path in &names {
        match above {
            Some(above) if path.0.starts_with(&above.0) => {
                let later = above.1.max(path.1);
                if first.is_none_or(|(found, _)| later < found) {
                    first = Some((later, later == path.1 && path.0.len() > above.0.len()));
                }
            }
            _ => above = Some(path),
        }
    }
    first.and_then(|(place, within)| Some((members.get(place)?, within)))
}

impl Projection {
    /// Compiles a client's projection, in which nested objects stand for paths, and paths must not collide.
    ///
    /// # Errors
    /// All errors in it.
    pub(crate) fn compile_nested(node: &Node) -> Result<Self, Vec<Located<ProjectionError>>> {
        let Some(members) = node.as_object() else { return Self::compile(node) };
        let members = flattened(members).map_err(|error| vec![error])?;
        if let Some((member, _)) = collision(&members) {
            return Err(vec![Located::new(ProjectionError::Collision(member.key.clone()), member.key_span)]);
        }
        Self::compile(&Node { span: node.span, kind: Kind::Object(members) })
    }

    /// Compiles a projection.
    ///
    /// # Errors
    /// All errors in it.
    pub fn compile(node: &Node) -> Result<Self, Vec<Located<ProjectionError>>> {
        let mut errors = Vec::new();
        let mut projection = Self { span: node.span, ..Self::default() };
        let Some(members) = node.as_object() else {
            return Err(vec![Located::new(ProjectionError::NotObject(node.describe()), node.span)]);
        };
        for member in members {
            let include = match json::to_bson(&member.value).as_ref().map(ValueRef::from) {
                Ok(ValueRef::Boolean(value)) => Some(value),
                Ok(value) => value.number().map(|number| number.integer() != Some(0)),
                Err(_) => None,
            };
            match (FieldPath::parse(&member.key), include) {
                (Err(error), _) => errors.push(Located::new(ProjectionError::Path(error), member.key_span)),
                (_, None) => {
                    errors.push(Located::new(ProjectionError::Value(member.value.describe()), member.value.span));
                }
                (Ok(_), Some(include)) if member.key == "_id" => projection.id = Some(include),
                (Ok(path), Some(true)) => {
                    projection.includes.add(path.segments());
                    projection.included.push(path);
                }
                (Ok(path), Some(false)) => {
                    projection.excludes.add(path.segments());
                    projection.excluded.push(path);
                }
            }
        }
        if errors.is_empty() { Ok(projection) } else { Err(errors) }
    }

    /// An included path other than `_id`, if there is any.
    #[must_use]
    pub fn inclusion(&self) -> Option<&FieldPath> {
        self.included.first()
    }

    /// An excluded path other than `_id`, if there is any.
    #[must_use]
    pub fn exclusion(&self) -> Option<&FieldPath> {
        self.excluded.first()
    }

    /// Whether the projection is empty, so that it keeps every document as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.included.is_empty() && self.excluded.is_empty() && self.id.is_none()
    }

    /// Whether a top-level field is kept.
    pub(crate) fn keeps(&self, name: &str) -> Kept {
        let included = self.includes.below(name);
        match name {
            "_id" if self.id == Some(false) => return Kept::No,
            // The `_id` is included unless it is excluded explicitly.
            "_id" if included.is_none() => return Kept::Yes,
            _ if self.excludes.below(name).is_some_and(|names| names.ends) => return Kept::No,
            _ => {}
        }
        match included {
            _ if !self.is_inclusion() => Kept::Yes,
            None => Kept::No,
            Some(names) if names.ends => Kept::Yes,
            Some(_) => Kept::Perhaps,
        }
    }

    /// Whether a top-level field is kept in its entirety, whatever its value.
    pub(crate) fn keeps_whole(&self, name: &str) -> bool {
        self.keeps(name) == Kept::Yes && self.excludes.below(name).is_none()
    }

    /// Whether top-level fields that are not named are kept. `_id` is disregarded.
    pub(crate) const fn keeps_others(&self) -> bool {
        !self.is_inclusion()
    }

    /// The top-level fields that it names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.includes.below.iter().chain(&self.excludes.below).map(|(name, _)| &**name)
    }

    /// The named paths other than `_id`.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &FieldPath> {
        self.included.iter().chain(&self.excluded)
    }

    /// Whether the projection both includes and excludes fields other than `_id`, which MongoDB rejects.
    pub(crate) const fn is_mixed(&self) -> bool {
        !self.included.is_empty() && !self.excluded.is_empty()
    }

    /// The top-level fields other than `_id` that can be kept; `None` if any can.
    pub(crate) fn kept_names(&self) -> Option<impl Iterator<Item = &str>> {
        self.is_inclusion().then(|| self.includes.below.iter().map(|(name, _)| &**name))
    }

    const fn is_inclusion(&self) -> bool {
        !self.included.is_empty() || (matches!(self.id, Some(true)) && self.excluded.is_empty())
    }

    /// The projection as a MongoDB document.
    pub(crate) fn to_document(&self) -> Document {
        let paths = |paths: &[FieldPath], sign: i32| -> Vec<(String, bson::Bson)> {
            paths.iter().map(|path| (path.to_string(), sign.into())).collect()
        };
        let id = self.id.map(|id| ("_id".to_owned(), i32::from(id).into()));
        paths(&self.included, 1).into_iter().chain(paths(&self.excluded, 0)).chain(id).collect()
    }

    /// The position in the source.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Applies the projection to a document. `{"_id": 1}` alone includes only `_id`.
    ///
    /// # Errors
    /// If raw bytes are not BSON, or the document is nested deeper than [`MAX_DEPTH`].
    pub fn apply<'d>(&self, document: impl Into<DocumentRef<'d>>) -> Result<Document, Malformed> {
        DocumentWriter::write(|writer| self.write(document.into(), writer))
    }

    /// Applies the projection to a document and replaces the content of `bytes` with the result.
    ///
    /// # Errors
    /// If raw bytes are not BSON, or the document is nested deeper than [`MAX_DEPTH`].
    pub fn write_raw(&self, document: DocumentRef<'_>, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
        RawWriter::write(bytes, |writer| self.write(document, writer))
    }

    /// Writes what the projection keeps of a document.
    pub(crate) fn write(&self, document: DocumentRef<'_>, writer: &mut impl Writer) -> Result<(), Malformed> {
        let includes = self.is_inclusion();
        let left = Left { included: includes.then_some(&self.includes), excluded: Some(&self.excludes) };
        // Like MongoDB, writes `_id` first, unless the projection includes only parts of it: then it stays in its
        // place, like any other field.
        let partly = self.includes.below("_id").is_some();
        let separately = self.id == Some(false) || (includes && !partly);
        if separately
            && self.id != Some(false)
            && let Some(id) = Field::find(document, "_id")?
        {
            let left = Left { included: None, excluded: self.excludes.below("_id") };
            left.value(Place::Key("_id"), id, 0, writer)?;
        }
        left.fields(document, separately.then_some("_id"), 0, writer)
    }
}

/// A trie of paths.
#[derive(Clone, Debug, Default, PartialEq)]
struct Names {
    /// Whether a path ends at this node.
    ends: bool,
    below: Vec<(Box<str>, Names)>,
    /// The indexes in `below` by name, maintained once there are many names.
    places: HashMap<Box<str>, usize>,
}

/// The number of names up to which they are searched linearly.
const LINEAR_SEARCH_MAX: usize = 12;

impl Names {
    fn place(&self, name: &str) -> Option<usize> {
        if self.places.is_empty() {
            return self.below.iter().position(|(known, _)| **known == *name);
        }
        self.places.get(name).copied()
    }

    fn add(&mut self, path: &[Segment]) {
        let Some((first, rest)) = path.split_first() else {
            self.ends = true;
            return;
        };
        let at = self.place(first.name()).unwrap_or_else(|| {
            self.below.push((first.name().into(), Self::default()));
            let last = self.below.len() - 1;
            if last >= LINEAR_SEARCH_MAX {
                // Index all names when the threshold is exceeded, afterwards only the new one.
                let from = if self.places.is_empty() { 0 } else { last };
                let new = self.below.iter().enumerate().skip(from);
                self.places.extend(new.map(|(place, (name, _))| (name.clone(), place)));
            }
            last
        });
        if let Some((_, names)) = self.below.get_mut(at) {
            names.add(rest);
        }
    }

    fn below(&self, name: &str) -> Option<&Self> {
        self.below.get(self.place(name)?).map(|(_, names)| names)
    }
}

/// What to keep of a value: if `included` is given, only that; and nothing that is `excluded`.
#[derive(Clone, Copy)]
struct Left<'p> {
    included: Option<&'p Names>,
    excluded: Option<&'p Names>,
}

impl<'p> Left<'p> {
    fn fields(
        self,
        document: DocumentRef<'_>,
        but: Option<&str>,
        depth: usize,
        writer: &mut impl Writer,
    ) -> Result<(), Malformed> {
        let mut fields = Fields::of(document);
        while let Some(field) = fields.next() {
            let (key, value) = field?;
            if let Some(left) = self.below(key)
                && but != Some(key)
                && !fields.repeats(key)
            {
                left.value(Place::Key(key), value, depth, writer)?;
            }
        }
        Ok(())
    }

    /// What to keep of a field; `None` if nothing.
    fn below(self, key: &str) -> Option<Left<'p>> {
        let included = match self.included {
            None => None,
            Some(names) => Some(names.below(key)?).filter(|names| !names.ends),
        };
        let excluded = self.excluded.and_then(|names| names.below(key));
        (!excluded.is_some_and(|names| names.ends)).then_some(Left { included, excluded })
    }

    fn value(
        self,
        place: Place<'_>,
        value: Field<'_>,
        depth: usize,
        writer: &mut impl Writer,
    ) -> Result<(), Malformed> {
        if self.included.is_none() && self.excluded.is_none() {
            return writer.whole(place, value);
        }
        if depth > MAX_DEPTH {
            return Err(Malformed::depth());
        }
        match value.value()? {
            ValueRef::Document(document) => {
                let fill = |writer: &mut _| self.fields(document, None, depth + 1, writer);
                writer.container(place, Container::Document, Empty::Kept, fill)?;
            }
            ValueRef::Array(array) => {
                let fill = |writer: &mut _| self.elements(array, depth + 1, writer);
                writer.container(place, Container::Array, Empty::Kept, fill)?;
            }
            // An inclusion of nested fields keeps nothing of a scalar value.
            _ if self.included.is_some() => {}
            _ => writer.whole(place, value)?,
        }
        Ok(())
    }

    fn elements(self, array: ArrayRef<'_>, depth: usize, writer: &mut impl Writer) -> Result<(), Malformed> {
        let mut index = 0;
        for element in Elements::of(array) {
            let element = element?;
            if self.included.is_none() || element.is_container() {
                self.value(Place::Index(index), element, depth, writer)?;
                index += 1;
            }
        }
        Ok(())
    }
}
