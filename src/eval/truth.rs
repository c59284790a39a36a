use std::fmt;
use std::ops::Not;

/// The outcome of a condition, in four-valued logic. Only [`Truth::True`] grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Undecided because the user or the document lacks a value. The negation of Unknown is Unknown.
    Unknown,
    /// Undecided because something failed or was not supplied; the errors are reported separately. The negation of an
    /// Error is an Error.
    Error,
}

impl Truth {
    /// Whether it is [`Truth::True`].
    #[must_use]
    pub const fn is_true(self) -> bool {
        matches!(self, Self::True)
    }

    /// Conjunction: False beats Error, Error beats Unknown, Unknown beats True.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Error, _) | (_, Self::Error) => Self::Error,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::True, Self::True) => Self::True,
        }
    }

    /// Disjunction: True beats Error, Error beats Unknown, Unknown beats False.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::Error, _) | (_, Self::Error) => Self::Error,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::False, Self::False) => Self::False,
        }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            other => other,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
            Self::Error => "error",
        })
    }
}
