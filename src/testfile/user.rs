use bson::Document;

use super::format::{FormatError, FormatErrorKind, format_error};
use crate::json::{self, Node};
use crate::user::{CustomData, User, UserError};

/// Parses a user object in a test file. Other than elsewhere, a user has no custom data if `custom_data` is absent,
/// `custom_data_loaded: false` declares that it was not looked up, and the system user is allowed.
///
/// # Errors
/// See [`UserError`].
pub fn user(document: Document) -> Result<User, UserError> {
    User::read(document, CustomData::Absent)
}

pub(super) fn read_user(node: &Node, errors: &mut Vec<FormatError>) -> Option<User> {
    let document = json::to_document(node)
        .map_err(|error| errors.push(error.map(|kind| FormatErrorKind(kind.to_string()))))
        .ok()?;
    user(document).map_err(|error| errors.push(format_error(error.to_string(), node))).ok()
}
