use std::collections::BTreeMap;

/// How much of a top-level field is visible in the documents that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All of it, in every one.
    Always,
    /// Nothing, in none.
    Never,
    /// That depends on the document, or on what is in the field.
    Varies,
}

/// What is visible, by top-level fields, whatever the document. Said of the documents that may be read at all, so that of
/// others it says nothing.
#[derive(Clone, Debug)]
pub(crate) struct Visibility {
    pub(super) named: BTreeMap<Box<str>, Shown>,
    pub(super) others: Shown,
}

impl Visibility {
    pub(super) const WHOLE: Self = Self { named: BTreeMap::new(), others: Shown::Always };
    pub(super) const NOTHING: Self = Self { named: BTreeMap::new(), others: Shown::Never };

    /// Of one field.
    pub(crate) fn of(&self, name: &str) -> Shown {
        self.named.get(name).copied().unwrap_or(self.others)
    }

    /// Whether documents are visible as a whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.others == Shown::Always && self.named.values().all(|shown| *shown == Shown::Always)
    }

    /// Of all fields that are not [named](Self::named).
    pub(crate) const fn others(&self) -> Shown {
        self.others
    }

    /// The fields of which something is known that does not hold of all others.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, Shown)> {
        self.named.iter().map(|(name, shown)| (&**name, *shown))
    }
}
