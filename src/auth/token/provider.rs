use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;
use jsonwebtoken::DecodingKey;

use super::algorithm::Algorithm;
use super::audience::Audience;
use super::compact::Compact;
use super::config::{Keys, TokenProviderConfig};
use super::error::{MAX_TOKEN, TokenError};
use super::jwk::RsaKey;
use super::jwks_source::JwksSource;
use super::key;
use super::times::{Expiry, Times};
use crate::auth::config_error::{ConfigError, ConfigErrorKind};
use crate::auth::excerpt::{excerpt, one_line};
use crate::auth::{Provider, VerifiedClaims};
use crate::json::{self, Node};
use crate::text::{OneLine, Spanned};

/// Verifies third-party tokens, as configured by a `custom-token` provider.
pub struct TokenProvider {
    config: TokenProviderConfig,
    audience: Audience,
    /// The keys from secrets; empty if the keys come from a key set.
    keys: Vec<DecodingKey>,
    jwks: Option<Arc<dyn JwksSource>>,
    leeway: Duration,
}

impl TokenProvider {
    /// Compiles an entry of `auth/providers.json`. `application` is the client id of the application, which is the
    /// audience unless one is configured. `secrets` are the values of secrets by name.
    ///
    /// # Errors
    /// All configuration errors; if there are none, the secrets that are missing or unusable as keys. Messages do not
    /// contain the values of secrets.
    pub fn compile(
        node: &Node,
        application: &str,
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<ConfigError>> {
        TokenProviderConfig::compile(node)?.with_secrets(application, secrets)
    }

    pub(super) fn new(
        config: TokenProviderConfig,
        application: &str,
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut keys = Vec::new();
        if let (Keys::Secrets(names), false) = (&config.keys, config.provider.is_disabled()) {
            for name in names {
                match signing_key(name, config.algorithm, secrets) {
                    Ok(key) => keys.push(key),
                    Err(error) => errors.push(error),
                }
            }
        }
        match config.audience(application) {
            Ok(audience) if errors.is_empty() => {
                Ok(Self { config, audience, keys, jwks: None, leeway: Duration::ZERO })
            }
            Ok(_) => Err(errors),
            Err(error) => {
                errors.insert(0, error);
                Err(errors)
            }
        }
    }

    /// Sets the source of keys, which is required if the configuration names a key set.
    #[must_use]
    pub fn with_jwks(mut self, source: Arc<dyn JwksSource>) -> Self {
        self.jwks = Some(source);
        self
    }

    /// The tolerance for clock skew: how long a token remains valid after `exp`, and is already valid before `nbf` and
    /// `iat`. It is zero by default.
    #[must_use]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The address of the key set; `None` if the keys are secrets.
    #[must_use]
    pub fn jwk_uri(&self) -> Option<&str> {
        self.config.jwk_uri()
    }

    /// The part of the configuration that [`assemble`](crate::auth::assemble) needs, together with the claims.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.config.provider
    }

    /// The claims of a token, provided that it is signed with one of the keys, is for the audience, and is valid at
    /// `now`.
    ///
    /// # Errors
    /// See [`TokenError`]. The signature is checked before the claims.
    pub async fn verify(&self, token: &str, now: DateTime) -> Result<VerifiedClaims, TokenError> {
        if self.config.provider.is_disabled() {
            return Err(TokenError::ProviderDisabled(excerpt(self.config.provider.name())));
        }
        let token = Compact::read(token, MAX_TOKEN, self.config.algorithm)?;
        match &self.config.keys {
            Keys::Secrets(_) => key::verify(&token, &self.keys, self.config.algorithm)?,
            Keys::Address(_) => {
                let key = self.key_of(&token, now).await?;
                key::verify(&token, [key.decoding()], Algorithm::Rs256)?;
            }
        }
        let claims = token.claims(json::to_plain_document)?;
        Times::check(&claims, now, self.leeway, Expiry::Required)?;
        self.audience.check(&claims)?;
        Ok(VerifiedClaims::trusted(claims))
    }

    async fn key_of(&self, token: &Compact<'_>, now: DateTime) -> Result<RsaKey, TokenError> {
        let kid = token.key_id()?;
        let source = self.jwks.as_ref().ok_or(TokenError::JwksNotConnected)?;
        source.key(kid, now).await?.ok_or_else(|| TokenError::KeyUnknown(one_line(kid)))
    }
}

/// Does not show the keys.
impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenProvider")
            .field("config", &self.config)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

/// Whether a secret is in fact a key or certificate: PEM, base64 of DER, OpenSSH format, a JWK or a set of JWKs.
fn is_key_material(secret: &str) -> bool {
    let text = secret.trim_start_matches('\u{feff}').trim_start();
    secret.contains("-----BEGIN") || ["{", "MII", "ssh-"].iter().any(|beginning| text.starts_with(beginning))
}

fn signing_key(
    name: &Spanned<String>,
    algorithm: Algorithm,
    secrets: &BTreeMap<String, String>,
) -> Result<DecodingKey, ConfigError> {
    let shown = || excerpt(name);
    let Some(secret) = secrets.get(&name.value) else {
        let help = format!(
            "pass --secret {0}=env:VARIABLE or --secret {0}=file:PATH, or set the variable PORTCULLIS_SECRET_{0}",
            OneLine(shown())
        );
        return Err(ConfigError::new(ConfigErrorKind::SecretMissing(shown()), name.span).help(help));
    };
    match algorithm {
        // `signingAlgorithm` defaults to HS256. With a public key as the secret, anyone who knows that key could sign
        // tokens.
        Algorithm::Hs256 if is_key_material(secret) => {
            Err(ConfigError::new(ConfigErrorKind::SecretIsKey(shown()), name.span)
                .help("tokens verified with a public key need `signingAlgorithm`: \"RS256\" in `config`"))
        }
        Algorithm::Hs256 => {
            let characters = secret.chars().count();
            if !(32..=512).contains(&characters) {
                let kind = ConfigErrorKind::SecretLength { name: shown(), characters };
                return Err(ConfigError::new(kind, name.span));
            }
            Ok(DecodingKey::from_secret(secret.as_bytes()))
        }
        Algorithm::Rs256 => RsaKey::from_pem(secret).map(|key| key.decoding().clone()).map_err(|error| {
            let kind = ConfigErrorKind::SecretNotKey { name: shown(), reason: error.to_string() };
            ConfigError::new(kind, name.span)
                .help("the secret must be a public key, as written by `openssl rsa -pubout`")
        }),
    }
}

impl TokenProviderConfig {
    /// Adds what the configuration file does not contain: the application's client id, which is the default audience,
    /// and the values of secrets by name.
    ///
    /// # Errors
    /// All secrets that are missing or unusable as keys. Messages do not contain the values of secrets.
    pub fn with_secrets(
        self,
        application: &str,
        secrets: &BTreeMap<String, String>,
    ) -> Result<TokenProvider, Vec<ConfigError>> {
        TokenProvider::new(self, application, secrets)
    }
}
