use crate::guarded::GuardedCollection;
use crate::guarded::error::{Denial, GuardedError, WriteKind};
use crate::store::documents::DocumentsError;

/// Where a request fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// Of the write that fails.
    pub(super) operation: WriteKind,
    pub(super) standing: Standing,
    /// Which write it is, from 0.
    pub(super) number: usize,
    /// Of how many.
    pub(super) of: usize,
}

/// How far a request has been judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its documents are being looked for.
    Sought,
    /// Not all that it does is known to be permitted.
    Unjudged,
    /// The user may do all that it does.
    Permitted,
}

impl Standing {
    pub(super) const fn of(is_permitted: bool) -> Self {
        if is_permitted { Self::Permitted } else { Self::Unjudged }
    }
}

impl GuardedCollection<'_> {
    /// What a client is told of a request to write that fails: the one place where that is decided.
    ///
    /// What the database says depends on all that is stored. So it is told to those only who may make the change, and its
    /// cause to those only who see all of the documents; to others, it is a denial. The failure of an update that was not
    /// judged is told to who sees all of the documents, too, unless it tells of other documents than those that he sees.
    ///
    /// Where something is hidden, whether a write is permitted can depend on it. So of several writes, none of which happens
    /// if one fails, it is not told which is denied; nor, where fields are hidden, which fails in another way.
    pub(super) fn told(&self, error: GuardedError, at: At) -> GuardedError {
        let is_whole = self.guard.visibility().is_whole();
        let error = match error {
            GuardedError::Store(failure) => of_database(failure, at, is_whole),
            error => error,
        };
        let tells_which = at.of <= 1 || self.guard.hides_nothing();
        let is_denied = matches!(error, GuardedError::Denied { .. });
        if tells_which || (is_whole && !is_denied) { error } else { of_several(error, at) }
    }
}

fn of_database(failure: DocumentsError, at: At, is_whole: bool) -> GuardedError {
    let is_told = match (&failure, at.standing) {
        // It does not depend on what is stored.
        (
            DocumentsError::Store(_)
            | DocumentsError::Conflict(_)
            | DocumentsError::OutcomeUnknown(_)
            | DocumentsError::NoTransactions,
            _,
        )
        | (DocumentsError::Unsupported { .. }, Standing::Sought) => true,
        (_, Standing::Permitted) if is_whole => true,
        (_, Standing::Permitted) => return GuardedError::Undisclosed(failure),
        (DocumentsError::DuplicateKey, _) => false,
        // That an insert fails otherwise than by its key would tell that the key is free.
        _ => is_whole && at.operation != WriteKind::Insert,
    };
    if is_told { GuardedError::Store(failure) } else { Denial::unjudged(failure.to_string()).denies(at.operation) }
}

fn of_several(error: GuardedError, at: At) -> GuardedError {
    let is_first = at.number == 0;
    let of_one = match error {
        GuardedError::Store(DocumentsError::Conflict(_) | DocumentsError::OutcomeUnknown(_)) => return error,
        // Nothing has been judged before it.
        GuardedError::Store(_) | GuardedError::LimitExceeded(_) if is_first => return error,
        GuardedError::Denied { reason, .. } => *reason,
        error => Denial::unjudged(error.private().unwrap_or_else(|| error.to_string())),
    };
    let reason = Denial { write: Some((at.number, at.operation)), ..of_one };
    GuardedError::Denied { operation: None, reason: Box::new(reason) }
}
