use bson::{Bson, Document};

use super::FindError;
use crate::json::{Kind, Member, Node};
use crate::projection::{Projection, collision, flattened};
use crate::text::Span;
use crate::value::{MAX_DEPTH, ValueRef};

/// MongoDB's error code for a path that leads into that of an earlier field.
const PATH_INTO_FIELD: i32 = 31249;

/// MongoDB's error code for a path that leads to an earlier field, or to an object above one.
const PATH_COLLISION: i32 = 31250;

/// MongoDB's error codes for a projection that excludes a field after including others, and the reverse.
const EXCLUDES_TOO: i32 = 31254;
const INCLUDES_TOO: i32 = 31253;

/// MongoDB's error code for an empty object in a projection.
const EMPTY: i32 = 51270;

/// Compiles a client's projection, such as `{"a": 1}`, `{"a.b": 0}` or `{"a": {"b": 0}}`.
///
/// # Errors
/// If it is malformed, computes fields or selects array elements.
pub fn compile_projection(projection: &Document) -> Result<Projection, FindError> {
    let unsupported = |error: &dyn std::fmt::Display| FindError::unsupported(format!("this projection ({error})"));
    let members = flattened(&members(projection, 0)?).map_err(|error| unsupported(&error))?;
    let mut included: Option<bool> = None;
    for member in members.iter().filter(|member| member.key != "_id") {
        let include = matches!(member.value.kind, Kind::Boolean(true));
        if *included.get_or_insert(include) != include {
            let code = if include { INCLUDES_TOO } else { EXCLUDES_TOO };
            return Err(FindError::refused(code, "a projection includes fields or excludes them, not both"));
        }
    }
    if let Some((member, into)) = collision(&members) {
        let code = if into { PATH_INTO_FIELD } else { PATH_COLLISION };
        return Err(FindError::refused(code, format!("Path collision at {}", member.key)));
    }
    if members.iter().any(|member| member.key.starts_with("_id.")) && members.len() > 1 {
        return Err(FindError::unsupported("part of `_id` alongside other fields in a projection"));
    }
    let node = Node { span: Span::default(), kind: Kind::Object(members) };
    Projection::compile(&node).map_err(|errors| match errors.first() {
        Some(error) => unsupported(error),
        None => FindError::unsupported("this projection"),
    })
}

fn members(projection: &Document, depth: usize) -> Result<Vec<Member>, FindError> {
    if depth > MAX_DEPTH {
        return Err(FindError::refused(15, "a projection is nested too deeply"));
    }
    let member = |(name, value): (&String, &Bson)| {
        let kind = match value {
            Bson::Document(inner) if inner.is_empty() => {
                return Err(FindError::refused(EMPTY, "the value of a field cannot be an empty object"));
            }
            Bson::Document(inner) if !inner.keys().any(|key| key.starts_with('$')) => {
                Kind::Object(members(inner, depth + 1)?)
            }
            value => Kind::Boolean(is_included(name, value)?),
        };
        let value = Node { span: Span::default(), kind };
        Ok(Member { key: name.clone(), key_span: Span::default(), value })
    };
    projection.iter().map(member).collect()
}

fn is_included(name: &str, value: &Bson) -> Result<bool, FindError> {
    if name.split('.').any(|part| part.starts_with('$')) {
        return Err(FindError::unsupported(format!("`{name}` in a projection")));
    }
    match (value, ValueRef::from(value).number()) {
        (Bson::Boolean(value), _) => Ok(*value),
        (_, Some(number)) => Ok(number.integer() != Some(0)),
        _ => {
            let kind = ValueRef::from(value).kind().alias();
            Err(FindError::Unsupported {
                what: format!("a value of type {kind} for `{name}` in a projection"),
                help: Some("write 1, 0, true or false"),
            })
        }
    }
}
