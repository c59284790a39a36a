use std::fmt;

use portcullis::auth::{CustomDataSource, LARGE_CUSTOM_DATA, MAX_CUSTOM_DATA};
use portcullis::text::{OneLine, Severity};

/// A finding about a custom-data collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveFinding {
    /// The kind of finding.
    pub kind: LiveFindingKind,
    /// The collection that it concerns.
    pub source: CustomDataSource,
}

/// What the check of a custom-data collection can find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveFindingKind {
    /// The collection does not exist, so no user has custom data.
    CollectionMissing,
    /// It is a view or a time series, in which users cannot be looked up.
    CollectionUnsuitable {
        /// The type that the server reports, such as `view`.
        kind: String,
    },
    /// No index serves the lookup of a user, so every lookup scans the collection.
    IndexMissing {
        /// Indexes that begin with the field but cannot be used: sparse, partial or hidden ones, or ones with another
        /// collation.
        unusable: Vec<String>,
    },
    /// No unique index prevents two documents from naming the same user.
    IndexNotUnique,
    /// Users named by several documents, of which only one counts.
    IdTwice(Examples),
    /// Documents whose field is an array or inside one. They name no user, although a plain query would find them.
    IdInArray(Examples),
    /// Documents whose field is neither a string nor an ObjectId. They name no user.
    IdOfOtherType(Examples),
    /// Documents in which the field is missing or null. They name no user.
    IdMissing(Examples),
    /// Documents larger than 16 KiB, which are included in every token.
    DocumentLarge(Examples),
    /// Documents larger than 1 MiB, whose users cannot log in.
    DocumentTooLarge(Examples),
    /// A check did not finish in time, so its result is unknown.
    Unfinished(LiveCheck),
}

/// A part of the live check that reads documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveCheck {
    /// Looks for user IDs that occur in several documents.
    IdTwice,
    /// Looks for arrays on the path to the user ID.
    IdInArray,
    /// Looks for user IDs that are neither strings nor ObjectIds.
    IdOfOtherType,
    /// Looks for documents without a user ID.
    IdMissing,
    /// Looks for documents larger than 16 KiB.
    Large,
    /// Looks for documents larger than 1 MiB.
    TooLarge,
}

/// A few examples out of possibly many: user IDs, or `_id`s as extended JSON, each truncated to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// At most [`Examples::SHOWN`].
    pub shown: Vec<String>,
    /// Whether there are more than those shown.
    pub others: Others,
}

/// Whether there are more examples than those shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// All are shown.
    None,
    /// There are more.
    Some,
}

impl Examples {
    /// The maximum number of examples that are shown.
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
    /// The severity of the finding.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.kind {
            LiveFindingKind::CollectionUnsuitable { .. } | LiveFindingKind::DocumentTooLarge(_) => Severity::Error,
            LiveFindingKind::IndexNotUnique | LiveFindingKind::IdMissing(_) => Severity::Note,
            _ => Severity::Warning,
        }
    }

    /// The stable code of its kind.
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

    /// Advice on how to fix it, if there is any.
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
            LiveFindingKind::IdTwice(_) => "delete those that are not intended".to_owned(),
            LiveFindingKind::IdInArray(_) => {
                "whoever wrote them may have tried to claim another's id; delete them".to_owned()
            }
            LiveFindingKind::IdOfOtherType(_) => "write the id as a string or an ObjectId".to_owned(),
            LiveFindingKind::DocumentLarge(_) | LiveFindingKind::DocumentTooLarge(_) => {
                "keep what rules do not read in another collection".to_owned()
            }
            LiveFindingKind::IdMissing(_) | LiveFindingKind::Unfinished(_) => return None,
        })
    }
}

/// Formats the finding as one line that starts in lower case.
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
