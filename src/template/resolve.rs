//! Resolves templates.

use std::borrow::Cow;
use std::collections::HashSet;

use bson::Bson;

use super::escape::Escape;
use super::form::{Call, Form, Key, Member, Site};
use super::inputs::Inputs;
use super::sink::{BsonSink, Sink, Slot};
use super::text::{Alternative, Insert, Piece, Text};
use super::unresolved::{Failure, Failures, Reason, Unresolved};
use super::value_text::{self, Text as Plain};
use crate::eval::{Found, convert_each};
use crate::expr::{Conversion, Operator};
use crate::json::{MAX_DEPTH, MAX_SIZE};
use crate::value::{Container, ValueRef};

/// How to handle a part that does not resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// The template as a whole does not resolve.
    Refuse,
    Null,
    Remove,
}

/// The state of one resolution of a template.
pub(super) struct Resolver<'i, 'r> {
    pub(super) inputs: &'r Inputs<'i>,
    /// The escape for inserted text; `None` inside JSON or BSON strings, which need no escape.
    pub(super) escape: Option<Escape>,
    pub(super) failures: Failures,
    /// Whether unresolved parts are kept for a later stage. An alternative then is not used in place of a part that may
    /// still be supplied.
    pub(super) waits: bool,
}

impl<'i, 'r> Resolver<'i, 'r> {
    pub(super) fn new(inputs: &'r Inputs<'i>, escape: Option<Escape>) -> Self {
        Self { inputs, escape, failures: Failures::default(), waits: false }
    }

    /// Writes the value of a form.
    ///
    /// # Errors
    /// Under [`Gap::Refuse`], everything that does not resolve; otherwise only failures that no replacement can fix,
    /// such as a result that is too large.
    pub(super) fn write(mut self, form: &Form, gap: Gap, sink: &mut impl Sink) -> Result<(), Unresolved> {
        self.form(form, Slot::Top, gap, 0, sink);
        let fatal = |failure: &Failure| matches!(failure.reason(), Reason::TooLarge);
        let failures = self.failures.into_vec();
        if failures.is_empty() || (gap != Gap::Refuse && !failures.iter().any(fatal)) {
            Ok(())
        } else {
            Err(Unresolved(failures))
        }
    }

