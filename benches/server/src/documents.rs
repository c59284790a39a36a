//! The documents: 10,000, of which the user owns 100.

use bson::oid::ObjectId;
use bson::{Document, doc};

/// The number of documents.
pub(crate) const COUNT: u32 = 10_000;

/// The user owns one document out of this many.
const EVERY: u32 = 100;

/// The fields of a document other than its ID and owner.
fn content(number: u32) -> Document {
    doc! {
        "team": format!("team {}", number % 97),
        "status": if number.is_multiple_of(200) { "closed" } else { "open" },
        "pay": f64::from(number % 5000) + 0.5,
        "address": { "street": "Am Alten Hafen 118", "zip": "27568", "city": "Bremerhaven" },
        "note": "On call in the first week of the month; holds the certificate for the northern approach.",
    }
}

pub(crate) fn id(number: u32) -> ObjectId {
    let mut bytes = [0x65; 12];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn owner(number: u32, user: &str) -> String {
    if number.is_multiple_of(EVERY) { user.to_owned() } else { format!("user {}", number % EVERY) }
}

/// The numbers of the user's documents.
pub(crate) fn owned() -> impl Iterator<Item = u32> {
    (0..COUNT).step_by(EVERY as usize)
}

pub(crate) fn note(number: u32, user: &str) -> Document {
    let mut note = doc! { "_id": id(number), "owner": owner(number, user) };
    note.extend(content(number));
    note
}

/// The same document in the form in which parse-server stores it.
pub(crate) fn parse_note(number: u32, user: &str) -> Document {
    let now = bson::DateTime::now();
    let owner = format!("_User${}", owner(number, user));
    let mut note = doc! { "_id": parse_id(number), "_p_owner": owner, "_created_at": now, "_updated_at": now };
    note.extend(content(number));
    note
}

pub(crate) fn parse_id(number: u32) -> String {
    format!("note{number:06}")
}
