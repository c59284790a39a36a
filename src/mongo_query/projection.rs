use bson::{Bson, Document};

use super::FindError;
use crate::json::{Kind, Member, Node};
use crate::projection::Projection;
use crate::text::Span;
use crate::value::ValueRef;

/// MongoDB's error code for paths of which one is a prefix of another.
const PATH_COLLISION: i32 = 31249;

/// MongoDB's error code for a projection that both includes and excludes fields.
const MIXED_PROJECTION: i32 = 31254;

/// Compiles a client's projection, such as `{"a": 1}` or `{"a.b": 0}`.
///
/// # Errors
/// If it is malformed, computes fields or selects array elements.
pub fn compile_projection(projection: &Document) -> Result<Projection, FindError> {
    let mut included: Option<bool> = None;
    let mut members = Vec::with_capacity(projection.len());
    for (name, value) in projection {
        let include = is_included(name, value)?;
        if name != "_id" && *included.get_or_insert(include) != include {
            return Err(FindError::refused(
                MIXED_PROJECTION,
                "a projection includes fields or excludes them, not both",
            ));
        }
        let node = Node { span: Span::default(), kind: Kind::Boolean(include) };
        members.push(Member { key: name.clone(), key_span: Span::default(), value: node });
    }
    apart(projection)?;
    // Beside other fields, `_id` can be included or excluded only as a whole.
    if projection.keys().any(|name| name.starts_with("_id.")) && projection.len() > 1 {
        return Err(FindError::unsupported("part of `_id` alongside other fields in a projection"));
    }
    let node = Node { span: Span::default(), kind: Kind::Object(members) };
    Projection::compile(&node).map_err(|errors| {
        let error = errors.first().map(ToString::to_string).unwrap_or_default();
        FindError::unsupported(format!("this projection ({error})"))
    })
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

/// Rejects a projection with two paths of which one is a prefix of the other.
fn apart(projection: &Document) -> Result<(), FindError> {
    let mut names: Vec<Vec<&str>> = projection.keys().map(|name| name.split('.').collect()).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        if let [above, below] = pair
            && below.starts_with(above)
        {
            let message = format!("the paths `{}` and `{}` of a projection collide", above.join("."), below.join("."));
            return Err(FindError::refused(PATH_COLLISION, message));
        }
    }
    Ok(())
}
