//! Who the user is: from verified claims, a provider's configuration and custom-data documents to a
//! [`User`](crate::user::User). Nothing here reads a clock, a database or a token's signature.

mod config_error;
mod custom_data;
mod metadata;
mod metadata_path;
mod provider;
mod reader;
mod selection;

pub use config_error::{ConfigError, ConfigErrorKind};
pub use custom_data::{CustomDataConfig, CustomDataSource};
pub use metadata::{MAX_FIELD_NAME, MAX_METADATA_VALUE, MetadataError, MetadataField};
pub use metadata_path::{MetadataPath, MetadataPathError};
pub use provider::{Provider, ProviderType};
pub use selection::{CustomDataError, LARGE_CUSTOM_DATA, MAX_CUSTOM_DATA, Selection, Warning};
