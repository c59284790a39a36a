/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `HS256`: by a secret that both sides know.
    Hs256,
    /// `RS256`: by a private key, whose public one verifies.
    Rs256,
}

impl Algorithm {
    pub(super) const ALL: [Self; 2] = [Self::Hs256, Self::Rs256];

    /// The word in `alg` and `signingAlgorithm`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}
