//! The commands that bring documents into a store and out of it, past all rules: for whoever administers it.

pub(super) mod export;
pub(super) mod import;

use portcullis::store::documents::DocumentsError;

use super::trouble::Trouble;

fn failed(error: DocumentsError) -> Trouble {
    Trouble::Documents(error)
}