    fn form(&mut self, form: &Form, slot: Slot<'_>, gap: Gap, depth: usize, sink: &mut impl Sink) {
        match form {
            Form::Array(forms) => {
                let mark = sink.begin(slot, Container::Array);
                forms.iter().for_each(|form| self.form(form, Slot::Element, gap, depth + 1, sink));
                sink.end(mark);
            }
            Form::Document(members) => {
                let mark = sink.begin(slot, Container::Document);
                self.members(members, gap, depth + 1, sink);
                sink.end(mark);
            }
            Form::Literal(literal) => {
                let written = sink.literal(slot, literal);
                self.written(written, &literal.site, || written_text(&literal.value), slot, gap, depth, sink);
            }
            Form::Expansion(ask, site) => {
                let written = match self.inputs.find(ask) {
                    Ok(found) => sink.value(slot, found.value(), depth),
                    Err(reason) => Err(reason),
                };
                self.written(written, site, || ask.expansion.to_string(), slot, gap, depth, sink);
            }
            Form::Text(text, site) => {
                let mark = sink.begin_text(slot);
                if self.parts(text, site, &mut |part| sink.part(part)) {
                    sink.end_text(mark);
                    self.written(Ok(()), site, || text.written().to_owned(), slot, gap, depth, sink);
                } else {
                    sink.cancel_text(mark);
                    fill(slot, gap, depth, sink);
                }
            }
            Form::Convert(_, _, site) | Form::Call(_, site) => match self.strict(form) {
                Some(found) => {
                    let written = sink.value(slot, found.value(), depth);
                    self.written(written, site, || asked(form), slot, gap, depth, sink);
                }
                None => fill(slot, gap, depth, sink),
            },
            Form::Default(_) => match self.strict(form) {
                Some(found) => {
                    let written = sink.value(slot, found.value(), depth);
                    if let (Err(reason), Some(site)) = (written, last_site(form)) {
                        self.fail(site, asked(form), reason);
                        fill(slot, gap, depth, sink);
                    }
                }
                None => fill(slot, gap, depth, sink),
            },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what to do when writing failed is the same for every kind of form")]
    fn written(
        &mut self,
        written: Result<(), Reason>,
        site: &Site,
        asked: impl FnOnce() -> String,
        slot: Slot<'_>,
        gap: Gap,
        depth: usize,
        sink: &mut impl Sink,
    ) {
        match written {
            Ok(()) if sink.size() <= MAX_SIZE => {}
            Ok(()) => self.fail(site, asked(), Reason::TooLarge),
            Err(reason) => {
                self.fail(site, asked(), reason);
                fill(slot, gap, depth, sink);
            }
        }
    }

    fn members(&mut self, members: &[Member], gap: Gap, depth: usize, sink: &mut impl Sink) {
        // Literal keys are distinct, but an inserted key may duplicate another key.
        let mut keys = members.iter().any(|member| matches!(member.key, Key::Text(_))).then(HashSet::new);
        for member in members {
            let (key, json) = match &member.key {
                Key::Plain(key, json) => (Cow::Borrowed(&**key), Some(&**json)),
                Key::Text(text) => match self.key(text, &member.site) {
                    Some(key) => (Cow::Owned(key), None),
                    None => {
                        self.tell_within(&member.value, gap, depth);
                        continue;
                    }
                },
            };
            if let Key::Text(text) = &member.key
                && !sink.takes_key(&key)
            {
                self.fail(&member.site, first_asked(text), Reason::NotJson(key.into_owned()));
                self.tell_within(&member.value, gap, depth);
                continue;
            }
            if let Some(keys) = &mut keys
                && !keys.insert(key.to_string())
            {
                let asked = match &member.key {
                    Key::Text(text) => first_asked(text),
                    Key::Plain(key, _) => key.to_string(),
                };
                self.fail(&member.site, asked, Reason::KeyDuplicate(key.into_owned()));
                self.tell_within(&member.value, gap, depth);
                continue;
            }
            self.form(&member.value, Slot::Key(&key, json), gap, depth, sink);
        }
    }

    /// Records the failures inside a value that is omitted because its key does not resolve or is a duplicate.
    fn tell_within(&mut self, form: &Form, gap: Gap, depth: usize) {
        let mut value = Resolver::new(self.inputs, self.escape);
        value.form(form, Slot::Top, gap, depth, &mut BsonSink::default());
        value.failures.into_vec().into_iter().for_each(|failure| self.failures.add(failure));
    }

    /// The key with everything inserted; `None` after recording why it does not resolve.
    pub(super) fn key(&mut self, text: &Text, site: &Site) -> Option<String> {
        let mut key = String::new();
        let mut complete = true;
        for piece in &text.pieces {
            match piece {
                Piece::Plain(plain) => key.push_str(plain),
                Piece::Insert(insert) => match self.insert(insert) {
                    Ok((_, inserted)) if is_plain_name(&inserted) => key.push_str(&inserted),
                    Ok((alternative, _)) => {
                        self.fail(site, insert.asked(), Reason::KeyMalformed(alternative.asked()));
                        complete = false;
                    }
                    Err(reason) => {
                        self.fail(site, insert.asked(), reason);
                        complete = false;
                    }
                },
            }
        }
        complete.then_some(key)
    }

    /// The text with everything inserted; `None` after recording what does not resolve.
    fn text(&mut self, text: &Text, site: &Site) -> Option<String> {
        let mut out = String::new();
        self.parts(text, site, &mut |part| out.push_str(part)).then_some(out)
    }

    /// Passes the text to `part` piece by piece, with everything inserted. Returns `false` after recording what does
    /// not resolve.
    pub(super) fn parts(&mut self, text: &Text, site: &Site, part: &mut impl FnMut(&str)) -> bool {
        let (mut length, mut complete) = (0_usize, true);
        for piece in &text.pieces {
            let failed = match piece {
                Piece::Plain(plain) => {
                    length = length.saturating_add(plain.len());
                    part(plain);
                    continue;
                }
                Piece::Insert(insert) => match self.insert(insert) {
                    Ok((alternative, inserted)) => match self.escape {
                        None | Some(Escape::None) => give(&inserted, &mut length, part),
                        Some(escape) => match escape.apply(&inserted) {
                            Ok(escaped) => give(&escaped, &mut length, part),
                            Err(refused) => Err(Reason::Escape { inserted: alternative.asked(), refused }),
                        },
                    },
                    Err(reason) => Err(reason),
                }
                .map_err(|reason| (insert, reason)),
            };
            if let Err((insert, reason)) = failed {
                complete = false;
                let is_last = reason == Reason::TooLarge;
                self.fail(site, insert.asked(), reason);
                if is_last {
                    break;
                }
            }
        }
        complete
    }

    /// The inserted text, and the alternative that provided it.
    pub(super) fn insert<'t>(&self, insert: &'t Insert) -> Result<(&'t Alternative, Plain<'t>), Reason>
    where
        'i: 't,
    {
        let mut reason = Reason::Missing;
        for alternative in &insert.alternatives {
            match self.alternative(alternative) {
                Ok(text) => return Ok((alternative, text)),
                Err(why) if self.waits && why.is_not_supplied() => return Err(why),
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }

    pub(super) fn alternative<'t>(&self, alternative: &'t Alternative) -> Result<Plain<'t>, Reason>
    where
        'i: 't,
    {
        match alternative {
            Alternative::Literal(text) => Ok(Plain::Borrowed(text)),
            Alternative::Expansion(ask) => match self.inputs.find(ask)? {
                Found::Value(value) => value_text::text(value).ok_or_else(|| Reason::NoText(value.kind().alias())),
                Found::Made(value) => {
                    let value = ValueRef::from(&value);
                    match value_text::text(value) {
                        Some(text) => Ok(text.into_owned()),
                        None => Err(Reason::NoText(value.kind().alias())),
                    }
                }
            },
        }
    }

    /// The value of a form, in which everything must resolve; `None` after recording the failures.
    pub(super) fn strict(&mut self, form: &Form) -> Option<Found<'i>> {
        match form {
            Form::Literal(literal) => Some(Found::Made(literal.value.clone())),
            Form::Expansion(ask, site) => match self.inputs.find(ask) {
                Ok(found) => Some(found),
                Err(reason) => {
                    self.fail(site, ask.expansion.to_string(), reason);
                    None
                }
            },
            Form::Text(text, site) => self.text(text, site).map(|text| Found::Made(text.into())),
            Form::Array(_) | Form::Document(_) => {
                let mut sink = BsonSink::default();
                let before = self.failures.len();
                self.form(form, Slot::Top, Gap::Refuse, 0, &mut sink);
                if self.failures.len() > before { None } else { sink.finish().map(Found::Made) }
            }
            Form::Convert(conversion, operand, site) => self.convert(*conversion, operand, site),
            Form::Default(alternatives) => self.default(alternatives),
            Form::Call(call, site) => self.call(call, site),
        }
    }

    fn convert(&mut self, conversion: Conversion, operand: &Form, site: &Site) -> Option<Found<'i>> {
        let found = self.strict(operand)?;
        if let Some(converted) = convert_each(conversion, found.value()) {
            return Some(Found::Made(converted));
        }
        let reason = Reason::NotConvertible {
            operator: Operator::Convert(conversion).spelling(),
            found: found.value().kind().alias(),
        };
        self.fail(site, asked(operand), reason);
        None
    }

