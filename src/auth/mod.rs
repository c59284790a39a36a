//! Who the user is: from verified claims, a provider's configuration and custom-data documents to a
//! [`User`](crate::user::User). Nothing here reads a clock, a database or a token's signature.

mod metadata_path;

pub use metadata_path::{MetadataPath, MetadataPathError};
