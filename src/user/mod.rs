//! The user who makes a request, `%%user`.

use bson::{Bson, Document};
use thiserror::Error;

/// The user object of App Services, `%%user`.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// `%%user.id`: the id of the user, which never changes.
    pub id: String,
    /// `%%user.type`
    pub kind: UserType,
    /// `%%user.data`: the union of the data of all identities.
    pub data: Document,
    /// `%%user.custom_data`
    pub custom_data: CustomData,
    /// `%%user.identities`: documents with `id`, `provider_type`, `data`, and possibly other fields from the provider.
    pub identities: Vec<Bson>,
}

/// The type of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserType {
    /// A person.
    #[default]
    Normal,
    /// A server, which uses an API key.
    Server,
    /// The application itself, to which rules do not apply. It can only be created by code, with [`User::system`], and
    /// never from a claim, token or user object.
    System,
}

/// The custom-data document of a user.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CustomData {
    /// It was looked up, and the user has none: all of its fields are Missing.
    Absent,
    /// The document. An empty one is Missing, too.
    Loaded(Document),
    /// It was not looked up: rules that refer to it evaluate to an Error.
    #[default]
    NotLoaded,
}

/// Why a document is not a valid user object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UserError {
    /// The `id` is missing, empty or not a string.
    #[error("a user needs an `id`, a string that is not empty")]
    Id,
    /// The `type` is unknown.
    #[error("the user's `type` must be \"normal\" or \"server\", not {0}")]
    Type(String),
    /// The user would be the system user, which cannot come from a document.
    #[error("a user object cannot be the system user, who bypasses all rules")]
    System,
    /// A field has the wrong type.
    #[error("the user's `{field}` must be {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// The expected type.
        expected: &'static str,
    },
    /// There is an unknown field.
    #[error("a user object has no field `{0}`; it has id, type, data, custom_data and identities")]
    FieldUnknown(String),
}

impl UserType {
    /// The name, as in `%%user.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Server => "server",
            Self::System => "system",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Normal, Self::Server, Self::System].into_iter().find(|kind| kind.name() == name)
    }
}

impl User {
    /// The fields of the user object; any other is unknown.
    pub const FIELDS: [&'static str; 5] = ["id", "type", "data", "custom_data", "identities"];

    /// Creates a normal user of whom nothing but the id is known. Custom data counts as not looked up, until
    /// [`with_custom_data`](Self::with_custom_data) or [`without_custom_data`](Self::without_custom_data) is called.
    ///
    /// ```
    /// use portcullis::{CustomData, User};
    /// assert_eq!(User::new("u1").custom_data, CustomData::NotLoaded);
    /// assert_eq!(User::new("u1").without_custom_data().custom_data, CustomData::Absent);
    /// ```
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: UserType::Normal,
            data: Document::new(),
            custom_data: CustomData::NotLoaded,
            identities: Vec::new(),
        }
    }

    /// Creates the system user, to which rules do not apply.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: UserType::System, ..Self::new("system").without_custom_data() }
    }

    /// Sets the custom-data document.
    #[must_use]
    pub fn with_custom_data(mut self, custom_data: Document) -> Self {
        self.custom_data = CustomData::Loaded(custom_data);
        self
    }

    /// Declares that the user has no custom data, because it was looked up or because the application does not use it.
    #[must_use]
    pub fn without_custom_data(mut self) -> Self {
        self.custom_data = CustomData::Absent;
        self
    }

    /// Parses a user object. If `custom_data` is absent, it counts as not looked up; null means that the user has none.
    /// For the claims of tokens, see `auth`.
    ///
    /// # Errors
    /// See [`UserError`]; the system user is rejected.
    ///
    /// ```
    /// use portcullis::{CustomData, User, UserError};
    /// let user = User::from_document(bson::doc! { "id": "u1", "custom_data": { "team": "red" } }).unwrap();
    /// assert_eq!(user.custom_data, CustomData::Loaded(bson::doc! { "team": "red" }));
    /// let user = User::from_document(bson::doc! { "id": "u1", "custom_data": null }).unwrap();
    /// assert_eq!(user.custom_data, CustomData::Absent);
    /// assert_eq!(User::from_document(bson::doc! { "id": "u1" }).unwrap().custom_data, CustomData::NotLoaded);
    /// assert_eq!(User::from_document(bson::doc! { "id": "u1", "type": "system" }), Err(UserError::System));
    /// ```
    pub fn from_document(document: Document) -> Result<Self, UserError> {
        match Self::read(document, CustomData::NotLoaded)? {
            Self { kind: UserType::System, .. } => Err(UserError::System),
            user => Ok(user),
        }
    }

    /// Parses a user object, which may be that of the system user. `unsaid` stands for `custom_data` if that is absent.
    pub(crate) fn read(document: Document, unsaid: CustomData) -> Result<Self, UserError> {
        let mut user = Self { custom_data: unsaid, ..Self::new("") };
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

    /// The user object as a document. It has `custom_data` only if there is any.
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
