use std::sync::Arc;

use thiserror::Error;

use crate::app::{App, ConfigFile, ConfigPart, FileFinding, Secrets};
use crate::auth::token::TokenProvider;
use crate::auth::{ConfigError, CustomDataConfig, ProviderType};
use crate::text::Finding;

/// Why logins to an application cannot be configured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A configuration file is invalid or its secrets are missing, as the findings say.
    #[error("{what} cannot be used: {}", .findings.first().map_or("", |found| &found.finding.message))]
    Files {
        /// The part of the configuration that the file contains.
        what: &'static str,
        /// What is wrong with it.
        findings: Vec<FileFinding>,
    },
    /// A file cannot be read, or several files contradict each other; see the findings of the application.
    #[error("{what} cannot be used: {files} cannot be read, or contradict each other")]
    Unreadable {
        /// The part of the configuration that the files contain.
        what: &'static str,
        /// The names of the files.
        files: String,
    },
}

/// The configuration of custom data; `None` if custom data is not configured, or is disabled.
///
/// # Errors
/// If the file is invalid: it is then unknown whether users have custom data.
pub fn custom_data_config(app: &App) -> Result<Option<CustomDataConfig>, SetupError> {
    const WHAT: &str = "the configuration of custom user data";
    match &app.custom_user_data {
        ConfigPart::Absent => Ok(None),
        ConfigPart::Present(file) => {
            let config = CustomDataConfig::compile(&file.node)
                .map_err(|errors| SetupError::Files { what: WHAT, findings: findings(file, errors) })?;
            Ok(Some(config))
        }
        broken => Err(SetupError::Unreadable { what: WHAT, files: broken.names().join(", ") }),
    }
}

/// The provider of the application that accepts third-party tokens; `None` if there is none. `application` is the id of
/// the application, which is the default audience. `secrets` contains the keys.
///
/// # Errors
/// If the provider's configuration is invalid, or a secret is missing.
pub fn token_provider(app: &App, application: &str, secrets: &Secrets) -> Result<Option<TokenProvider>, SetupError> {
    // An application has at most one provider of each type, because only the first was kept.
    let provider = app.providers.iter().find(|provider| provider.kind == ProviderType::CustomToken.name());
    let Some(file) = provider.map(|provider| &provider.config) else { return Ok(None) };
    let compiled = TokenProvider::compile(&file.node, application, secrets.as_map());
    let broken = |errors| SetupError::Files { what: "the provider of tokens", findings: findings(file, errors) };
    compiled.map(Some).map_err(broken)
}

fn findings(file: &ConfigFile, errors: Vec<ConfigError>) -> Vec<FileFinding> {
    let located = |finding: Finding| {
        let pointer = Some(file.node.pointer_at(finding.span));
        FileFinding { source: Arc::clone(&file.source), pointer, finding }
    };
    errors.into_iter().map(|error| located(error.into())).collect()
}
