use std::collections::BTreeMap;

/// How much of a top-level field is visible, over all documents that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All of it in every document.
    Always,
    /// Nothing in any document.
    Never,
    /// It depends on the document.
    Varies,
}

/// The visibility of all top-level fields. It says nothing about which documents may be read.
#[derive(Clone, Debug)]
pub(crate) struct Visibility {
    pub(super) named: BTreeMap<Box<str>, Shown>,
    pub(super) others: Shown,
}

impl Visibility {
    pub(super) const WHOLE: Self = Self { named: BTreeMap::new(), others: Shown::Always };
    pub(super) const NOTHING: Self = Self { named: BTreeMap::new(), others: Shown::Never };

    /// The visibility of a field.
    pub(crate) fn of(&self, name: &str) -> Shown {
        self.named.get(name).copied().unwrap_or(self.others)
    }

    /// Whether all documents that may be read are visible as a whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.others == Shown::Always && self.named.values().all(|shown| *shown == Shown::Always)
    }

    /// The visibility of all fields that are not among the [named](Self::named) ones.
    pub(crate) const fn others(&self) -> Shown {
        self.others
    }

    /// The fields with a visibility of their own.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, Shown)> {
        self.named.iter().map(|(name, shown)| (&**name, *shown))
    }
}
