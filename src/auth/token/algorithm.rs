/// A signature algorithm for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `HS256`: HMAC with a shared secret
    Hs256,
    /// `RS256`: RSA, signed with a private key and verified with the public one
    Rs256,
}

impl Algorithm {
    pub(super) const ALL: [Self; 2] = [Self::Hs256, Self::Rs256];

    /// The name, as in the header `alg` and in `signingAlgorithm`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}