    /// The first alternative that resolves. If none does, only the failures of the last one are recorded.
    fn default(&mut self, alternatives: &[Form]) -> Option<Found<'i>> {
        let (last, others) = alternatives.split_last()?;
        let before = self.failures.len();
        for alternative in others {
            if let Some(found) = self.strict(alternative) {
                return Some(found);
            }
            if self.waits && self.failures.since(before).iter().any(|failure| failure.reason().is_not_supplied()) {
                return None;
            }
            self.failures.truncate(before);
        }
        self.strict(last)
    }

    fn call(&mut self, call: &Call, site: &Site) -> Option<Found<'i>> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        let mut complete = true;
        for argument in &call.arguments {
            match self.strict(argument).map(|found| found.value().to_bson()) {
                Some(Ok(argument)) => arguments.push(argument),
                Some(Err(error)) => {
                    self.fail(site, &*call.name, error.into());
                    complete = false;
                }
                None => complete = false,
            }
        }
        if !complete {
            return None;
        }
        match self.inputs.context.call(&call.name, &arguments) {
            Ok(result) => Some(Found::Made(Bson::clone(&result))),
            Err(error) => {
                self.fail(site, &*call.name, Reason::Failed(error));
                None
            }
        }
    }

    pub(super) fn fail(&mut self, site: &Site, asked: impl Into<Box<str>>, reason: Reason) {
        self.failures.add(Failure::new(site, asked, reason));
    }
}

