use super::admission::{Condition, ReturnType, RunAs, Validation};
use super::error::{EndpointError, EndpointErrorKind};
use super::guards::DATA_API;
use super::reader::Reader;
use crate::json::Node;

/// The settings of the Data API: `data_api_config.json`.
#[derive(Clone, Debug)]
pub struct DataApiConfig {
    /// Whether it is disabled, so that it responds as if it did not exist.
    pub is_disabled: bool,
    /// The versions that are served, such as `v1` and `beta`.
    pub versions: Vec<String>,
    /// How requests are validated.
    pub validation: Validation,
    /// The user with whose permissions documents are accessed.
    pub run_as: RunAs,
    /// The condition for making requests.
    pub can_evaluate: Condition,
    /// The default format of results.
    pub return_type: ReturnType,
    /// Whether rules can refer to the user's custom data.
    pub fetches_custom_data: bool,
    /// Whether valid credentials that do not belong to a user create one.
    pub creates_users: bool,
}

impl DataApiConfig {
    /// The versions that exist.
    pub const VERSIONS: [&'static str; 2] = ["v1", "beta"];

    /// Compiles the settings.
    ///
    /// # Errors
    /// All errors, in source order.
    ///
    /// ```
    /// use portcullis::endpoint::{DataApiConfig, Validation};
    /// let compile = |text| DataApiConfig::compile(&portcullis::json::parse(text).unwrap());
    /// let config = compile(r#"{ "disabled": false, "versions": ["v1"], "validation_method": "NO_VALIDATION" }"#).unwrap();
    /// assert_eq!(config.validation, Validation::None);
    /// let errors = compile(r#"{ "versions": ["v1"], "validation_method": "VERIFY_PAYLOAD", "secret_name": "" }"#);
    /// assert!(errors.unwrap_err()[0].to_string().starts_with("`VERIFY_PAYLOAD` needs a secret in `secret_name`"));
    /// ```
    pub fn compile(node: &Node) -> Result<Self, Vec<EndpointError>> {
        let mut reader = Reader::new("the Data API's configuration", node)?;
        reader.check_guards(&DATA_API);
        let is_disabled = reader.flag("disabled", false);
        let versions = Self::read_versions(&mut reader);
        if versions.is_empty() && !is_disabled {
            reader.missing("versions", "list `v1`");
        }
        let validation = Validation::read(&mut reader, "validation_method", "secret_name");
        let config = Self {
            is_disabled,
            versions,
            validation: validation.unwrap_or(Validation::None),
            run_as: RunAs::read(&mut reader).unwrap_or(RunAs::Caller),
            can_evaluate: Condition::read(node.get("can_evaluate")),
            return_type: ReturnType::read(&mut reader),
            fetches_custom_data: reader.flag("fetch_custom_user_data", false),
            creates_users: reader.flag("create_user_on_auth", false),
        };
        reader.finish()?;
        Ok(config)
    }

    /// Reads `versions` or, in older files, the single `version`.
    fn read_versions(reader: &mut Reader<'_>) -> Vec<String> {
        let listed = reader.texts("versions").unwrap_or_default();
        let listed = if listed.is_empty() { reader.text("version").into_iter().collect() } else { listed };
        for version in listed.iter().filter(|version| !Self::VERSIONS.contains(&version.value)) {
            reader.report(EndpointErrorKind::VersionUnknown(version.value.to_owned()), version.span);
        }
        listed.iter().map(|version| version.value.to_owned()).collect()
    }
}
