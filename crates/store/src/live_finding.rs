use std::fmt;

use portcullis::auth::{CustomDataSource, LARGE_CUSTOM_DATA, MAX_CUSTOM_DATA};
use portcullis::text::{OneLine, Severity};

/// Something to tell about a custom-data collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveFinding {
    /// What it is.
    pub kind: LiveFindingKind,
    /// The collection that it is about.
    pub source: CustomDataSource,
}

/// What a custom-data collection can be found to be or to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveFindingKind {
    /// There is no such collection: no user has custom data.
    CollectionMissing,
    /// It is a view or a time series, which no look-up can read.
    CollectionUnsuitable {
        /// What it is: `view`.
        kind: String,
    },
    /// A look-up reads every document of the collection.
    IndexMissing {
        /// Indexes that begin with the field, and cannot be used: sparse, partial, hidden, of another collation.
        unusable: Vec<String>,
    },
    /// Nothing keeps two documents from naming one user.
    IndexNotUnique,
    /// Users whom several documents name; one of them counts.
    IdTwice(Examples),
    /// Documents whose field is an array, or stands in one. They name nobody, though a plain query finds them.
    IdInArray(Examples),
    /// Documents whose field is neither a string nor an ObjectId. They name nobody.
    IdOfOtherType(Examples),
    /// Documents without the field, or with null. They name nobody.
    IdMissing(Examples),
    /// Documents of more than 16 KiB: they travel in every token.
    DocumentLarge(Examples),
    /// Documents of more than 1 MiB: their users cannot log in.
    DocumentTooLarge(Examples),
    /// A check did not finish in time, so what it looks for may be there.
    Unfinished(LiveCheck),
}

/// A part of the live check that reads documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveCheck {
    /// Looks for ids that several documents name.
    IdTwice,
    /// Looks for arrays on the way to the id.
    IdInArray,
    /// Looks for ids of other types.
    IdOfOtherType,
    /// Looks for documents without an id.
    IdMissing,
    /// Looks for large documents.
    Large,
    /// Looks for documents that are too large.
    TooLarge,
}

/// A few of many: user ids, or `_id`s as extended JSON. Each is cut to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// At most [`Examples::SHOWN`].
    pub shown: Vec<String>,
    /// Whether there are others.
    pub others: Others,
}

/// Whether examples are all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They are all.
    None,
    /// There are more.
    Some,
}

impl Examples {
    /// How many are shown.
    pub const SHOWN: usize = 10;
}

impl fmt::Display for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, example) in self.shown.iter().enumerate() {
            write!(f, "{}`{}`", if at > 0 { ", " } else { "" }, OneLine(example))?;
        }
        match self.others {
            Others::None => Ok(()),
            Others::Some => f.write_str(" and more"),
        }
    }
}

