use std::fmt;
use std::path::PathBuf;

use bson::oid::ObjectId;
use bson::{Bson, Document};
use thiserror::Error;

use super::custom_data::{CustomDataConfig, CustomDataSource};
use crate::path::FieldPath;
use crate::text::Severity;

/// The size in bytes above which a custom-data document causes a warning, because it is part of every token: 16 KiB.
pub const LARGE_CUSTOM_DATA: usize = 16 * 1024;

/// The maximum size in bytes of a custom-data document: 1 MiB.
pub const MAX_CUSTOM_DATA: usize = 1024 * 1024;

/// The result of looking up custom data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The document as rules see it: an ObjectId in the top-level `_id` is a hex string.
    pub document: Option<Document>,
    /// The warnings, for the log.
    pub warnings: Vec<Warning>,
}

/// A warning, for the log, about a user who nevertheless can log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The document is larger than [`LARGE_CUSTOM_DATA`].
    CustomDataLarge {
        /// The size of its BSON in bytes.
        bytes: usize,
    },
    /// Several documents belong to the user.
    CustomDataSeveral {
        /// The number of documents.
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
        /// The size of its BSON in bytes.
        bytes: usize,
    },
    /// The document cannot be encoded as BSON, so its size is unknown.
    #[error("the user's custom-data document is not valid BSON: {0}")]
    Malformed(String),
}

impl Warning {
    /// The severity of the warning.
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

/// How a document refers to a user id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Text,
    ObjectId,
}

impl CustomDataSource {
    /// Whether the user id field of a document contains a possible user id.
    #[must_use]
    pub fn names_user(&self, document: &Document) -> bool {
        matches!(at(document, &self.user_id_field), Some(Bson::String(_) | Bson::ObjectId(_)))
    }
}

impl CustomDataConfig {
    /// Whether a document belongs to a user, so that [`select`](Self::select) would consider it.
    #[must_use]
    pub fn is_of(&self, user_id: &str, document: &Document) -> bool {
        let field = self.source().map(|source| &source.user_id_field);
        field.is_some_and(|field| matches(document, field, user_id, object_id(user_id)).is_some())
    }

    /// Selects the custom-data document of a user. `documents` are in natural order. The document's user id field must
    /// *equal* the id, as a string or, if there is no such document, as an ObjectId. If there are several, the one with
    /// the lowest `_id` is used if each `_id` is an ObjectId, otherwise the first. Arrays that contain the id do not
    /// count, since anyone could write one.
    ///
    /// # Errors
    /// If the document is too large or is not valid BSON.
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

/// The ObjectId that an id denotes in hexadecimal. Upper-case digits do not denote one, because they would make a
/// different id.
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

pub(super) fn at<'d>(document: &'d Document, field: &FieldPath) -> Option<&'d Bson> {
    let (first, rest) = field.segments().split_first()?;
    rest.iter().try_fold(document.get(first.name())?, |value, segment| value.as_document()?.get(segment.name()))
}

/// The document that was inserted first, as far as this can be told.
fn first<'d>(documents: &[&'d Document]) -> Option<&'d Document> {
    let ids: Option<Vec<_>> =
        documents.iter().map(|document| Some((document.get("_id")?.as_object_id()?, *document))).collect();
    match ids {
        Some(ids) => ids.into_iter().min_by_key(|(id, _)| *id).map(|(_, document)| document),
        None => documents.first().copied(),
    }
}

/// Replaces an ObjectId in the top-level `_id` with its hex string. Other types are unchanged.
pub(super) fn as_seen_by_rules(mut document: Document) -> Document {
    if let Some(id) = document.get_mut("_id")
        && let Some(object_id) = id.as_object_id()
    {
        *id = Bson::String(object_id.to_hex());
    }
    document
}
