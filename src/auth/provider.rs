use bson::Document;

use super::config_error::{ConfigError, ConfigErrorKind};
use super::metadata::{MetadataError, MetadataField};
use super::provider_type::ProviderType;
use super::reader::Reader;
use crate::json::Node;
use crate::text::{Spanned, closest};

/// The key that keeps users out.
const GUARD: [&str; 1] = ["disabled"];

/// An authentication provider: an entry of `auth/providers.json`, as far as it concerns the user object. The part about
/// verifying tokens (`config`, `secret_config`) is in `auth::token`.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    name: String,
    kind: ProviderType,
    state: State,
    metadata_fields: Vec<MetadataField>,
    unknown_keys: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
}

impl Provider {
    /// Compiles the configuration of a provider.
    ///
    /// # Errors
    /// All errors, in source order.
    ///
    /// ```
    /// use portcullis::auth::Provider;
    /// let node = portcullis::json::parse(
    ///     r#"{ "type": "custom-token", "metadata_fields": [{ "name": "a.mail" }, { "name": "b.mail" }] }"#,
    /// ).unwrap();
    /// let errors = Provider::compile(&node).unwrap_err();
    /// assert_eq!(errors[0].to_string(), "two metadata fields have the field name `mail`");
    /// ```
    pub fn compile(node: &Node) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new("a provider", node)?;
        let name = reader.filled("name");
        let written = reader.filled("type");
        let disabled = reader.boolean("disabled").is_some_and(|disabled| disabled.value);
        let entries = reader.array("metadata_fields");
        reader.object("config");
        reader.object("secret_config");
        reader.pass_over(&["_id", "id", "redirect_uris", "domain_restrictions"]);
        let kind = written.and_then(|written| ProviderType::from_name(&written));
        match (written, kind) {
            (None, _) => reader.missing("type", "such as \"custom-token\""),
            (Some(written), None) => {
                let error =
                    ConfigError::new(ConfigErrorKind::ProviderTypeUnknown(written.value.to_owned()), written.span);
                reader.add(match closest(&written, ProviderType::ALL.map(|(_, name)| name)) {
                    Some(known) => error.help(format!("did you mean `{known}`?")),
                    None => error,
                });
            }
            (Some(_), Some(_)) => {}
        }
        let mut inner = Vec::new();
        let metadata_fields = MetadataField::compile_all(entries.map_or(&[], |entries| entries.value), &mut inner)
            .map_err(|errors| errors.into_iter().for_each(|error| reader.add(error)))
            .ok();
        let mut unknown_keys = reader.finish()?;
        // A misspelt `disabled` must not let users in. `TokenProviderConfig` checks more keys of `custom-token`.
        let misspelt =
            unknown_keys.iter().filter(|key| node.get("disabled").is_none() && closest(key, GUARD).is_some());
        let errors: Vec<_> = misspelt.map(|key| ConfigError::unknown_key("a provider", key, key.span, GUARD)).collect();
        if !errors.is_empty() && kind != Some(ProviderType::CustomToken) {
            return Err(errors);
        }
        unknown_keys.extend(inner);
        // If either is missing, an error has been reported.
        let Some((kind, metadata_fields)) = kind.zip(metadata_fields) else { return Err(Vec::new()) };
        let name = name.map_or(kind.name(), |name| name.value).to_owned();
        let state = if disabled { State::Disabled } else { State::Enabled };
        Ok(Self { name, kind, state, metadata_fields, unknown_keys })
    }

    /// The name; by default, that of the type.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type.
    #[must_use]
    pub const fn kind(&self) -> ProviderType {
        self.kind
    }

    /// Whether users cannot log in with it.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.state == State::Disabled
    }

    /// The claims that become fields of `%%user.data`. Their field names are distinct.
    #[must_use]
    pub fn metadata_fields(&self) -> &[MetadataField] {
        &self.metadata_fields
    }

    /// The keys without meaning, in the provider and in its metadata fields.
    #[must_use]
    pub fn unknown_keys(&self) -> &[Spanned<String>] {
        &self.unknown_keys
    }

    /// The fields of `%%user.data` that result from a token's claims, in the order of the metadata fields.
    ///
    /// # Errors
    /// If a required claim is missing, or a value is too long or cannot be contained in tokens.
    pub fn metadata(&self, claims: &Document) -> Result<Document, MetadataError> {
        let mut data = Document::new();
        for field in &self.metadata_fields {
            if let Some(value) = field.take(claims)? {
                data.insert(field.field_name(), value);
            }
        }
        Ok(data)
    }
}
