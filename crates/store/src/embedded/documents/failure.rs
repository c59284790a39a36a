use portcullis::store::documents::{DocumentsError, Namespace};

use crate::embedded::database::{Failure, failed};

/// The name of this store in error messages.
pub(super) const STORE: &str = "the embedded store";

/// The error for a file that cannot be read or written.
pub(super) fn broken(action: &'static str) -> impl FnOnce(Failure) -> DocumentsError {
    move |error| DocumentsError::Store(failed(action, error))
}

/// The error for something that MongoDB supports but this store does not.
pub(super) fn unsupported(what: impl Into<String>, help: Option<&'static str>) -> DocumentsError {
    DocumentsError::Unsupported { what: what.into(), store: STORE, help }
}

/// The error for something that MongoDB refuses as well.
pub(super) fn refused(code: i32, message: impl Into<String>) -> DocumentsError {
    DocumentsError::Refused { code: Some(code), message: message.into() }
}

/// Refuses names of databases and collections that MongoDB does not allow.
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
