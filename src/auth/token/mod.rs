//! Tokens (JWT, RFC 7519). A [`TokenProvider`] verifies those of third parties; a [`TokenIssuer`] issues and verifies
//! those of Portcullis. Neither clocks, databases nor the network are accessed here: the time is passed as an argument,
//! and a [`JwksSource`] fetches key sets.
//!
//! Every defect of a token is a [`TokenError`] of its own. The signature is verified before any claim is read, so that
//! whoever has no key learns only that the signature is wrong.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//! use bson::{DateTime, doc};
//! use portcullis::auth::token::{SigningKey, SigningKeys, TokenIssuer, TokenSession};
//! use portcullis::User;
//!
//! let key = SigningKey::from_secret(b"an example of thirty-two bytes!!".to_vec()).unwrap();
//! let issuer = TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "employees");
//! let user = User::new("65a0000000000000000000a1").with_custom_data(doc! { "level": 3_i64 });
//! let session = TokenSession { id: "s1".to_owned(), device_id: "d1".to_owned() };
//!
//! let now = DateTime::from_millis(1_800_000_000_000);
//! let token = issuer.issue_access(&user, &session, now).unwrap();
//! let verified = issuer.verify_access(&token, now).unwrap();
//! assert_eq!((verified.user, verified.session), (user, session));
//!
//! let later = DateTime::from_millis(1_800_000_000_000 + 30 * 60 * 1000);
//! let error = issuer.verify_access(&token, later).unwrap_err();
//! assert_eq!(error.to_string(), "the token expired at 2027-01-15T08:30:00Z");
//! ```

mod algorithm;
mod audience;
mod compact;
mod config;
mod error;
mod issue;
mod issue_error;
mod issuer;
mod jwk;
mod jwk_set;
mod jwks_source;
mod key;
mod provider;
mod session;
mod signing_key;
mod times;
mod verify;

pub use algorithm::Algorithm;
pub use config::TokenProviderConfig;
pub use error::{MAX_HEADER, MAX_OWN_TOKEN, MAX_TOKEN, TokenError, TokenPart};
pub use issue_error::IssueError;
pub use issuer::{LifetimeError, TokenIssuer};
pub use jwk::{RsaKey, RsaKeyError};
pub use jwk_set::{JwkSet, JwkSetError, MAX_JWK_SET_KEYS, MAX_JWK_SET_SIZE};
pub use jwks_source::{JwksError, JwksSource, StaticJwks};
pub use provider::TokenProvider;
pub use session::{AccessToken, RefreshGrant, RefreshToken, TokenIdentity, TokenSession};
pub use signing_key::{SigningKey, SigningKeyError, SigningKeys};
