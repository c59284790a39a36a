use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bson::{Bson, Document};

use crate::value::{ArrayRef, DocumentRef, Malformed, ValueRef, identical};

/// The effect of an update, by field paths, as in MongoDB's change events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateDescription {
    /// The fields that were added or changed, by path, with their new values.
    pub updated: Document,
    /// The paths of the fields that were removed.
    pub removed: Vec<String>,
}

/// The maximum depth of a path. Deeper changes are reported with the value that contains them.
const MAX_DEPTH: usize = 16;

/// The maximum total length of all paths in bytes, since long names may be repeated in many of them. Further changes
/// are reported by top-level field.
const MAX_PATH_BYTES: usize = 64 * 1024;

impl UpdateDescription {
    /// The difference between two documents. Changes within subdocuments that exist in both are reported by path, as are
    /// appended elements of an array and changes of some of its elements; other changes by whole values. The order of
    /// top-level fields is disregarded.
    ///
    /// # Errors
    /// If a document is not valid BSON.
    pub fn between(before: DocumentRef<'_>, after: DocumentRef<'_>) -> Result<Self, Malformed> {
        let mut difference = Difference::default();
        difference.add("", before, after, 1)?;
        Ok(Self { updated: difference.updated.into_iter().collect(), removed: difference.removed })
    }

    /// Whether there is no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.updated.is_empty() && self.removed.is_empty()
    }
}

#[derive(Default)]
struct Difference {
    updated: Vec<(String, Bson)>,
    removed: Vec<String>,
    path_bytes: usize,
}

impl Difference {
    /// Adds the differences between two documents at a path.
    fn add(
        &mut self,
        at: &str,
        old: DocumentRef<'_>,
        new: DocumentRef<'_>,
        depth: usize,
    ) -> Result<Described, Malformed> {
        let (was, is) = (Fields::of(old)?, Fields::of(new)?);
        for &(name, value) in &is.in_order {
            let is_described = match was.by_name.get(name) {
                Some(before) => identical(*before, value)? || self.descend(at, name, *before, value, depth)?,
                None => false,
            };
            if !is_described {
                let Some(path) = self.path(at, name) else { return Ok(Described::TooLong) };
                self.updated.push((path, value.to_bson()?));
            }
        }
        for &(name, _) in &was.in_order {
            if !is.by_name.contains_key(name) {
                let Some(path) = self.path(at, name) else { return Ok(Described::TooLong) };
                self.removed.push(path);
            }
        }
        Ok(Described::All)
    }

    /// Reports the difference between two values by their contents. Returns whether that is possible.
    fn descend(
        &mut self,
        at: &str,
        name: &str,
        old: ValueRef<'_>,
        new: ValueRef<'_>,
        depth: usize,
    ) -> Result<bool, Malformed> {
        if depth >= MAX_DEPTH || !is_step(name) {
            return Ok(false);
        }
        self.descend_at(|difference| difference.path(at, name), old, new, depth)
    }

    /// Reports the difference between two values, at a path, by their contents. Returns whether that is possible.
    fn descend_at(
        &mut self,
        path: impl FnOnce(&mut Self) -> Option<String>,
        old: ValueRef<'_>,
        new: ValueRef<'_>,
        depth: usize,
    ) -> Result<bool, Malformed> {
        let has_paths = match (old, new) {
            (ValueRef::Document(old), ValueRef::Document(new)) => names_are_steps(old)? && names_are_steps(new)?,
            (ValueRef::Array(_), ValueRef::Array(_)) => true,
            _ => false,
        };
        let Some(path) = has_paths.then(|| path(self)).flatten() else { return Ok(false) };
        let (updated, removed) = (self.updated.len(), self.removed.len());
        let told = match (old, new) {
            (ValueRef::Document(old), ValueRef::Document(new)) => self.add(&path, old, new, depth + 1)?,
            (ValueRef::Array(old), ValueRef::Array(new)) => self.add_elements(&path, old, new, depth + 1)?,
            _ => return Ok(false),
        };
        // If only the order of fields differs, paths cannot express the difference.
        let is_described = told == Described::All && (self.updated.len(), self.removed.len()) != (updated, removed);
        if !is_described {
            self.updated.truncate(updated);
            self.removed.truncate(removed);
        }
        Ok(is_described)
    }

    /// Adds the differences between two arrays at a path, where MongoDB reports those of common updates by element: if
    /// elements were appended to an array that is not empty, or if some were changed, but not all.
    fn add_elements(
        &mut self,
        at: &str,
        old: ArrayRef<'_>,
        new: ArrayRef<'_>,
        depth: usize,
    ) -> Result<Described, Malformed> {
        let was = old.iter().collect::<Result<Vec<_>, _>>()?;
        let is = new.iter().collect::<Result<Vec<_>, _>>()?;
        let mut changed = Vec::new();
        for (index, (old, new)) in was.iter().zip(&is).enumerate() {
            if !identical(*old, *new)? {
                changed.push((index, *old, *new));
            }
        }
        let has_more = is.len() > was.len();
        if was.is_empty() || is.len() < was.len() || (has_more && !changed.is_empty()) || changed.len() == was.len() {
            return Ok(Described::NotByElement);
        }
        for (index, old, new) in changed {
            let path = |difference: &mut Self| difference.path(at, &index.to_string());
            if depth < MAX_DEPTH && self.descend_at(path, old, new, depth)? {
                continue;
            }
            let Some(path) = self.path(at, &index.to_string()) else { return Ok(Described::TooLong) };
            self.updated.push((path, new.to_bson()?));
        }
        for (index, new) in is.iter().enumerate().skip(was.len()) {
            let Some(path) = self.path(at, &index.to_string()) else { return Ok(Described::TooLong) };
            self.updated.push((path, new.to_bson()?));
        }
        Ok(Described::All)
    }

    fn path(&mut self, at: &str, name: &str) -> Option<String> {
        if at.is_empty() {
            return Some(name.to_owned());
        }
        self.path_bytes = self.path_bytes.saturating_add(at.len()).saturating_add(name.len());
        (self.path_bytes <= MAX_PATH_BYTES).then(|| format!("{at}.{name}"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Described {
    All,
    TooLong,
    /// The array is described by its whole value.
    NotByElement,
}

/// The fields of a document. Of duplicate keys, the first counts.
struct Fields<'d> {
    in_order: Vec<(&'d str, ValueRef<'d>)>,
    by_name: HashMap<&'d str, ValueRef<'d>>,
}

impl<'d> Fields<'d> {
    fn of(document: DocumentRef<'d>) -> Result<Self, Malformed> {
        let (mut in_order, mut by_name) = (Vec::new(), HashMap::new());
        for field in document.iter() {
            let (name, value) = field?;
            if let Entry::Vacant(free) = by_name.entry(name) {
                free.insert(value);
                in_order.push((name, value));
            }
        }
        Ok(Self { in_order, by_name })
    }
}

fn names_are_steps(document: DocumentRef<'_>) -> Result<bool, Malformed> {
    for field in document.iter() {
        if !is_step(field?.0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a field name is unambiguous in a path.
fn is_step(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains('.') && !name.bytes().all(|byte| byte.is_ascii_digit())
}
