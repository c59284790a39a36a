use bson::{Bson, Document};
use thiserror::Error;

use crate::json::{self, Node};
use crate::path::{FieldPath, PathError, Segment};
use crate::text::{Located, Span};
use crate::value::ValueRef;

/// Which fields of a document are left: MongoDB's `{a: 1}` or `{a: 0}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    included: Vec<FieldPath>,
    excluded: Vec<FieldPath>,
    /// What is said about `_id`, which may stand beside either.
    id: Option<bool>,
    span: Span,
}

/// Why a value is no projection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProjectionError {
    /// `{"a": {"$slice": 1}}`
    #[error("a projection says `true`, `false`, 1 or 0 about a field, not {0}")]
    Value(&'static str),
    /// `{"a..b": 1}`
    #[error("{0}")]
    Path(PathError),
    /// `"projection": 1`
    #[error("a projection is an object, not {0}")]
    NotObject(&'static str),
}

impl Projection {
    /// Reads a projection.
    ///
    /// # Errors
    /// Everything that is wrong with it.
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
                (Ok(path), Some(true)) => projection.included.push(path),
                (Ok(path), Some(false)) => projection.excluded.push(path),
            }
        }
        if errors.is_empty() { Ok(projection) } else { Err(errors) }
    }

    /// A field that is included, other than `_id`.
    #[must_use]
    pub fn inclusion(&self) -> Option<&FieldPath> {
        self.included.first()
    }

    /// A field that is excluded, other than `_id`.
    #[must_use]
    pub fn exclusion(&self) -> Option<&FieldPath> {
        self.excluded.first()
    }

    /// Whether it names no field, and so leaves every document as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.included.is_empty() && self.excluded.is_empty() && self.id.is_none()
    }

    /// Where it stands.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// What is left of a document. `{"_id": 1}` alone includes only `_id`.
    #[must_use]
    pub fn apply(&self, mut document: Document) -> Document {
        let includes = !self.included.is_empty() || (self.id == Some(true) && self.excluded.is_empty());
        if includes {
            let paths: Vec<&[Segment]> = self.included.iter().map(FieldPath::segments).collect();
            let id = document.get("_id").cloned();
            let mut kept = include(document, &paths);
            // `_id` keeps its place at the front unless only a part of it was included, like of any other field.
            let partly = self.included.iter().any(|path| path.first() == Some("_id"));
            if let (Some(id), false, false) = (id, partly, kept.contains_key("_id")) {
                let mut with_id = Document::new();
                with_id.insert("_id", id);
                with_id.extend(kept);
                kept = with_id;
            }
            document = kept;
        }
        for path in &self.excluded {
            exclude(&mut document, path.segments());
        }
        if self.id == Some(false) {
            document.remove("_id");
        }
        document
    }
}

fn include(document: Document, paths: &[&[Segment]]) -> Document {
    document
        .into_iter()
        .filter_map(|(key, value)| {
            let below: Vec<&[Segment]> = paths
                .iter()
                .filter_map(|path| path.split_first())
                .filter(|(segment, _)| segment.name() == key)
                .map(|(_, rest)| rest)
                .collect();
            match (below.is_empty(), below.iter().any(|rest| rest.is_empty())) {
                (true, _) => None,
                (false, true) => Some((key, value)),
                (false, false) => include_value(value, &below).map(|value| (key, value)),
            }
        })
        .collect()
}

fn include_value(value: Bson, paths: &[&[Segment]]) -> Option<Bson> {
    match value {
        Bson::Document(document) => Some(include(document, paths).into()),
        Bson::Array(elements) => {
            Some(elements.into_iter().filter_map(|element| include_value(element, paths)).collect::<Vec<_>>().into())
        }
        _ => None,
    }
}

fn exclude(document: &mut Document, path: &[Segment]) {
    match path.split_first() {
        None => {}
        Some((last, [])) => {
            document.remove(last.name());
        }
        Some((segment, rest)) => {
            if let Some(value) = document.get_mut(segment.name()) {
                exclude_value(value, rest);
            }
        }
    }
}

fn exclude_value(value: &mut Bson, path: &[Segment]) {
    match value {
        Bson::Document(document) => exclude(document, path),
        Bson::Array(elements) => elements.iter_mut().for_each(|element| exclude_value(element, path)),
        _ => {}
    }
}
