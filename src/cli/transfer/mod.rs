//! The commands that bring documents into a store and out of it, past all rules: for whoever administers it.

pub(super) mod export;
pub(super) mod import;

use portcullis::store::documents::{DocumentsError, Namespace};

use super::trouble::Trouble;

fn namespace(text: &str) -> Result<Namespace, Trouble> {
    Namespace::parse(text).ok_or_else(|| Trouble::usage(format!("`{text}` is not of the form database.collection")))
}

fn failed(error: DocumentsError) -> Trouble {
    Trouble::Documents(error)
}
