//! Formatting of examples for messages.

use bson::Document;

use super::draft::{Act, Custom, Draft};
use crate::json;
use crate::text::{OneLine, excerpt};
use crate::user::{CustomData, User, UserType};

/// The number of characters to which documents are truncated.
const MAX_SHOWN: usize = 160;

/// A document as JSON on one line.
pub(in crate::lint) fn document(document: &Document) -> String {
    let mut text = Vec::new();
    match json::write(document, &mut text) {
        Ok(()) => OneLine(excerpt(&String::from_utf8_lossy(&text), MAX_SHOWN)).to_string(),
        Err(_) => "…".to_owned(),
    }
}

/// A user as JSON, without properties that are empty.
fn user(user: &User) -> String {
    let mut whole = user.to_document();
    let empty = |key: &str| match whole.get(key) {
        Some(bson::Bson::Document(inner)) => inner.is_empty(),
        Some(bson::Bson::Array(elements)) => elements.is_empty(),
        Some(bson::Bson::String(kind)) => key == "type" && kind == "normal",
        _ => false,
    };
    let left_out: Vec<&str> = ["type", "data", "identities"].into_iter().filter(|key| empty(key)).collect();
    left_out.into_iter().for_each(|key| _ = whole.remove(key));
    document(&whole)
}

/// Describes who may do what, as decided by the guard.
pub(in crate::lint) fn example(draft: &Draft) -> String {
    let known = draft.whole_user();
    let plain = known.kind == UserType::Normal
        && known.data.is_empty()
        && known.identities.is_empty()
        && (known.custom_data == CustomData::Absent || draft.custom == Custom::Own);
    let who = match plain {
        true => format!("user `{}`", known.id),
        false => format!("user {}", user(&known)),
    };
    match draft.act {
        Act::Insert => format!("{who} may insert {}", document(&draft.new)),
        Act::Update => format!("{who} may turn {} into {}", document(&draft.stored), document(&draft.new)),
        Act::Delete => format!("{who} may delete {}", document(&draft.stored)),
        Act::Read => format!("{who} may read {}", document(&draft.stored)),
    }
}
