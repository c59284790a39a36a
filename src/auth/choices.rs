use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, Document};

use super::custom_data::CustomDataSource;
use super::selection::at;

/// Determines for all users at once which documents count, without keeping the documents: for each user the one that
/// [`CustomDataConfig::select`](super::CustomDataConfig::select) selects.
#[derive(Clone, Debug)]
pub struct Choices<'s> {
    source: &'s CustomDataSource,
    users: HashMap<String, Choice>,
    documents: usize,
}

/// The documents of a user, by their numbers in natural order.
#[derive(Clone, Debug)]
struct Choice {
    /// Whether they have the id as a string; those that have it as an ObjectId then do not count.
    is_text: bool,
    first: usize,
    /// The one with the lowest `_id`; `None` if any `_id` is not an ObjectId.
    lowest: Option<(ObjectId, usize)>,
    is_several: bool,
}

impl<'s> Choices<'s> {
    /// Starts with no documents.
    #[must_use]
    pub fn new(source: &'s CustomDataSource) -> Self {
        Self { source, users: HashMap::new(), documents: 0 }
    }

    /// Takes the next document in natural order.
    pub fn add(&mut self, document: &Document) {
        let number = self.documents;
        self.documents = self.documents.saturating_add(1);
        let Some((user, is_text)) = named(self.source, document) else { return };
        let lowest = document.get("_id").and_then(Bson::as_object_id).map(|id| (id, number));
        let this = Choice { is_text, first: number, lowest, is_several: false };
        let Some(choice) = self.users.get_mut(&user) else {
            self.users.insert(user, this);
            return;
        };
        choice.is_several = true;
        match (choice.is_text, is_text) {
            (false, true) => *choice = Choice { is_several: true, ..this },
            (true, false) => {}
            _ => choice.lowest = choice.lowest.zip(lowest).map(|(one, other)| one.min(other)),
        }
    }

    /// The number of documents taken.
    #[must_use]
    pub const fn documents(&self) -> usize {
        self.documents
    }

    /// Whether any document names a user.
    #[must_use]
    pub fn names_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Whether the document that was taken as this number counts for the user whom it names.
    #[must_use]
    pub fn counts(&self, number: usize, document: &Document) -> bool {
        let choice = named(self.source, document).and_then(|(user, _)| self.users.get(&user));
        choice.is_some_and(|choice| choice.lowest.map_or(choice.first, |(_, lowest)| lowest) == number)
    }

    /// The ids of the users whom several documents name, sorted.
    #[must_use]
    pub fn several(&self) -> Vec<&str> {
        let several = self.users.iter().filter(|(_, choice)| choice.is_several);
        let mut ids: Vec<&str> = several.map(|(user, _)| user.as_str()).collect();
        ids.sort_unstable();
        ids
    }
}

/// The id of the user whom a document names, and whether it is a string.
fn named(source: &CustomDataSource, document: &Document) -> Option<(String, bool)> {
    match at(document, &source.user_id_field)? {
        Bson::String(id) => Some((id.clone(), true)),
        Bson::ObjectId(id) => Some((id.to_hex(), false)),
        _ => None,
    }
}
