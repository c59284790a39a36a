use crate::guarded::GuardedCollection;
use crate::guarded::error::{Denial, GuardedError, WriteKind};
use crate::store::documents::DocumentsError;

/// Where in a request a failure occurred.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The kind of write that failed.
    pub(super) operation: WriteKind,
    pub(super) standing: Standing,
    /// The zero-based index of the write.
    pub(super) number: usize,
    /// The number of writes in the request.
    pub(super) of: usize,
}

/// How much of the request had been judged when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The documents that the write applies to are being looked up.
    Sought,
    /// Some of its effects are not known to be permitted.
    Unjudged,
    /// All of its effects are known to be permitted.
    Permitted,
}

impl Standing {
    pub(super) const fn of(is_permitted: bool) -> Self {
        if is_permitted { Self::Permitted } else { Self::Unjudged }
    }
}

impl GuardedCollection<'_> {
    /// The error that a client receives for a failed write. Nothing else decides this.
    ///
    /// The database's message may depend on any stored data. Users who may make the change learn that it failed, and
    /// why if they also see whole documents; for all others it is a denial. Users who see whole documents are also told
    /// why an update failed that had not been judged, unless that reveals something about other documents.
    ///
    /// If anything is hidden, whether a write is permitted may depend on it. Since several writes of one request take
    /// effect together or not at all, the report does not say which write was denied or, if fields are hidden, which
    /// one failed.
    pub(super) fn disclosed(&self, error: GuardedError, at: At) -> GuardedError {
        let is_whole = self.guard.visibility().is_whole();
        let error = match error {
            GuardedError::Store(failure) => match of_database(failure, at, is_whole) {
                GuardedError::Store(failure) => GuardedError::of_store(failure, self.guard.hides_nothing()),
                error => error,
            },
            error => error,
        };
        let tells_which = at.of <= 1 || self.guard.hides_nothing();
        let is_denied = matches!(error, GuardedError::Denied { .. });
        if tells_which || (is_whole && !is_denied) { error } else { of_several(error, at) }
    }
}

fn of_database(failure: DocumentsError, at: At, is_whole: bool) -> GuardedError {
    let is_disclosed = match (&failure, at.standing) {
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
        // Except for duplicate keys, an insert fails only after its key was found to be free, which a different error
        // would reveal.
        _ => is_whole && at.operation != WriteKind::Insert,
    };
    if is_disclosed { GuardedError::Store(failure) } else { Denial::unjudged(failure.to_string()).denies(at.operation) }
}

fn of_several(error: GuardedError, at: At) -> GuardedError {
    let is_first = at.number == 0;
    let of_one = match error {
        GuardedError::Store(DocumentsError::Conflict(_) | DocumentsError::OutcomeUnknown(_)) => return error,
        // Nothing was judged before this failure.
        GuardedError::Store(_) | GuardedError::Disclosed(_) | GuardedError::LimitExceeded(_) if is_first => {
            return error;
        }
        GuardedError::Denied { reason, .. } => *reason,
        error => Denial::unjudged(error.private().unwrap_or_else(|| error.to_string())),
    };
    let reason = Denial { write: Some((at.number, at.operation)), ..of_one };
    GuardedError::Denied { operation: None, reason: Box::new(reason) }
}
