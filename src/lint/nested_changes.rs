//! Changes within a value of the custom data, for users who may write only some of its fields.

use bson::{Bson, Document};

use super::changes::{Change, MAX_CHANGES, fields, gains, values};
use super::custom_data_effect::Belief;
use super::element_match::example_of;
use super::shape::rights;
use super::witness::{Search, another, get, set};
use crate::path::FieldPath;
use crate::predicate::Right;

/// The maximum number of fields to try, and of values for each.
const MAX_FIELDS: usize = 6;
const MAX_VALUES: usize = 6;

/// The changes of single fields within the value at a path from which a user gains according to some belief.
pub(super) fn nested_changes(
    search: &Search,
    id_field: &FieldPath,
    path: &FieldPath,
    beliefs: &[&Belief<'_>],
) -> Vec<Change> {
    if path.is_root() {
        return Vec::new();
    }
    let mut inner: Vec<FieldPath> = Vec::new();
    for field in search.policy.roles.iter().flat_map(|role| fields(role, None)) {
        let below = field.segments().strip_prefix(path.segments()).filter(|rest| !rest.is_empty());
        let Some(rest) = below.map(FieldPath::from_segments) else { continue };
        if inner.len() < MAX_FIELDS && !inner.contains(&rest) {
            inner.push(rest);
        }
    }
    let mut changes = Vec::new();
    for field in &inner {
        let written: Vec<_> = path.segments().iter().chain(field.segments()).cloned().collect();
        let written = FieldPath::from_segments(&written);
        let own = values(search, &written, &[]);
        for whole in wholes(field, beliefs) {
            let Some(value) = within(&whole, field) else { continue };
            let others = own.iter().take(MAX_VALUES).cloned().chain([Some(another(&value)), None]);
            for other in others.filter(|other| other.as_ref() != Some(&value)) {
                let Some(variant) = with(&whole, field, other) else { continue };
                let (whole, variant) = (Some(whole.clone()), Some(variant));
                for (before, after) in [(&variant, &whole), (&whole, &variant)] {
                    if changes.len() < MAX_CHANGES && gains(id_field, path, beliefs, (before, after)) {
                        let (before, after, written) = (before.clone(), after.clone(), Some(written.clone()));
                        changes.push(Change { before, after, written, makes: false, ends: false });
                    }
                }
            }
        }
    }
    changes
}

/// Values with this field from which users probably gain: documents, and arrays of one.
fn wholes(field: &FieldPath, beliefs: &[&Belief<'_>]) -> Vec<Bson> {
    let mut found: Vec<Bson> = Vec::new();
    let mut add = |value: Bson| {
        let value = match within(&value, field) {
            Some(_) => Some(value),
            None => with(&value, field, Some("mine".into())),
        };
        found.extend(value.filter(|value| !found.contains(value)));
    };
    for belief in beliefs {
        example_of(belief.test).into_iter().for_each(&mut add);
        for right in rights(belief.test) {
            if let Right::Literal(value @ (Bson::Document(_) | Bson::Array(_))) = right {
                add(value.clone());
            }
        }
    }
    add(Document::new().into());
    add(vec![Bson::from(Document::new())].into());
    found
}

/// The value at a path in a document, or in the first element of an array.
fn within(whole: &Bson, field: &FieldPath) -> Option<Bson> {
    let document = match whole {
        Bson::Array(elements) => elements.first()?.as_document()?,
        whole => whole.as_document()?,
    };
    get(document, field.segments()).cloned()
}

fn with(whole: &Bson, field: &FieldPath, value: Option<Bson>) -> Option<Bson> {
    let mut whole = whole.clone();
    let document = match &mut whole {
        Bson::Array(elements) => elements.first_mut()?.as_document_mut()?,
        whole => whole.as_document_mut()?,
    };
    set(document, field.segments(), value).then_some(whole)
}
