use portcullis::store::StoreError;
use portcullis::store::documents::{DocumentsError, Namespace};

use crate::embedded::database::Failure;

/// Who speaks in an error.
pub(super) const STORE: &str = "the embedded store";

/// Says that the file cannot be read or written.
pub(super) fn broken(action: &'static str) -> impl FnOnce(Failure) -> DocumentsError {
    move |error| DocumentsError::Store(StoreError::new(action, error))
}

/// Says what MongoDB would do, and this store does not.
pub(super) fn unsupported(what: impl Into<String>, help: Option<&'static str>) -> DocumentsError {
    DocumentsError::Unsupported { what: what.into(), store: STORE, help }
}

/// Says what MongoDB refuses too.
pub(super) fn refused(code: i32, message: impl Into<String>) -> DocumentsError {
    DocumentsError::Refused { code: Some(code), message: message.into() }
}

/// Refuses a namespace that MongoDB has not.
pub(super) fn check_namespace(namespace: &Namespace) -> Result<(), DocumentsError> {
    let (database, collection) = (namespace.database(), namespace.collection());
    let wrong = database.len() > 63
        || database.contains(['/', '\\', ' ', '"', '$', '\0'])
        || collection.len() > 190
        || collection.contains(['$', '\0'])
        || collection.starts_with('.')
        || collection.ends_with('.');
    if wrong {
        return Err(refused(73, "a namespace is the name of a database, a dot and the name of a collection"));
    }
    Ok(())
}
