use super::algorithm::Algorithm;
use super::audience::Audience;
use crate::auth::config_error::{ConfigError, ConfigErrorKind};
use crate::auth::excerpt::excerpt;
use crate::auth::reader::Reader;
use crate::auth::{Provider, ProviderType};
use crate::json::Node;
use crate::text::{Span, Spanned, closest};

/// The configuration of a `custom-token` provider in `auth/providers.json`: whose tokens are accepted, and which keys
/// verify them. It contains the names of secrets, not their values.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenProviderConfig {
    pub(super) provider: Provider,
    pub(super) algorithm: Algorithm,
    pub(super) keys: Keys,
    audiences: Vec<String>,
    wanted: Wanted,
    span: Span,
    unknown_keys: Vec<Spanned<String>>,
}

/// Where the keys that verify tokens come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Keys {
    /// Secrets with these names.
    Secrets(Vec<Spanned<String>>),
    /// A key set at this HTTPS address.
    Address(String),
}

/// How many of the audiences a token must have, as set by `requireAnyAudience`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Any,
}

/// The known keys of a provider and its metadata fields. An unknown key that resembles one of them is an error, because
/// a misspelt `disabled` or `required` would admit users that it was meant to keep out.
const KEYS: [&str; 10] = [
    "config",
    "disabled",
    "domain_restrictions",
    "field_name",
    "metadata_fields",
    "name",
    "redirect_uris",
    "required",
    "secret_config",
    "type",
];

const SECRETS: &str = "the provider's `secret_config`";

/// The maximum number of keys for a provider.
const MAX_KEYS: usize = 3;

impl TokenProviderConfig {
    /// Compiles the configuration of a provider. A disabled provider need not have keys. In an enabled one, unknown
    /// keys of `config` and `secret_config` are errors, and so are keys of the provider itself that resemble a known
    /// one.
    ///
    /// # Errors
    /// All errors, in source order.
    ///
    /// ```
    /// use portcullis::auth::token::TokenProviderConfig;
    /// let node = portcullis::json::parse(
    ///     r#"{ "type": "custom-token", "config": { "signingAlgorithm": "HS256", "useJWKURI": true } }"#,
    /// ).unwrap();
    /// let errors = TokenProviderConfig::compile(&node).unwrap_err();
    /// assert_eq!(errors[0].to_string(), "the provider's `config` needs `jwkURI`");
    /// assert_eq!(errors[1].to_string(), "keys from an address (`useJWKURI`) verify `RS256` only, not `HS256`");
    /// ```
    pub fn compile(node: &Node) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let provider = Provider::compile(node).map_err(|found| errors.extend(found)).ok();
        if let Some(kind) = provider.as_ref().map(Provider::kind).filter(|kind| *kind != ProviderType::CustomToken) {
            let span = node.get("type").map_or(node.span, |kind| kind.span);
            return Err(vec![ConfigError::new(ConfigErrorKind::ProviderTakesNoToken(kind), span)]);
        }
        let need = if provider.as_ref().is_none_or(Provider::is_disabled) { Need::Nothing } else { Need::Keys };
        let empty = Node { span: node.span, kind: crate::json::Kind::Object(Vec::new()) };
        // A wrong type has been reported as an error of the provider.
        let part = |key| node.get(key).filter(|part| part.as_object().is_some()).unwrap_or(&empty);
        if need == Need::Keys {
            let unknown = provider.as_ref().map(Provider::unknown_keys).unwrap_or_default();
            let misspelt = unknown.iter().filter(|key| closest(key, KEYS).is_some());
            errors.extend(misspelt.map(|key| ConfigError::unknown_key("a provider", key, key.span, KEYS)));
        }
        let enabled = need;
        let settings = Settings::read(part("config"), need).map_err(|found| errors.extend(found)).ok();
        let from_address = settings.as_ref().is_some_and(|settings| settings.address.is_some());
        let need = if from_address || settings.is_none() { Need::Nothing } else { need };
        let secrets = secrets(part("secret_config"), enabled, need).map_err(|found| errors.extend(found)).ok();
        let Some(((provider, settings), (names, unknown))) =
            provider.zip(settings).zip(secrets).filter(|_| errors.is_empty())
        else {
            errors.sort_by_key(ConfigError::span);
            return Err(errors);
        };
        let mut unknown_keys = provider.unknown_keys().to_vec();
        unknown_keys.extend(settings.unknown_keys);
        unknown_keys.extend(unknown);
        Ok(Self {
            provider,
            algorithm: settings.algorithm,
            keys: settings.address.map_or(Keys::Secrets(names), Keys::Address),
            audiences: settings.audiences,
            wanted: settings.wanted,
            span: node.span,
            unknown_keys,
        })
    }

    /// The part of the configuration that concerns the user object.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The address of the key set; `None` if the keys are secrets.
    #[must_use]
    pub fn jwk_uri(&self) -> Option<&str> {
        match &self.keys {
            Keys::Address(address) => Some(address),
            Keys::Secrets(_) => None,
        }
    }

    /// The names of the secrets that contain keys.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        let names = match &self.keys {
            Keys::Secrets(names) => names.as_slice(),
            Keys::Address(_) => &[],
        };
        names.iter().map(|name| name.value.as_str())
    }

    /// The keys without meaning, including those of `config` and `secret_config`.
    #[must_use]
    pub fn unknown_keys(&self) -> &[Spanned<String>] {
        &self.unknown_keys
    }

    pub(super) fn audience(&self, application: &str) -> Result<Audience, ConfigError> {
        if !self.audiences.is_empty() {
            let audiences = self.audiences.clone();
            return Ok(match self.wanted {
                Wanted::All => Audience::All(audiences),
                Wanted::Any => Audience::Any(audiences),
            });
        }
        if application.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::AudienceMissing, self.span));
        }
        Ok(Audience::All(vec![application.to_owned()]))
    }
}

