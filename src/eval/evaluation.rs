use super::bound_operand::Place;
use super::{Context, DocumentPair, Errors};
use crate::path::{Resolved, Segment, resolve};
use crate::predicate::DocumentRoot;
use crate::value::{Field, Malformed, Slot, Steps, ValueRef};

/// The documents and values that a condition can refer to; `None` is Missing.
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
    /// Creates an evaluation on these documents. Errors are added to `errors`, whose step budget of
    /// [`MAX_STEPS`](crate::value::MAX_STEPS) is shared by all evaluations that use it.
    #[must_use]
    pub fn new(documents: Documents<'e>, context: &'e Context, errors: &'e Errors) -> Self {
        errors.steps().other_documents();
        Self { documents, context, errors, seen: None }
    }

    /// Creates an evaluation on documents that are subject to many tests. The residuals must come from the
    /// [`Binder`](super::Binder) that numbered the fields of these documents.
    pub(crate) fn of(seen: &'e DocumentPair<'e>, context: &'e Context, errors: &'e Errors) -> Self {
        errors.steps().other_documents();
        Self { documents: Documents::default(), context, errors, seen: Some(seen) }
    }

    /// The same evaluation with other values of `%%this` and `%%prev`.
    #[must_use]
    pub(crate) fn at(self, this: Option<ValueRef<'e>>, prev: Option<ValueRef<'e>>) -> Self {
        Self { documents: Documents { this, prev, ..self.documents }, ..self }
    }

    /// The remaining step budget for these documents.
    #[inline]
    pub(super) const fn steps(&self) -> &Steps {
        self.errors.steps()
    }

    /// The value at which to start following a path, and the path from there.
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
