//! The administrative commands that import and export documents, bypassing all rules.

pub(super) mod export;
pub(super) mod import;

use portcullis::store::documents::DocumentsError;

use super::trouble::Trouble;

fn failed(error: DocumentsError) -> Trouble {
    Trouble::Documents(error)
}
