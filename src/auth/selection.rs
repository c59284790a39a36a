use std::fmt;
use std::path::PathBuf;

use bson::oid::ObjectId;
use bson::{Bson, Document};
use thiserror::Error;

use super::custom_data::{CustomDataConfig, CustomDataSource};
use crate::path::FieldPath;
use crate::text::Severity;

/// A custom-data document larger than this, 16 KiB, causes a warning: it is part of every token.
pub const LARGE_CUSTOM_DATA: usize = 16 * 1024;

/// A custom-data document larger than this, 1 MiB, is rejected.
pub const MAX_CUSTOM_DATA: usize = 1024 * 1024;

/// The result of a custom-data lookup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The document as rules see it: an ObjectId in its top-level `_id` becomes a hex string.
    pub document: Option<Document>,
    /// Warnings to be logged.
    pub warnings: Vec<Warning>,
}

/// A warning to be logged about a user whose login succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The document is larger than [`LARGE_CUSTOM_DATA`].
    CustomDataLarge {
        /// Its size as BSON.
        bytes: usize,
    },
    /// Several documents belong to the user.
    CustomDataSeveral {
        /// How many.
        documents: usize,
    },
    /// The files that were searched contain no documents.
    CustomDataEmpty {
        /// The file or folder.
        path: PathBuf,
    },
}

/// Why a custom-data document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CustomDataError {
    /// The document is larger than [`MAX_CUSTOM_DATA`].
    #[error("the user's custom-data document has {bytes} bytes; at most {MAX_CUSTOM_DATA} are allowed")]
    TooLarge {
        /// Its size as BSON.
        bytes: usize,
    },
    /// The document cannot be written as BSON, so its size is not known.
    #[error("the user's custom-data document is not valid BSON: {0}")]
    Malformed(String),
}

impl Warning {
    /// The severity.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::CustomDataLarge { .. } => Severity::Warning,
            Self::CustomDataSeveral { .. } | Self::CustomDataEmpty { .. } => Severity::Note,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CustomDataLarge { bytes } => {
                write!(f, "the user's custom-data document has {bytes} bytes, more than {LARGE_CUSTOM_DATA}")
            }
            Self::CustomDataSeveral { documents } => {
                write!(f, "{documents} custom-data documents name the user; only one of them is used")
            }
            Self::CustomDataEmpty { path } => {
                write!(f, "`{}` is empty: no user has custom data", path.display())
            }
        }
    }
}

/// The user id that a document names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Text,
    ObjectId,
}

impl CustomDataSource {
    /// Whether a document names a user: whether its user ID field holds a value that can be a user id.
    #[must_use]
    pub fn names_user(&self, document: &Document) -> bool {
        matches!(at(document, &self.user_id_field), Some(Bson::String(_) | Bson::ObjectId(_)))
    }
}

impl CustomDataConfig {
    /// Whether a document belongs to a user: whether [`select`](Self::select) would consider it.
    #[must_use]
    pub fn is_of(&self, user_id: &str, document: &Document) -> bool {
        let field = self.source().map(|source| &source.user_id_field);
        field.is_some_and(|field| matches(document, field, user_id, object_id(user_id)).is_some())
    }

    /// Selects a user's document from `documents`, given in natural order: the one whose field *equals* the id, as a
    /// string or, failing that, as an ObjectId. Of several, the one with the lowest `_id` if every `_id` is an
    /// ObjectId, otherwise the first. An array that contains the id does not match: anyone could write one.
    ///
    /// # Errors
    /// If that document is too large.
    ///
    /// ```
    /// use bson::doc;
    /// # use portcullis::auth::CustomDataConfig;
    /// # let node = portcullis::json::parse(r#"{
    /// #     "enabled": true, "database_name": "hr", "collection_name": "users", "user_id_field": "owner"
    /// # }"#).unwrap();
    /// # let config = CustomDataConfig::compile(&node).unwrap();
    /// let documents = [doc! { "_id": 1, "owner": ["ada", "eve"] }, doc! { "_id": 2, "owner": "ada" }];
    /// assert_eq!(config.select("ada", &documents).unwrap().document, Some(doc! { "_id": 2, "owner": "ada" }));
    /// assert_eq!(config.select("eve", &documents).unwrap().document, None);
    /// ```
    pub fn select(&self, user_id: &str, documents: &[Document]) -> Result<Selection, CustomDataError> {
        let Some(source) = self.source() else { return Ok(Selection::default()) };
        let object_id = object_id(user_id);
        let (mut texts, mut object_ids) = (Vec::new(), Vec::new());
        for document in documents {
            match matches(document, &source.user_id_field, user_id, object_id) {
                Some(Match::Text) => texts.push(document),
                Some(Match::ObjectId) => object_ids.push(document),
                None => {}
            }
        }
        let found = texts.len() + object_ids.len();
        let Some(document) = first(if texts.is_empty() { &object_ids } else { &texts }) else {
            return Ok(Selection::default());
        };
        let mut warnings = Vec::new();
        if found > 1 {
            warnings.push(Warning::CustomDataSeveral { documents: found });
        }
        let bytes = document.to_vec().map_err(|error| CustomDataError::Malformed(error.to_string()))?.len();
        if bytes > MAX_CUSTOM_DATA {
            return Err(CustomDataError::TooLarge { bytes });
        }
        if bytes > LARGE_CUSTOM_DATA {
            warnings.push(Warning::CustomDataLarge { bytes });
        }
        Ok(Selection { document: Some(as_seen_by_rules(document.clone())), warnings })
    }
}

/// The ObjectId whose hex string an id is. The same digits in another case are a different id.
fn object_id(user_id: &str) -> Option<ObjectId> {
    ObjectId::parse_str(user_id).ok().filter(|id| id.to_hex() == user_id)
}

fn matches(document: &Document, field: &FieldPath, user_id: &str, object_id: Option<ObjectId>) -> Option<Match> {
    match at(document, field)? {
        Bson::String(text) if text == user_id => Some(Match::Text),
        Bson::ObjectId(id) if Some(*id) == object_id => Some(Match::ObjectId),
        _ => None,
    }
}

fn at<'d>(document: &'d Document, field: &FieldPath) -> Option<&'d Bson> {
    let (first, rest) = field.segments().split_first()?;
    rest.iter().try_fold(document.get(first.name())?, |value, segment| value.as_document()?.get(segment.name()))
}

/// The document that was inserted first, as far as that can be determined.
fn first<'d>(documents: &[&'d Document]) -> Option<&'d Document> {
    let ids: Option<Vec<_>> =
        documents.iter().map(|document| Some((document.get("_id")?.as_object_id()?, *document))).collect();
    match ids {
        Some(ids) => ids.into_iter().min_by_key(|(id, _)| *id).map(|(_, document)| document),
        None => documents.first().copied(),
    }
}

/// An ObjectId in the top-level `_id` reads as its hex string; any other value keeps its type.
pub(super) fn as_seen_by_rules(mut document: Document) -> Document {
    if let Some(id) = document.get_mut("_id")
        && let Some(object_id) = id.as_object_id()
    {
        *id = Bson::String(object_id.to_hex());
    }
    document
}
