//! The syntax tree of templates.

use bson::Bson;

use super::ask::Ask;
use super::text::Text;
use crate::expr::{Conversion, Expansion};
use crate::text::Span;

/// A value in a template.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A constant.
    Literal(Literal),
    /// A string that is one expansion: `"%%user.id"`
    Expansion(Ask, Site),
    /// A string with insertions: `"hello %(%%user.data.name)"`
    Text(Text, Site),
    /// `[…]` with expansions inside.
    Array(Vec<Form>),
    /// `{…}` with expansions inside.
    Document(Vec<Member>),
    /// `{"%stringToOid": …}`
    Convert(Conversion, Box<Form>, Site),
    /// `{"%default": […]}`
    Default(Vec<Form>),
    /// `{"%function": {"name": …, "arguments": […]}}`
    Call(Call, Site),
}

/// A value that is copied to the result.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub(super) value: Bson,
    /// Whether it is written as `{"%literal": …}`.
    pub(super) quoted: bool,
    /// Its encoded BSON, without type byte and key.
    pub(super) bytes: Box<[u8]>,
    /// Its relaxed extended JSON; `None` if that would not round-trip.
    pub(super) json: Option<Box<[u8]>>,
    pub(super) site: Site,
}

/// A function call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Vec<Form>,
    /// Whether `arguments` is written as an array.
    pub(super) listed: bool,
}

/// A field of a document.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) value: Form,
    pub(super) site: Site,
}

/// The key of a member.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// A constant key, and the JSON for it, including the colon.
    Plain(Box<str>, Box<[u8]>),
    /// A key with insertions: `role_%(%%user.data.team)`
    Text(Text),
}

/// The position of a part of a template.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The JSON pointer (RFC 6901); for a key, that of its member.
    pub(super) pointer: Box<str>,
    /// The position in the source text; empty for a template that was not parsed from text.
    pub(super) span: Span,
}

impl Member {
    /// The key in source form.
    pub(super) fn written(&self) -> &str {
        match &self.key {
            Key::Plain(name, _) => name,
            Key::Text(text) => text.written(),
        }
    }
}

impl Form {
    /// Visits every part that is not a container, in source order.
    pub(super) fn visit<'f>(&'f self, visitor: &mut dyn FnMut(Part<'f>)) {
        match self {
            Self::Literal(_) => {}
            Self::Expansion(ask, site) => visitor(Part::Expansion(&ask.expansion, site)),
            Self::Text(text, site) => visitor(Part::Text(text, site)),
            Self::Array(forms) => forms.iter().for_each(|form| form.visit(visitor)),
            Self::Document(members) => {
                for member in members {
                    if let Key::Text(text) = &member.key {
                        visitor(Part::Text(text, &member.site));
                    }
                    member.value.visit(visitor);
                }
            }
            Self::Convert(_, operand, _) => operand.visit(visitor),
            Self::Default(alternatives) => {
                let last = alternatives.len().saturating_sub(1);
                for (index, form) in alternatives.iter().enumerate() {
                    form.visit(&mut |part| visitor(if index == last { part } else { part.with_default() }));
                }
            }
            Self::Call(call, _) => call.arguments.iter().for_each(|form| form.visit(visitor)),
        }
    }
}

/// A part of a template that refers to a value or calls a function.
#[derive(Clone, Copy)]
pub(super) enum Part<'f> {
    Expansion(&'f Expansion, &'f Site),
    Text(&'f Text, &'f Site),
    /// An expansion or text that has another alternative after it in a `%default`.
    Defaulted(&'f Expansion, &'f Site),
    DefaultedText(&'f Text, &'f Site),
}

impl Part<'_> {
    const fn with_default(self) -> Self {
        match self {
            Self::Expansion(expansion, site) => Self::Defaulted(expansion, site),
            Self::Text(text, site) => Self::DefaultedText(text, site),
            defaulted => defaulted,
        }
    }
}
