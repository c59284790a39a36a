use std::fmt;

use super::failure::{Failure, MAX_FAILURES, Shown};

/// The position of a value in a document. It is formatted only if there is a failure.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    /// The document itself.
    Root,
    /// A field of a document.
    Field(&'p Place<'p>, &'p str),
    /// An element of an array.
    Element(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Field(parent, _) | Self::Element(parent, _) = self
            && !matches!(parent, Place::Root)
        {
            write!(f, "{parent}.")?;
        }
        match self {
            Self::Root => Ok(()),
            Self::Field(_, name) => Shown(name).fmt(f),
            Self::Element(_, index) => index.fmt(f),
        }
    }
}

/// What happens to failures.
pub(super) enum Report {
    /// They are listed.
    Listing(Vec<Failure>),
    /// They are discarded, because only the outcome matters, as for a branch of `anyOf`.
    Silent,
}

impl Report {
    pub(super) fn fail(&mut self, place: &Place<'_>, message: fmt::Arguments<'_>) {
        if let Self::Listing(failures) = self
            && failures.len() < MAX_FAILURES
        {
            failures.push(Failure { path: place.to_string(), message: message.to_string() });
        }
    }
}
