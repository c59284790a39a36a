//! Authentication: assembles a [`User`](crate::user::User) from verified claims, a provider's configuration and
//! custom-data documents. With the feature `jwt`, also verifies and issues the tokens that contain the claims. Neither
//! clocks nor databases are accessed here.
//!
//! ```
//! use bson::doc;
//! use portcullis::auth::{Assembly, CustomDataConfig, Provider, VerifiedClaims, assemble};
//!
//! let provider = portcullis::json::parse(r#"{
//!     "type": "custom-token",
//!     "metadata_fields": [{ "required": true, "name": "https://example\\.com/mail", "field_name": "email" }]
//! }"#).unwrap();
//! let provider = Provider::compile(&provider).unwrap();
//! let config = portcullis::json::parse(r#"{
//!     "enabled": true, "database_name": "hr", "collection_name": "users", "user_id_field": "user_id"
//! }"#).unwrap();
//! let config = CustomDataConfig::compile(&config).unwrap();
//!
//! let claims = VerifiedClaims::trusted(doc! { "sub": "third|7", "https://example.com/mail": "ada@example.com" });
//! let stored = [doc! { "_id": 1, "user_id": "third|7", "role": "lead" }];
//! let assembly = Assembly { provider: Some(&provider), custom_data: Some((&config, &stored)) };
//! let assembled = assemble(&claims, &assembly).unwrap();
//! assert_eq!(assembled.user.to_document(), doc! {
//!     "id": "third|7",
//!     "type": "normal",
//!     "data": { "email": "ada@example.com" },
//!     "custom_data": { "_id": 1, "user_id": "third|7", "role": "lead" },
//!     "identities": [{ "id": "third|7", "provider_type": "custom-token", "data": { "email": "ada@example.com" } }],
//! });
//! ```

mod access_token;
mod assemble;
mod carried;
mod choices;
mod claims;
mod config_error;
mod custom_data;
mod error;
mod excerpt;
mod identities;
mod limits;
mod metadata;
mod metadata_path;
mod provider;
mod provider_type;
mod reader;
mod selection;
#[cfg(feature = "jwt")]
pub mod token;

pub use assemble::{Assembled, Assembly, assemble};
pub use claims::VerifiedClaims;
pub use config_error::{ConfigError, ConfigErrorKind};
pub use custom_data::{CustomDataConfig, CustomDataSource};
pub use error::AssembleError;
pub use provider::Provider;
pub use provider_type::ProviderType;
pub use selection::{CustomDataError, Warning};

#[cfg(not(feature = "unstable"))]
pub(crate) use {
    choices::Choices,
    identities::union_of_identities,
    limits::{MAX_FIELD_NAME, MAX_METADATA_VALUE},
    metadata::{MetadataError, MetadataField},
    metadata_path::{MetadataPath, MetadataPathError},
    selection::{LARGE_CUSTOM_DATA, MAX_CUSTOM_DATA, Selection},
};
#[cfg(feature = "unstable")]
pub use {
    choices::Choices,
    identities::union_of_identities,
    limits::{MAX_FIELD_NAME, MAX_METADATA_VALUE},
    metadata::{MetadataError, MetadataField},
    metadata_path::{MetadataPath, MetadataPathError},
    selection::{LARGE_CUSTOM_DATA, MAX_CUSTOM_DATA, Selection},
};
