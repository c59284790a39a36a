use crate::aggregation::ExpressionError;
use crate::find::FindError;
use crate::store::StoreError;
use crate::store::documents::{DocumentsError, Namespace};
use crate::store::embedded::database::Failure;
use crate::update::{UpdateError, UpdateErrorKind};
use crate::value::Malformed;

/// Who speaks in an error.
pub(super) const STORE: &str = "the embedded store";

/// What would make a request less, of which one document takes more steps than it may.
const STEPS: &str =
    "one document would take more than 20000000 steps: write fewer conditions about arrays, or shorter lists";

fn too_many_steps() -> DocumentsError {
    unsupported("so much work on one document", Some(STEPS))
}

impl From<FindError> for DocumentsError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Malformed(error) => error.into(),
            FindError::Unsupported { what, help } => Self::Unsupported { what, store: STORE, help },
            error => Self::Refused { code: error.code(), message: error.to_string() },
        }
    }
}

impl From<ExpressionError> for DocumentsError {
    fn from(error: ExpressionError) -> Self {
        FindError::from(error).into()
    }
}

impl From<UpdateError> for DocumentsError {
    fn from(error: UpdateError) -> Self {
        if matches!(error.kind(), UpdateErrorKind::Malformed(error) if error.is_steps()) {
            return too_many_steps();
        }
        if error.is_unsupported() {
            return Self::Unsupported { what: format!("this update ({error})"), store: STORE, help: None };
        }
        Self::Refused { code: error.kind().code(), message: error.to_string() }
    }
}

impl From<Vec<UpdateError>> for DocumentsError {
    fn from(errors: Vec<UpdateError>) -> Self {
        let message = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match errors.into_iter().next() {
            Some(error) if !error.is_unsupported() => Self::Refused { code: error.kind().code(), message },
            _ => Self::Unsupported { what: format!("this update ({message})"), store: STORE, help: None },
        }
    }
}

impl From<Malformed> for DocumentsError {
    fn from(error: Malformed) -> Self {
        if error.is_steps() {
            return too_many_steps();
        }
        Self::Refused { code: None, message: error.to_string() }
    }
}

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
