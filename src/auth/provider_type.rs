/// The types of authentication providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderType {
    /// `anon-user`
    Anonymous,
    /// `api-key`
    ApiKey,
    /// `custom-function`
    CustomFunction,
    /// `custom-token`: JWTs of third parties
    CustomToken,
    /// `local-userpass`
    EmailPassword,
    /// `oauth2-apple`
    Apple,
    /// `oauth2-facebook`
    Facebook,
    /// `oauth2-google`
    Google,
}

impl ProviderType {
    /// Every type, with its name.
    pub(super) const ALL: [(Self, &'static str); 8] = [
        (Self::Anonymous, "anon-user"),
        (Self::ApiKey, "api-key"),
        (Self::CustomFunction, "custom-function"),
        (Self::CustomToken, "custom-token"),
        (Self::EmailPassword, "local-userpass"),
        (Self::Apple, "oauth2-apple"),
        (Self::Facebook, "oauth2-facebook"),
        (Self::Google, "oauth2-google"),
    ];

    /// The name of the type, as in `%%user.identities.provider_type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| *found == name).map(|(kind, _)| *kind)
    }
}
