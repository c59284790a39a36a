use super::filter::Filter;
use crate::eval::Truth;

/// Bounds on a set of documents: `lower` is a subset of it, `upper` a superset.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) lower: Filter,
    pub(crate) upper: Filter,
}

/// Bounds on the documents for which a condition is True, and on those for which it is False. For all others, it is
/// Unknown or an Error.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) holds: Range,
    pub(crate) fails: Range,
}

impl Range {
    pub(crate) const NEVER: Self = Self { lower: Filter::Never, upper: Filter::Never };
    pub(crate) const ALWAYS: Self = Self { lower: Filter::Always, upper: Filter::Always };
    /// Bounds that say nothing about the set.
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

    /// The complement.
    pub(crate) fn negate(&self) -> Self {
        Self { lower: self.upper.negate(), upper: self.lower.negate() }
    }

    /// Drops tests for the existence of fields whose values are tested as well.
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
    /// Bounds that say nothing about the condition.
    pub(crate) const OPEN: Self = Self { holds: Range::OPEN, fails: Range::OPEN };
    /// A condition that is Unknown for every document.
    pub(crate) const UNKNOWN: Self = Self { holds: Range::NEVER, fails: Range::NEVER };

    /// A condition that a MongoDB filter expresses exactly. It is True or False for every document.
    pub(crate) fn exact(filter: Filter) -> Self {
        Self::two_valued(Range::exact(filter))
    }

    /// A condition that is True or False for every document.
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
