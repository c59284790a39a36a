//! The user on whose behalf a request is made: what `%%user` expands to.

use bson::{Bson, Document};
use thiserror::Error;

/// The user object of App Services, `%%user`.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// `%%user.id`: our stable id of the user.
    pub id: String,
    /// `%%user.type`
    pub kind: UserType,
    /// `%%user.data`: the union of what the identities say.
    pub data: Document,
    /// `%%user.custom_data`
    pub custom_data: CustomData,
    /// `%%user.identities`: documents with `id`, `provider_type` and `data`, and whatever else a provider says.
    pub identities: Vec<Bson>,
}

/// Who or what the user is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserType {
    /// A person.
    #[default]
    Normal,
    /// An API key.
    Server,
    /// The application itself: rules do not apply to it. No claim and no token can make one.
    System,
}

/// The custom-data document of a user.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CustomData {
    /// There is none: its fields are Missing.
    #[default]
    Absent,
    /// The document; an empty one counts as Missing too.
    Loaded(Document),
    /// It was not fetched: what it says is Unknown.
    NotLoaded,
}

/// Why a document is no user object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UserError {
    /// The `id` is missing, empty or no string.
    #[error("a user needs an `id`, a string that is not empty")]
    Id,
    /// The `type` is none of the known ones.
    #[error("the user's `type` must be \"normal\", \"server\" or \"system\", not {0}")]
    Type(String),
    /// A part has the wrong type.
    #[error("the user's `{field}` must be {expected}")]
    Field {
        /// The part.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A key that no user object has.
    #[error("a user object has no field `{0}`; it has id, type, data, custom_data and identities")]
    FieldUnknown(String),
}

impl UserType {
    /// The word in `%%user.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Server => "server",
            Self::System => "system",
        }
    }

    /// The type of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Normal, Self::Server, Self::System].into_iter().find(|kind| kind.name() == name)
    }
}

impl User {
    /// The names of the object's fields; any other is unknown to every user.
    pub const FIELDS: [&'static str; 5] = ["id", "type", "data", "custom_data", "identities"];

    /// A normal user about whom nothing but the id is known.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: UserType::Normal,
            data: Document::new(),
            custom_data: CustomData::Absent,
            identities: Vec::new(),
        }
    }

    /// Adds the custom-data document.
    #[must_use]
    pub fn with_custom_data(mut self, custom_data: Document) -> Self {
        self.custom_data = CustomData::Loaded(custom_data);
        self
    }

    /// Reads a user object, as a caller or a test writes it. `custom_data_loaded: false` says that the custom data was
    /// not fetched. This is not for claims of tokens, which `auth` reads.
    ///
    /// # Errors
    /// See [`UserError`].
    ///
    /// ```
    /// use portcullis::user::{User, UserType};
    /// let user = User::from_document(bson::doc! { "id": "u1", "custom_data": { "team": "red" } }).unwrap();
    /// assert_eq!(user.kind, UserType::Normal);
    /// ```
    pub fn from_document(document: Document) -> Result<Self, UserError> {
        let mut user = Self::new("");
        let mut loaded = true;
        for (key, value) in document {
            match (key.as_str(), value) {
                ("id", Bson::String(id)) => user.id = id,
                ("id", Bson::ObjectId(id)) => user.id = id.to_hex(),
                ("id", _) => return Err(UserError::Id),
                ("type", Bson::String(name)) => {
                    user.kind = UserType::from_name(&name).ok_or_else(|| UserError::Type(format!("`{name}`")))?;
                }
                ("type", other) => return Err(UserError::Type(other.to_string())),
                ("data", Bson::Document(data)) => user.data = data,
                ("data", _) => return Err(UserError::Field { field: "data", expected: "a document" }),
                ("custom_data", Bson::Document(data)) => user.custom_data = CustomData::Loaded(data),
                ("custom_data", Bson::Null) => user.custom_data = CustomData::Absent,
                ("custom_data", _) => return Err(UserError::Field { field: "custom_data", expected: "a document" }),
                ("custom_data_loaded", Bson::Boolean(value)) => loaded = value,
                ("custom_data_loaded", _) => {
                    return Err(UserError::Field { field: "custom_data_loaded", expected: "a boolean" });
                }
                ("identities", Bson::Array(identities)) => {
                    if identities.iter().any(|identity| identity.as_document().is_none()) {
                        return Err(UserError::Field { field: "identities", expected: "an array of documents" });
                    }
                    user.identities = identities;
                }
                ("identities", _) => {
                    return Err(UserError::Field { field: "identities", expected: "an array of documents" });
                }
                _ => return Err(UserError::FieldUnknown(key)),
            }
        }
        if !loaded {
            user.custom_data = CustomData::NotLoaded;
        }
        if user.id.is_empty() {
            return Err(UserError::Id);
        }
        Ok(user)
    }

    /// The user object as a document: `custom_data` only if there is any.
    #[must_use]
    pub fn to_document(&self) -> Document {
        let mut document = bson::doc! { "id": &self.id, "type": self.kind.name(), "data": self.data.clone() };
        if let CustomData::Loaded(data) = &self.custom_data
            && !data.is_empty()
        {
            document.insert("custom_data", data.clone());
        }
        document.insert("identities", self.identities.clone());
        document
    }
}
