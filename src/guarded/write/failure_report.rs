use crate::guarded::GuardedCollection;
use crate::guarded::error::{Denial, GuardedError, WriteKind};
use crate::store::documents::DocumentsError;

/// Where a request fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The operation that fails.
    pub(super) operation: WriteKind,
    pub(super) standing: Standing,
    /// The index of the write, from 0.
    pub(super) number: usize,
    /// The number of writes.
    pub(super) of: usize,
}

/// How far a request has been judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its documents are being searched for.
    Sought,
    /// Not all of its effects are known to be permitted.
    Unjudged,
    /// All of its effects are permitted.
    Permitted,
}

impl Standing {
    pub(super) const fn of(is_permitted: bool) -> Self {
        if is_permitted { Self::Permitted } else { Self::Unjudged }
    }
}

impl GuardedCollection<'_> {
    /// Determines what a client is told about a failed write. This is the only place where that is decided.
    ///
    /// The database's message depends on all stored data. Only users who may make the change learn that it failed, and
    /// only those who see the whole documents learn why; to all others it is a denial. A failure of an update that was
    /// not judged is also reported to users who see the whole documents, unless it reveals something about other
    /// documents.
    ///
    /// If anything is hidden, whether a write is permitted may depend on it. A request with several writes takes effect
    /// completely or not at all, so the report does not name the write that was denied or, if fields are hidden, the
    /// one that failed.
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
        // These errors do not depend on stored data.
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
        // An insert that fails for any reason other than its key would reveal that the key is free.
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
