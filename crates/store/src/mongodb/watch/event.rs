use bson::raw::RawBsonRef;
use bson::{Document, RawDocument, doc};

use super::owners::Key;
use crate::mongodb::failure::Failure;
use crate::mongodb::naming::{prefixes, user_named_below};
use portcullis::path::FieldPath;
use portcullis::value::{DocumentRef, Malformed, ValueRef};

/// What an event of the change stream means for users.
pub(super) enum Event {
    /// A document was inserted or replaced, and names this user.
    Written(Key, Option<String>),
    /// A document was updated.
    Updated {
        key: Key,
        /// The user ID that the update wrote to the field; `None` if it did not write there.
        told: Option<Option<String>>,
        /// The user whom the document named at a lookup after the event; `None` if there was no document.
        seen: Option<Option<String>>,
    },
    /// A document was deleted.
    Deleted(Key),
    /// Announces events that follow, and means nothing by itself.
    Announced,
    /// The stream ends, since the collection was dropped, renamed or replaced.
    Invalidated,
    /// An event of an unknown type.
    Unknown,
}

/// The stages after `$changeStream`. Of whole documents, they only return the field that names the user.
pub(super) fn pipeline(field: &FieldPath) -> Vec<Document> {
    let prefixes: Vec<String> = prefixes(field).collect();
    // Without `$literal`, a name that starts with a dollar sign would be an expression.
    let prefixes = doc! { "$literal": prefixes };
    let user = format!("$fullDocument.{field}");
    let is_name = doc! { "$in": [{ "$type": &user }, ["string", "objectId"]] };
    let updated = doc! { "$objectToArray": "$updateDescription.updatedFields" };
    vec![doc! { "$project": {
        "operationType": 1,
        "key": "$documentKey._id",
        "user": { "$cond": [is_name, user, "$$REMOVE"] },
        "seen": { "$eq": [{ "$type": "$fullDocument" }, "object"] },
        "updated": { "$filter": { "input": updated, "cond": { "$in": ["$$this.k", &prefixes] } } },
        "removed": {
            "$filter": { "input": "$updateDescription.removedFields", "cond": { "$in": ["$$this", &prefixes] } },
        },
    } }]
}

/// Whether events of updates need a lookup of the document: if the path has several segments, the field names in an
/// event are ambiguous.
pub(super) fn needs_a_look(field: &FieldPath) -> bool {
    field.segments().len() > 1
}

/// Reads an event in the form that the pipeline produces.
pub(super) fn read(event: &RawDocument, field: &FieldPath) -> Result<Event, Failure> {
    let document = DocumentRef::Raw(event);
    let Some(ValueRef::String(operation)) = document.get("operationType")? else {
        return Err(Failure::new("an event of the change stream has no type"));
    };
    Ok(match operation {
        "insert" | "replace" => Event::Written(key(event)?, user(document.get("user")?)?),
        "update" => {
            let is_there = matches!(document.get("seen")?, Some(ValueRef::Boolean(true)));
            let seen = if is_there && needs_a_look(field) { Some(user(document.get("user")?)?) } else { None };
            Event::Updated { key: key(event)?, told: told(document, field)?, seen }
        }
        "delete" => Event::Deleted(key(event)?),
        "drop" | "rename" | "dropDatabase" => Event::Announced,
        "invalidate" => Event::Invalidated,
        _ => Event::Unknown,
    })
}

fn key(event: &RawDocument) -> Result<Key, Failure> {
    let id: Option<RawBsonRef<'_>> = event.get("key").map_err(Malformed::from)?;
    id.map(Key::new).ok_or_else(|| Failure::new("an event of the change stream names no document"))
}

fn user(value: Option<ValueRef<'_>>) -> Result<Option<String>, Malformed> {
    value.map_or(Ok(None), |value| user_named_below(value, std::iter::empty()))
}

/// The user ID that an update wrote to the field, directly or through a parent.
fn told(event: DocumentRef<'_>, field: &FieldPath) -> Result<Option<Option<String>>, Failure> {
    let prefixes: Vec<String> = prefixes(field).collect();
    let depth = |name: &str| prefixes.iter().position(|prefix| prefix == name).map(|at| at + 1);
    if let Some(ValueRef::Array(updated)) = event.get("updated")? {
        for update in updated.iter() {
            let ValueRef::Document(update) = update? else { continue };
            if let (Some(ValueRef::String(name)), Some(value)) = (update.get("k")?, update.get("v")?)
                && let Some(depth) = depth(name)
            {
                let below = field.segments().iter().skip(depth).map(portcullis::path::Segment::name);
                return Ok(Some(user_named_below(value, below)?));
            }
        }
    }
    if let Some(ValueRef::Array(removed)) = event.get("removed")?
        && !removed.is_empty()
    {
        return Ok(Some(None));
    }
    Ok(None)
}
