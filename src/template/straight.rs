//! Writes a result from its layout in a single pass, provided that everything resolves.
//!
//! This is the fast path, which serves nearly all users. At the first part that does not resolve, is rejected or
//! exceeds the size limit, it gives up, and the [`Resolver`] starts over: only the resolver handles
//! [`Missing`](super::Missing) and reports errors.

use super::escape::Escape;
use super::inputs::Inputs;
use super::layout::{Content, Counted, LENGTH, Layout, Part, Position, Source};
use super::resolve::Resolver;
use super::sink::DEEPER;
use super::text::Insert;
use super::value_text;
use crate::eval::{UserSlot, UserValues};
use crate::json::{self, MAX_SIZE};
use crate::value::{ValueRef, encode_at, encode_string, type_byte};

/// An output format.
pub(super) trait Language {
    fn value(&self, value: ValueRef<'_>, position: Position, out: &mut Vec<u8>) -> Option<()>;
    /// Appends text that is inserted into a string.
    fn text(&self, text: &str, out: &mut Vec<u8>) -> Option<()>;
}

/// Relaxed extended JSON on one line.
pub(super) struct Json;

impl Language for Json {
    #[inline]
    fn value(&self, value: ValueRef<'_>, position: Position, out: &mut Vec<u8>) -> Option<()> {
        if let ValueRef::String(text) = value {
            json::string(text, out);
            return Some(());
        }
        json::write_relaxed(value, position.depth.saturating_add(DEEPER), out).ok()
    }

    #[inline]
    fn text(&self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        json::escape(text, out);
        Some(())
    }
}

/// BSON elements. The type byte and name of each value have been written before.
pub(super) struct Raw;

impl Language for Raw {
    #[inline]
    fn value(&self, value: ValueRef<'_>, position: Position, out: &mut Vec<u8>) -> Option<()> {
        if let ValueRef::String(text) = value {
            return encode_string(text, out).ok();
        }
        let at = out.len().checked_sub(position.name + 1)?;
        *out.get_mut(at)? = type_byte(value);
        encode_at(value, position.depth.saturating_add(DEEPER), out).ok()
    }

    #[inline]
    fn text(&self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(text.as_bytes());
        Some(())
    }
}

/// Text templates: inserted text is escaped.
impl Language for Escape {
    fn value(&self, _: ValueRef<'_>, _: Position, _: &mut Vec<u8>) -> Option<()> {
        None
    }

    #[inline]
    fn text(&self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::None => out.extend_from_slice(text.as_bytes()),
            Self::Json => json::escape(text, out),
            escape => out.extend_from_slice(escape.apply(text).ok()?.as_bytes()),
        }
        Some(())
    }
}

/// Appends the result. Returns `None`, with `out` restored, if the resolver has to take over.
pub(super) fn write(layout: &Layout, inputs: &Inputs<'_>, language: &impl Language, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let values = layout.paths.values(inputs.context);
    let pass = Pass { inputs, values, language, most: start.saturating_add(MAX_SIZE) };
    let written = pass.append(&layout.content, out);
    if written.is_none() {
        out.truncate(start);
    }
    written
}

struct Pass<'i, 'r, L> {
    inputs: &'r Inputs<'i>,
    values: UserValues<'i>,
    language: &'r L,
    /// The limit on `out.len()`, which includes what the caller had written before.
    most: usize,
}

impl<L: Language> Pass<'_, '_, L> {
    fn append(&self, content: &Content, out: &mut Vec<u8>) -> Option<()> {
        for step in &content.steps {
            out.extend_from_slice(&step.before);
            match &step.part {
                Part::Value(source, position) => self.value(source, *position, out)?,
                Part::Text(slot, insert) => self.text(*slot, insert, out)?,
                Part::Measured(content, counted) => {
                    let from = out.len();
                    self.append(content, out)?;
                    set_length(from, *counted, out)?;
                }
            }
            if out.len() > self.most {
                return None;
            }
        }
        out.extend_from_slice(&content.end);
        (out.len() <= self.most).then_some(())
    }

    #[inline]
    fn value(&self, source: &Source, position: Position, out: &mut Vec<u8>) -> Option<()> {
        let ask = match source {
            Source::User(slot, ask) => match self.values.get(*slot) {
                Some(value) => return self.language.value(value, position, out),
                None => ask,
            },
            Source::Expansion(ask) => ask,
            Source::Composed(form) => {
                let found = Resolver::new(self.inputs, None).strict(form)?;
                return self.language.value(found.value(), position, out);
            }
        };
        self.language.value(self.inputs.find(ask).ok()?.value(), position, out)
    }

    #[inline]
    fn text(&self, slot: Option<UserSlot>, insert: &Insert, out: &mut Vec<u8>) -> Option<()> {
        match slot.and_then(|slot| self.values.get(slot)) {
            Some(ValueRef::String(text)) => return self.language.text(text, out),
            Some(value) => {
                if let Some(text) = value_text::text(value) {
                    return self.language.text(&text, out);
                }
            }
            None => {}
        }
        let (_, text) = Resolver::new(self.inputs, None).insert(insert).ok()?;
        self.language.text(&text, out)
    }
}

/// Fills in the length prefix in the four bytes before `from`.
#[inline]
fn set_length(from: usize, counted: Counted, out: &mut [u8]) -> Option<()> {
    let length = out.len().checked_sub(from)?;
    let length = match counted {
        Counted::Rest => length,
        Counted::All => length.checked_add(LENGTH)?,
    };
    let place = out.get_mut(from.checked_sub(LENGTH)?..)?.first_chunk_mut()?;
    *place = i32::try_from(length).ok()?.to_le_bytes();
    Some(())
}
