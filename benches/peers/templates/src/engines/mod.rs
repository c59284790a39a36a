//! The contenders, with one file per engine.

mod bson;
mod hand;
mod handlebars;
mod minijinja;
mod portcullis;
mod serde;
mod tinytemplate;

use crate::race::Race;

/// The output of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// JSON text: a document with eight expansions, one of them in an embedded document, one in an array, and two
    /// inside strings.
    Json,
    /// The same document as BSON.
    Bson,
    /// Text with eight expansions, without escaping.
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

/// An engine. It gets users, prepares its template and its own values for them, and has the resolving timed.
pub struct Contender {
    pub engine: &'static str,
    /// The name of the way in which it is used, if there are several.
    pub variant: Option<&'static str>,
    pub outputs: &'static [Output],
    pub race: fn(Output, &mut Race),
}

/// All contenders, beginning with Portcullis, to which the others are compared.
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
