use super::residual::Place;
use super::{Context, DocumentPair, Errors};
use crate::path::{Resolved, Segment, resolve};
use crate::predicate::DocumentRoot;
use crate::value::{Field, Malformed, Slot, Steps, ValueRef};

/// The documents and fields that a condition looks at; one that is absent is Missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Documents<'d> {
    /// `%%root`
    pub root: Option<ValueRef<'d>>,
    /// `%%prevRoot`
    pub prev_root: Option<ValueRef<'d>>,
    /// `%%this`
    pub this: Option<ValueRef<'d>>,
    /// `%%prev`
    pub prev: Option<ValueRef<'d>>,
}

impl<'d> Documents<'d> {
    pub(super) fn get(&self, root: DocumentRoot) -> Option<ValueRef<'d>> {
        match root {
            DocumentRoot::Root => self.root,
            DocumentRoot::PrevRoot => self.prev_root,
            DocumentRoot::This => self.this,
            DocumentRoot::Prev => self.prev,
        }
    }
}

/// Evaluates residuals on documents.
#[derive(Clone, Copy)]
pub struct Evaluation<'e> {
    pub(super) documents: Documents<'e>,
    pub(super) context: &'e Context,
    pub(super) errors: &'e Errors,
    pub(super) seen: Option<&'e DocumentPair<'e>>,
}

impl<'e> Evaluation<'e> {
    /// Of these documents; failures are added to `errors`, and all that is evaluated with the same `errors` may take
    /// [`MAX_STEPS`](crate::value::MAX_STEPS) together.
    #[must_use]
    pub fn new(documents: Documents<'e>, context: &'e Context, errors: &'e Errors) -> Self {
        errors.steps().other_documents();
        Self { documents, context, errors, seen: None }
    }

    /// Of documents that are looked at often. What is asked must have been bound by the [`Binder`](super::Binder) that
    /// numbered the fields of their lookups.
    pub(crate) fn of(seen: &'e DocumentPair<'e>, context: &'e Context, errors: &'e Errors) -> Self {
        errors.steps().other_documents();
        Self { documents: Documents::default(), context, errors, seen: Some(seen) }
    }

    /// The same with these fields as `%%this` and `%%prev`.
    #[must_use]
    pub(crate) fn at(self, this: Option<ValueRef<'e>>, prev: Option<ValueRef<'e>>) -> Self {
        Self { documents: Documents { this, prev, ..self.documents }, ..self }
    }

    /// What the work on these documents may still take.
    #[inline]
    pub(super) const fn steps(&self) -> &Steps {
        self.errors.steps()
    }

    /// Where to walk from to a place, and the path that is left to walk.
    pub(super) fn start<'p>(&self, place: &'p Place) -> Result<(Option<ValueRef<'e>>, &'p [Segment]), Malformed> {
        let path = place.path.segments();
        match (self.seen.and_then(|seen| seen.lookup(place.root)), path.split_first()) {
            (Some(lookup), Some((segment, rest))) => {
                let field = match place.slot {
                    Slot::NONE => self.steps().field(lookup.document(), segment.name())?,
                    slot => lookup.field(slot, segment.name())?,
                };
                Ok((field.map(Field::value).transpose()?, rest))
            }
            _ => Ok((self.document(place.root), path)),
        }
    }

    fn document(&self, root: DocumentRoot) -> Option<ValueRef<'e>> {
        match self.seen.and_then(|seen| seen.lookup(root)) {
            Some(lookup) => Some(lookup.document().into()),
            None => self.documents.get(root),
        }
    }

    pub(super) fn resolve(&self, place: &Place) -> Result<Resolved<'e>, Malformed> {
        let (start, path) = self.start(place)?;
        resolve(start, path, self.steps())
    }
}