/// Passes on an inserted piece, unless the text would exceed the size limit.
fn give(inserted: &str, length: &mut usize, part: &mut impl FnMut(&str)) -> Result<(), Reason> {
    *length = length.saturating_add(inserted.len());
    if *length > MAX_SIZE {
        return Err(Reason::TooLarge);
    }
    part(inserted);
    Ok(())
}

/// Writes the replacement for a part that does not resolve.
fn fill(slot: Slot<'_>, gap: Gap, depth: usize, sink: &mut impl Sink) {
    if gap == Gap::Null {
        // Null is accepted in every slot.
        let _ = sink.value(slot, ValueRef::Null, depth.min(MAX_DEPTH));
    }
}

/// Whether text may be inserted into a key: a plain name cannot form a dotted path or an operator.
fn is_plain_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('$') && !text.contains(['.', '\0'])
}

/// The source text of the expansion, operand or call that a form is about, as shown in failures.
pub(super) fn asked(form: &Form) -> String {
    match form {
        Form::Literal(literal) if !literal.quoted => written_text(&literal.value),
        Form::Expansion(ask, _) => ask.expansion.to_string(),
        Form::Text(text, _) => text.written().to_owned(),
        composed => written_text(&super::print::bson(composed)),
    }
}

/// Strings as they are, other values as extended JSON.
fn written_text(value: &Bson) -> String {
    match value {
        Bson::String(text) => text.clone(),
        other => crate::json::from_bson(other).to_string(),
    }
}

/// The position of the last alternative of a `%default`.
fn last_site(form: &Form) -> Option<&Site> {
    match form {
        Form::Expansion(_, site) | Form::Text(_, site) | Form::Convert(_, _, site) | Form::Call(_, site) => Some(site),
        Form::Literal(literal) => Some(&literal.site),
        Form::Default(forms) | Form::Array(forms) => forms.last().and_then(last_site),
        Form::Document(members) => members.last().map(|member| &member.site),
    }
}

fn first_asked(text: &Text) -> String {
    text.inserts().next().map(Insert::asked).unwrap_or_default()
}

impl Insert {
    /// The expansion to name if no alternative resolves: the last one.
    pub(super) fn asked(&self) -> String {
        self.alternatives.last().map(Alternative::asked).unwrap_or_default()
    }
}

impl Alternative {
    fn asked(&self) -> String {
        match self {
            Self::Expansion(ask) => ask.expansion.to_string(),
            Self::Literal(text) => text.to_string(),
        }
    }
}
