use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Instant;

use bson::Bson;

use super::collection::GuardedCollection;
use super::error::{GuardedError, LimitExceeded};
use super::read_plan::ReadPlan;
use super::request::FindRequest;
use crate::access::Shown;
use crate::path::{FieldPath, Segment};
use crate::store::documents::Find;
use crate::value::{ArrayRef, DocumentRef, Malformed, ValueRef, sort_order};

impl GuardedCollection<'_> {
    /// The distinct values of a field over the documents that [`find`](Self::find) would return, in MongoDB's order of
    /// values. An array contributes its elements.
    ///
    /// # Errors
    /// Same as [`find`](Self::find). Also fails if the path is malformed.
    pub async fn distinct(&self, field: &str, request: &FindRequest) -> Result<Vec<Bson>, GuardedError> {
        self.admit_reading()?;
        let path =
            FieldPath::parse(field).map_err(|_| GuardedError::Malformed("`distinct` takes the path of a field"))?;
        let reading = ReadPlan::new(self.guard, request);
        let Some(filter) = reading.filter else { return Ok(Vec::new()) };
        let find = Find { sort: reading.order, ..Find::by(filter) };
        let cursor = self.store.find(&self.namespace, &find).await.map_err(|error| self.of_store(error))?;
        let mut stream = self.stream(cursor, reading.check);
        let (began, limits, mut bytes) = (Instant::now(), self.limits, 0_usize);
        let mut values: BTreeSet<Sorted> = BTreeSet::new();
        // Of equal values that differ in type, such as 1 and 1.0, the first is kept. If documents arrive in the order
        // of hidden ids, which "first" would reveal, the one with the lowest bytes is kept instead.
        let picks = self.guard.visibility().of("_id") != Shown::Always;
        loop {
            let batch = stream.batch(began).await?;
            if batch.is_empty() {
                return Ok(values.into_iter().map(|Sorted(value)| value).collect());
            }
            for document in &batch {
                let document = DocumentRef::Raw(document);
                each(document, path.segments(), &mut |value| {
                    // Fails on a malformed value. Without this check, comparisons inside the set could not report it.
                    sort_order(Some(value), Some(value))?;
                    // Values beyond the limit are not stored: a single document may contain very many.
                    if values.len() <= limits.held_documents {
                        let found = Sorted(value.to_bson()?);
                        match values.get(&found) {
                            None => {
                                bytes = bytes.saturating_add(size(value)?);
                                values.insert(found);
                            }
                            Some(held) if picks && written(&found.0)? < written(&held.0)? => {
                                values.replace(found);
                            }
                            Some(_) => {}
                        }
                    }
                    Ok(())
                })?;
                if values.len() > limits.held_documents || bytes > limits.held_bytes {
                    return Err(
                        LimitExceeded::Held { documents: limits.held_documents, bytes: limits.held_bytes }.into()
                    );
                }
            }
        }
    }
}

/// A value that is compared by MongoDB's order of values.
struct Sorted(Bson);

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> Ordering {
        sort_order(Some((&self.0).into()), Some((&other.0).into())).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Sorted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sorted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sorted {}

/// The encoded value, as a tie-breaker between equal values.
fn written(value: &Bson) -> Result<Vec<u8>, Malformed> {
    Ok(bson::serialize_to_vec(&bson::doc! { "": value })?)
}

/// An estimate of a value's size in bytes.
fn size(value: ValueRef<'_>) -> Result<usize, Malformed> {
    Ok(match value {
        ValueRef::String(text) => text.len(),
        ValueRef::Document(_) | ValueRef::Array(_) => {
            let document = bson::doc! { "": value.to_bson()? };
            bson::RawDocumentBuf::try_from(&document).map_or(0, |document| document.as_bytes().len())
        }
        _ => 16,
    })
}

/// Visits the values at a path, following MongoDB's rules for `distinct`.
fn each<'d>(
    document: DocumentRef<'d>,
    path: &[Segment],
    visit: &mut dyn FnMut(ValueRef<'d>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    match document.get(first.name())? {
        Some(value) => below(value, rest, visit),
        None => Ok(()),
    }
}

fn below<'d>(
    value: ValueRef<'d>,
    path: &[Segment],
    visit: &mut dyn FnMut(ValueRef<'d>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    match (value, path.split_first()) {
        (ValueRef::Array(array), None) => array.iter().try_for_each(|element| visit(element?)),
        (value, None) => visit(value),
        (ValueRef::Document(document), Some(_)) => each(document, path, visit),
        (ValueRef::Array(array), Some((first, rest))) => match first.index() {
            Some(index) => at(array, index, rest, visit),
            None => array.iter().try_for_each(|element| match element? {
                ValueRef::Document(document) => each(document, path, visit),
                _ => Ok(()),
            }),
        },
        _ => Ok(()),
    }
}

/// In `distinct`, a number in a path that has reached an array is always an index, never a field name.
fn at<'d>(
    array: ArrayRef<'d>,
    index: usize,
    rest: &[Segment],
    visit: &mut dyn FnMut(ValueRef<'d>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    match array.get(index)? {
        Some(element) => below(element, rest, visit),
        None => Ok(()),
    }
}
