use super::filter::Filter;
use crate::eval::Truth;

/// A set that lies between two: what is surely in it, and what is possibly in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) lower: Filter,
    pub(crate) upper: Filter,
}

/// For which documents a condition holds, and for which it does not. The two need not make up all documents: for the rest it is
/// Unknown or an Error.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) holds: Range,
    pub(crate) fails: Range,
}

impl Range {
    pub(crate) const NEVER: Self = Self { lower: Filter::Never, upper: Filter::Never };
    pub(crate) const ALWAYS: Self = Self { lower: Filter::Always, upper: Filter::Always };
    /// Of which nothing is known.
    pub(crate) const OPEN: Self = Self { lower: Filter::Never, upper: Filter::Always };

    pub(crate) fn exact(filter: Filter) -> Self {
        Self { lower: filter.clone(), upper: filter }
    }

    pub(crate) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Filter::all, Filter::all)
    }

    pub(crate) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Filter::any, Filter::any)
    }

    /// All other documents.
    pub(crate) fn negate(&self) -> Self {
        Self { lower: self.upper.negate(), upper: self.lower.negate() }
    }

    /// The same without questions whether a field is there that is asked for a value as well.
    pub(super) fn without_needless_exists(self) -> Self {
        Self { lower: self.lower.without_needless_exists(), upper: self.upper.without_needless_exists() }
    }

    fn join(
        parts: impl IntoIterator<Item = Self>,
        lower: impl FnOnce(Vec<Filter>) -> Filter,
        upper: impl FnOnce(Vec<Filter>) -> Filter,
    ) -> Self {
        let (lowers, uppers) = parts.into_iter().map(|part| (part.lower, part.upper)).unzip();
        Self { lower: lower(lowers), upper: upper(uppers) }
    }
}

impl Bounds {
    /// Of which nothing is known.
    pub(crate) const OPEN: Self = Self { holds: Range::OPEN, fails: Range::OPEN };
    /// Of a condition that is Unknown for every document.
    pub(crate) const UNKNOWN: Self = Self { holds: Range::NEVER, fails: Range::NEVER };

    /// Of a condition that MongoDB says exactly, and which so is True or False.
    pub(crate) fn exact(filter: Filter) -> Self {
        Self::two_valued(Range::exact(filter))
    }

    /// Of a condition that is True or False.
    pub(crate) fn two_valued(holds: Range) -> Self {
        Self { fails: holds.negate(), holds }
    }

    pub(crate) fn constant(truth: Truth) -> Self {
        match truth {
            Truth::True => Self { holds: Range::ALWAYS, fails: Range::NEVER },
            Truth::False => Self { holds: Range::NEVER, fails: Range::ALWAYS },
            Truth::Unknown | Truth::Error => Self::UNKNOWN,
        }
    }

    pub(crate) fn all(parts: Vec<Self>) -> Self {
        let (holds, fails): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.holds, part.fails)).unzip();
        Self { holds: Range::all(holds), fails: Range::any(fails) }
    }

    pub(crate) fn any(parts: Vec<Self>) -> Self {
        let (holds, fails): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.holds, part.fails)).unzip();
        Self { holds: Range::any(holds), fails: Range::all(fails) }
    }

    pub(crate) fn negate(self) -> Self {
        Self { holds: self.fails, fails: self.holds }
    }
}
