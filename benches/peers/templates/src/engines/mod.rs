//! The contenders: one file an engine.

mod bson;
mod hand;
mod handlebars;
mod minijinja;
mod portcullis;
mod serde;
mod tinytemplate;

use crate::race::Race;

/// What a template becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// JSON text: a document of eight expansions, one of them a document, one an array, and two texts with insertions.
    Json,
    /// The same document as BSON.
    Bson,
    /// A text of eight expansions, without escapes.
    Text,
}

impl Output {
    pub const ALL: [Self; 3] = [Self::Json, Self::Bson, Self::Text];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Bson => "bson",
            Self::Text => "text",
        }
    }
}

/// An engine. It is given users, prepares its template and its own values for them, and has the resolving timed.
pub struct Contender {
    pub engine: &'static str,
    /// How it is used, where there are several ways.
    pub variant: Option<&'static str>,
    pub outputs: &'static [Output],
    pub race: fn(Output, &mut Race),
}

/// Portcullis first: it is what the others are put in relation to.
pub const ALL: [Contender; 9] = [
    portcullis::CONTENDER,
    hand::FROM_DOCUMENT,
    hand::FROM_STRUCT,
    bson::CONTENDER,
    serde::STRUCT,
    serde::VALUE,
    minijinja::CONTENDER,
    handlebars::CONTENDER,
    tinytemplate::CONTENDER,
];
