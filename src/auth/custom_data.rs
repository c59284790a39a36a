use super::config_error::{ConfigError, ConfigErrorKind};
use super::reader::Reader;
use crate::json::Node;
use crate::path::FieldPath;
use crate::text::Spanned;

/// The configuration of custom data: `auth/custom_user_data.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomDataConfig {
    source: Option<CustomDataSource>,
    on_user_creation: Option<String>,
    unknown_keys: Vec<Spanned<String>>,
}

/// A collection that contains custom data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomDataSource {
    /// The name of the data source; `None` if the file does not contain it.
    pub service: Option<String>,
    /// The database.
    pub database: String,
    /// The collection.
    pub collection: String,
    /// The field that contains the id of the user.
    pub user_id_field: FieldPath,
}

const WHAT: &str = "the custom user data configuration";

impl CustomDataConfig {
    /// Compiles the configuration. If custom data is disabled, only the types of the values are checked.
    ///
    /// # Errors
    /// All errors, in source order.
    ///
    /// ```
    /// use portcullis::auth::CustomDataConfig;
    /// let compile = |text| CustomDataConfig::compile(&portcullis::json::parse(text).unwrap());
    /// assert!(!compile(r#"{ "enabled": false, "database_name": "" }"#).unwrap().is_enabled());
    /// let errors = compile(r#"{ "enabled": true, "database_name": "hr", "collectionName": "users" }"#).unwrap_err();
    /// assert_eq!(errors.len(), 2);
    /// assert_eq!(errors[1].to_string(), "the custom user data configuration needs `collection_name`");
    /// ```
    pub fn compile(node: &Node) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(WHAT, node)?;
        let enabled = reader.boolean("enabled").map(|enabled| enabled.value);
        let service = reader.filled("mongo_service_name").map(|name| (*name).to_owned());
        let database = reader.filled("database_name");
        let collection = reader.filled("collection_name");
        let field = reader.filled("user_id_field");
        let on_user_creation = reader.filled("on_user_creation_function_name").map(|name| (*name).to_owned());
        reader.pass_over(&["mongo_service_id"]);
        let source = match enabled {
            None => {
                reader.missing("enabled", "set it to true or false");
                None
            }
            Some(false) => None,
            Some(true) => {
                if database.is_none() {
                    reader.missing("database_name", "name the database that holds the documents");
                }
                if collection.is_none() {
                    reader.missing("collection_name", "name the collection that holds the documents");
                }
                let user_id_field = match field {
                    Some(field) => user_id_field(&mut reader, field),
                    None => {
                        reader.missing("user_id_field", "name the field that holds the user's id");
                        None
                    }
                };
                database.zip(collection).zip(user_id_field).map(|((database, collection), user_id_field)| {
                    CustomDataSource {
                        service,
                        database: (*database).to_owned(),
                        collection: (*collection).to_owned(),
                        user_id_field,
                    }
                })
            }
        };
        Ok(Self { source, on_user_creation, unknown_keys: reader.finish()? })
    }

    /// Whether users have custom data.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.source.is_some()
    }

    /// The collection that contains custom data; `None` if custom data is disabled.
    #[must_use]
    pub const fn source(&self) -> Option<&CustomDataSource> {
        self.source.as_ref()
    }

    /// The name of the function to call when a user is created, `on_user_creation_function_name`.
    #[must_use]
    pub fn on_user_creation(&self) -> Option<&str> {
        self.on_user_creation.as_deref()
    }

    /// The keys that have no meaning.
    #[must_use]
    pub fn unknown_keys(&self) -> &[Spanned<String>] {
        &self.unknown_keys
    }
}

fn user_id_field(reader: &mut Reader<'_>, field: Spanned<&str>) -> Option<FieldPath> {
    // In a query, it would be taken for an operator.
    if field.starts_with('$') {
        reader.report(ConfigErrorKind::UserIdOperator((*field).to_owned()), field.span);
        return None;
    }
    FieldPath::parse(&field).map_err(|error| reader.report(ConfigErrorKind::UserIdPath(error), field.span)).ok()
}