/// Whether settings are required.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Keys,
    Nothing,
}

/// The settings in `config`.
struct Settings {
    audiences: Vec<String>,
    wanted: Wanted,
    algorithm: Algorithm,
    address: Option<String>,
    unknown_keys: Vec<Spanned<String>>,
}

impl Settings {
    fn read(node: &Node, need: Need) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new("the provider's `config`", node)?;
        let audiences = reader.strings("audience").iter().map(|audience| audience.value.to_owned()).collect();
        let any = reader.boolean("requireAnyAudience").is_some_and(|any| any.value);
        let written = reader.filled("signingAlgorithm");
        let by_address = reader.boolean("useJWKURI").is_some_and(|by_address| by_address.value);
        let address = reader.filled("jwkURI").filter(|_| by_address);
        if by_address && address.is_none() && need == Need::Keys {
            reader.missing("jwkURI", "name the address of the key set, which begins with `https://`");
        }
        if let Some(address) = address.filter(|address| !is_https(address)) {
            reader.report(ConfigErrorKind::JwkUriNotHttps, address.span);
        }
        let algorithm = match written {
            Some(written) => algorithm(&mut reader, written),
            None if by_address => Some(Algorithm::Rs256),
            None => Some(Algorithm::Hs256),
        };
        if let (Some(written), Some(Algorithm::Hs256), true) = (written, algorithm, by_address) {
            let error = ConfigError::new(ConfigErrorKind::JwksNeedsRs256, written.span);
            reader.add(error.help("set `signingAlgorithm` to \"RS256\""));
        }
        if need == Need::Keys {
            reader.refuse_unknown();
        }
        let unknown_keys = reader.finish()?;
        // If there is no algorithm, an error has been reported.
        let Some(algorithm) = algorithm else { return Err(Vec::new()) };
        Ok(Self {
            audiences,
            wanted: if any { Wanted::Any } else { Wanted::All },
            algorithm,
            address: address.map(|address| address.value.to_owned()),
            unknown_keys,
        })
    }
}

fn algorithm(reader: &mut Reader<'_>, written: Spanned<&str>) -> Option<Algorithm> {
    let found = Algorithm::from_name(&written);
    if found.is_none() {
        let error = ConfigError::new(ConfigErrorKind::AlgorithmUnknown(excerpt(&written)), written.span);
        reader.add(match closest(&written, Algorithm::ALL.map(Algorithm::name)) {
            Some(known) => error.help(format!("did you mean `{known}`?")),
            None => error,
        });
    }
    found
}

/// The names of the secrets, and the unknown keys.
type Secrets = (Vec<Spanned<String>>, Vec<Spanned<String>>);

/// Reads `secret_config`. `provider` tells whether the provider is enabled, `need` whether it takes its keys from
/// secrets.
fn secrets(node: &Node, provider: Need, need: Need) -> Result<Secrets, Vec<ConfigError>> {
    let mut reader = Reader::new(SECRETS, node)?;
    let names = reader.strings("signingKeys");
    let names: Vec<_> = names.iter().map(|name| Spanned::new(name.value.to_owned(), name.span)).collect();
    if names.len() > MAX_KEYS {
        let span = node.get("signingKeys").map_or(node.span, |keys| keys.span);
        reader.report(ConfigErrorKind::KeysTooMany(names.len()), span);
    }
    if names.is_empty() && need == Need::Keys {
        let help = "name the secrets that hold the keys";
        match node.get("signingKeys").filter(|keys| keys.as_array().is_some_and(<[Node]>::is_empty)) {
            Some(none) => {
                let kind = ConfigErrorKind::FieldMissing { what: SECRETS, key: "signingKeys" };
                reader.add(ConfigError::new(kind, none.span).help(help));
            }
            None => reader.missing("signingKeys", help),
        }
    }
    if provider == Need::Keys {
        reader.refuse_unknown();
    }
    Ok((names, reader.finish()?))
}

/// Whether an address is an HTTPS URL with a host and without user information, because a password must not be in a
/// configuration file.
fn is_https(address: &str) -> bool {
    let Some(rest) = address.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://")).and(address.get(8..))
    else {
        return false;
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let printable = address.chars().all(|c| c.is_ascii_graphic());
    printable && !authority.is_empty() && !authority.starts_with(':') && !authority.contains('@')
}