impl LiveFinding {
    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.kind {
            LiveFindingKind::CollectionUnsuitable { .. } | LiveFindingKind::DocumentTooLarge(_) => Severity::Error,
            LiveFindingKind::IndexNotUnique | LiveFindingKind::IdMissing(_) => Severity::Note,
            _ => Severity::Warning,
        }
    }

    /// The stable name of its kind.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind {
            LiveFindingKind::CollectionMissing => "custom-data-collection-missing",
            LiveFindingKind::CollectionUnsuitable { .. } => "custom-data-collection-unsuitable",
            LiveFindingKind::IndexMissing { .. } => "custom-data-index-missing",
            LiveFindingKind::IndexNotUnique => "custom-data-index-not-unique",
            LiveFindingKind::IdTwice(_) => "custom-data-id-twice",
            LiveFindingKind::IdInArray(_) => "custom-data-id-in-array",
            LiveFindingKind::IdOfOtherType(_) => "custom-data-id-of-other-type",
            LiveFindingKind::IdMissing(_) => "custom-data-id-missing",
            LiveFindingKind::DocumentLarge(_) => "custom-data-large",
            LiveFindingKind::DocumentTooLarge(_) => "custom-data-too-large",
            LiveFindingKind::Unfinished(_) => "custom-data-check-unfinished",
        }
    }

    /// The way out, if there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let field = OneLine(&self.source.user_id_field);
        Some(match &self.kind {
            LiveFindingKind::CollectionMissing => {
                "check `database_name` and `collection_name` in auth/custom_user_data.json".to_owned()
            }
            LiveFindingKind::CollectionUnsuitable { .. } => "name the collection behind it".to_owned(),
            LiveFindingKind::IndexMissing { .. } | LiveFindingKind::IndexNotUnique => {
                format!("create the index {{ \"{field}\": 1 }} with the option unique and simple collation")
            }
            LiveFindingKind::IdTwice(_) => "delete those that are not meant".to_owned(),
            LiveFindingKind::IdInArray(_) => {
                "who wrote them may have tried to claim another's id; delete them".to_owned()
            }
            LiveFindingKind::IdOfOtherType(_) => "write the id as a string or an ObjectId".to_owned(),
            LiveFindingKind::DocumentLarge(_) | LiveFindingKind::DocumentTooLarge(_) => {
                "keep what rules do not read in another collection".to_owned()
            }
            LiveFindingKind::IdMissing(_) | LiveFindingKind::Unfinished(_) => return None,
        })
    }
}

/// One line in lower case.
impl fmt::Display for LiveFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{}.{}", self.source.database, self.source.collection);
        let (name, field) = (OneLine(name), OneLine(&self.source.user_id_field));
        match &self.kind {
            LiveFindingKind::CollectionMissing => write!(f, "there is no collection `{name}`: no user has custom data"),
            LiveFindingKind::CollectionUnsuitable { kind } => {
                write!(f, "`{name}` is a {}, which no look-up of custom data can read", OneLine(kind))
            }
            LiveFindingKind::IndexMissing { unusable } => {
                write!(f, "every look-up reads all of `{name}`: no index on `{field}` can be used")?;
                for (at, index) in unusable.iter().enumerate() {
                    write!(f, "{}`{}`", if at > 0 { ", " } else { "; unusable: " }, OneLine(index))?;
                }
                Ok(())
            }
            LiveFindingKind::IndexNotUnique => {
                write!(f, "no unique index on `{field}` keeps two documents of `{name}` from naming one user")
            }
            LiveFindingKind::IdTwice(users) => write!(f, "several documents of `{name}` name the same user: {users}"),
            LiveFindingKind::IdInArray(ids) => {
                write!(f, "documents of `{name}` have their `{field}` in an array and are ignored: {ids}")
            }
            LiveFindingKind::IdOfOtherType(ids) => {
                write!(
                    f,
                    "documents of `{name}` whose `{field}` is neither a string nor an ObjectId are ignored: {ids}"
                )
            }
            LiveFindingKind::IdMissing(ids) => {
                write!(f, "documents of `{name}` without `{field}` are ignored: {ids}")
            }
            LiveFindingKind::DocumentLarge(ids) => {
                write!(
                    f,
                    "documents of `{name}` have more than {LARGE_CUSTOM_DATA} bytes, which every token carries: {ids}"
                )
            }
            LiveFindingKind::DocumentTooLarge(ids) => {
                write!(
                    f,
                    "documents of `{name}` have more than {MAX_CUSTOM_DATA} bytes, and their users cannot log in: {ids}"
                )
            }
            LiveFindingKind::Unfinished(check) => {
                let what = match check {
                    LiveCheck::IdTwice => "users whom several documents name",
                    LiveCheck::IdInArray => "ids in arrays",
                    LiveCheck::IdOfOtherType => "ids of other types",
                    LiveCheck::IdMissing => "documents without an id",
                    LiveCheck::Large => "large documents",
                    LiveCheck::TooLarge => "documents that are too large",
                };
                write!(f, "the search of `{name}` for {what} did not finish in time")
            }
        }
    }
}
