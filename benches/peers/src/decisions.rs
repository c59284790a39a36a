//! The decisions, the user, and the encoding of answers.
//!
//! The user is the same in every run and known before the first document: each engine may compile the user into its
//! rule, or do whatever corresponds to that.

/// The user: an editor of the pilots' team at Bremerhaven.
pub mod user {
    pub const ID: &str = "64b7f0c2a1d3e4f5a6b7c8d9";
    pub const ROLE: &str = "editor";
    pub const TEAM: &str = "pilots";
    pub const TEAMS: [&str; 2] = ["pilots", "tugs"];
    pub const SITE: &str = "Bremerhaven";
    pub const GRADE: i32 = 4;

    /// Inserts the user into the text of a rule; lists are written as in JSON, which all languages here can read.
    pub fn fill_in(rule: &str) -> String {
        rule.replace("%ID%", ID)
            .replace("%ROLE%", ROLE)
            .replace("%TEAM%", TEAM)
            .replace("%TEAMS%", &format!("{TEAMS:?}"))
            .replace("%SITE%", SITE)
            .replace("%GRADE%", &GRADE.to_string())
    }
}

/// The three decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// `(doc.owner == user.id AND user.custom_data.role in [editor, admin]) OR user.id in doc.members`
    A,
    /// Which of eight roles is the first that applies, and whether it may read:
    ///
    /// | role | applies | may read |
    /// | --- | --- | --- |
    /// | Administrator | user.role is admin, site is the user's | status is not gone |
    /// | Inspector | user.role is inspector, status is gone | age >= 18 |
    /// | Owner | owner is the user, user.role in \[editor, admin] | status in \[active, pending] |
    /// | Lead | user.role is editor, team and site are the user's | status is active |
    /// | Delegate | the user is in members, user.role is editor | status in \[active, pending] |
    /// | Neighbour | site is the user's, user.grade >= 3 | age >= 40 |
    /// | Colleague | team in user.teams, user.grade >= 3 | status is active |
    /// | Veteran | age >= 55, user.role in \[editor, viewer] | status is gone |
    B,
    /// Whether `before` may become `after`: the role is Owner or Member, according to the two halves of (a) for
    /// `before`, and neither `owner` nor `site` may change.
    C,
}

/// The form of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The engine's own value, converted beforehand.
    Prepared,
    /// BSON bytes.
    Bson,
    /// JSON text.
    Json,
}

impl Decision {
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
        }
    }

    /// The fields that the rule uses; in (c), those of `before`.
    pub const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::A => &["owner", "members"],
            Self::B => &["owner", "members", "team", "site", "status", "age"],
            Self::C => &["owner", "members", "site"],
        }
    }

    /// The fields of `after` that the rule of (c) uses.
    pub const FIELDS_AFTER: &'static [&'static str] = &["owner", "site"];
}

impl Tier {
    pub const ALL: [Self; 3] = [Self::Prepared, Self::Bson, Self::Json];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Bson => "bson",
            Self::Json => "json",
        }
    }
}

/// An answer in one byte: twice the role's index, plus one if access is allowed. In (a), there is no role.
pub type Answer = u8;

/// The answer if no role applies.
pub const NO_ROLE: Answer = 16;

pub const fn answer(role: u8, may: bool) -> Answer {
    2 * role + may as u8
}

pub const fn is_allowed(answer: Answer) -> bool {
    answer % 2 == 1
}
