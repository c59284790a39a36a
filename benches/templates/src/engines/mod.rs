//! The contenders: one file an engine.

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
    /// JSON text: a document of eight expansions, one of them a document, one an array, two of them texts.
    Json,
    /// The same document as BSON.
    Bson,
    /// A text of eight expansions.
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
    pub outputs: &'static [Output],
    pub race: fn(Output, &mut Race),
}

/// Portcullis first: it is what the others are put in relation to.
pub const ALL: [Contender; 6] = [
    portcullis::CONTENDER,
    hand::CONTENDER,
    serde::CONTENDER,
    minijinja::CONTENDER,
    handlebars::CONTENDER,
    tinytemplate::CONTENDER,
];
