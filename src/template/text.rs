//! Texts that contain `%(…)`.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, multispace0};
use nom::combinator::map;
use nom::multi::separated_list1;
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::ask::Ask;
use super::error::TemplateErrorKind;
use super::literal::string_literal;
use crate::expr::{Expansion, ExprErrorKind};

/// A text into which expansions are inserted.
#[derive(Clone, Debug)]
pub(super) struct Text {
    written: Box<str>,
    pub(super) pieces: Vec<Piece>,
}

/// A part of a text.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Text that is copied.
    Plain(Box<str>),
    /// `%(%%user.data.name, "you")`
    Insert(Insert),
}

/// An insertion.
#[derive(Clone, Debug)]
pub(super) struct Insert {
    /// Its source text, including `%(` and `)`.
    pub(super) written: Box<str>,
    /// One or more alternatives; the first that resolves is inserted. Only the last may be a literal.
    pub(super) alternatives: Vec<Alternative>,
}

/// What can be inserted.
#[derive(Clone, Debug)]
pub(super) enum Alternative {
    /// `%%user.data.name`
    Expansion(Ask),
    /// `"you"`, `5`, `true`: the text to insert.
    Literal(Box<str>),
}

/// An alternative between `%(` and `)`, as written.
enum Token<'t> {
    String(String),
    Word(&'t str),
}

fn token(text: &str) -> IResult<&str, Token<'_>> {
    alt((map(string_literal, Token::String), map(take_while1(|c| !matches!(c, ',' | ')' | '"')), Token::Word)))
        .parse(text)
}

/// `(` token { `,` token } `)`, with optional spaces around each token.
fn insertion(text: &str) -> IResult<&str, Vec<Token<'_>>> {
    let token = delimited(multispace0, token, multispace0);
    delimited(tag("%("), separated_list1(char(','), token), char(')')).parse(text)
}

impl Text {
    /// Parses a text.
    ///
    /// # Errors
    /// All malformed insertions, each with a suggestion if there is an obvious one.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<(TemplateErrorKind, Option<String>)>> {
        let (mut pieces, mut errors) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(at) = rest.find("%(") {
            let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            if !plain.is_empty() {
                pieces.push(Piece::Plain(plain.into()));
            }
            let Ok((tail, tokens)) = insertion(from) else {
                errors.push(malformed(from));
                return Err(errors);
            };
            let written = from.strip_suffix(tail).unwrap_or(from);
            match alternatives(tokens) {
                Ok(alternatives) => pieces.push(Piece::Insert(Insert { written: written.into(), alternatives })),
                Err(error) => errors.push(error),
            }
            rest = tail;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Plain(rest.into()));
        }
        if errors.is_empty() { Ok(Self { written: text.into(), pieces }) } else { Err(errors) }
    }

    /// The text as written.
    pub(super) const fn written(&self) -> &str {
        &self.written
    }

    /// The insertions in order.
    pub(super) fn inserts(&self) -> impl Iterator<Item = &Insert> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Insert(insert) => Some(insert),
            Piece::Plain(_) => None,
        })
    }
}

impl Alternative {
    /// The alternative in source form.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Expansion(ask) => ask.expansion.to_string(),
            Self::Literal(text) => super::literal::quoted(text),
        }
    }
}

fn alternatives(tokens: Vec<Token<'_>>) -> Result<Vec<Alternative>, (TemplateErrorKind, Option<String>)> {
    let last = tokens.len().saturating_sub(1);
    let mut alternatives = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.into_iter().enumerate() {
        let alternative = match token {
            Token::String(text) => Alternative::Literal(text.into()),
            Token::Word(word) => self::word(word.trim())?,
        };
        if index != last && matches!(alternative, Alternative::Literal(_)) {
            let help = "a literal always resolves: leave out what stands behind it".to_owned();
            return Err((TemplateErrorKind::LiteralNotLast, Some(help)));
        }
        alternatives.push(alternative);
    }
    Ok(alternatives)
}

fn word(word: &str) -> Result<Alternative, (TemplateErrorKind, Option<String>)> {
    if word.starts_with("%%") {
        return match Ask::parse(word) {
            Ok(ask) => Ok(Alternative::Expansion(ask)),
            Err(error) => Err(unreadable(word, error)),
        };
    }
    match word {
        "true" | "false" => return Ok(Alternative::Literal(word.into())),
        "null" => return Err((TemplateErrorKind::NullInText, Some("write \"\" to insert nothing".to_owned()))),
        _ => {}
    }
    if let Ok(number) = serde_json::from_str::<serde_json::Number>(word) {
        return Ok(Alternative::Literal(super::value_text::json_number(&number).into()));
    }
    let help = Expansion::suggest(word).map_or_else(
        || "write an expansion, such as `%(%%user.id)`, or a JSON string, number or boolean".to_owned(),
        |meant| format!("did you mean `%({meant})`?"),
    );
    Err((TemplateErrorKind::InsertionUnknown(word.to_owned()), Some(help)))
}

/// A suggestion for a malformed expansion.
pub(super) fn unreadable(text: &str, error: ExprErrorKind) -> (TemplateErrorKind, Option<String>) {
    let help = Expansion::suggest(text).map(|meant| format!("did you mean `{meant}`?"));
    (TemplateErrorKind::Expansion(error), help)
}

fn malformed(from: &str) -> (TemplateErrorKind, Option<String>) {
    let inner = from.get(2..).unwrap_or_default().trim_start();
    if inner.starts_with(')') {
        return (TemplateErrorKind::InsertionEmpty, Some("name an expansion: `%(%%user.id)`".to_owned()));
    }
    if from.contains(')') && !inner.starts_with('"') {
        let until = from.find(')').and_then(|end| from.get(..=end)).unwrap_or(from);
        let help = "alternatives are separated by commas: `%(%%user.data.name, \"you\")`".to_owned();
        return (TemplateErrorKind::InsertionMalformed(until.to_owned()), Some(help));
    }
    (TemplateErrorKind::Unclosed, Some("add the missing `)`; for the text `%(` itself write `%(\"%(\")`".to_owned()))
}
