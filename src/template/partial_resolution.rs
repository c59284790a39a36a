//! Resolves what can be resolved and returns a template for the rest ([`Missing::Keep`](super::Missing::Keep)).

use std::collections::HashSet;

use bson::{Bson, Document};

use super::form::{Form, Key, Member};
use super::literal::quoted;
use super::print::{self, single};
use super::resolve::Resolver;
use super::sink;
use super::text::{Insert, Piece, Text};
use super::unresolved::Reason;
use crate::json::MAX_SIZE;

impl Resolver<'_, '_> {
    /// The template that remains once everything that resolves has been replaced by its value. Values are quoted where
    /// necessary, so that parsing the remaining template yields them unchanged.
    pub(super) fn keep(&mut self, form: &Form) -> Bson {
        match form {
            Form::Literal(_) => print::bson(form),
            Form::Array(forms) => Bson::Array(forms.iter().map(|form| self.keep(form)).collect()),
            Form::Document(members) => Bson::Document(self.keep_members(members)),
            Form::Text(text, _) => self.keep_text(text).into(),
            Form::Default(alternatives) => self.keep_default(alternatives),
            Form::Expansion(..) | Form::Convert(..) | Form::Call(..) => {
                let before = self.failures.len();
                match self.strict(form).map(|found| found.value().to_bson()) {
                    Some(Ok(value)) => protected(value),
                    _ => {
                        self.failures.truncate(before);
                        print::bson(form)
                    }
                }
            }
        }
    }

    fn keep_members(&mut self, members: &[Member]) -> Document {
        let mut kept = Document::new();
        let plain: HashSet<&str> = members
            .iter()
            .filter_map(|one| match &one.key {
                Key::Plain(plain, _) => Some(&**plain),
                Key::Text(_) => None,
            })
            .collect();
        for member in members {
            let key = match &member.key {
                Key::Plain(key, _) => key.to_string(),
                // If the resolved key equals another key, it is left as written, so that a later resolution reports the
                // duplicate. If even the written forms are equal, a space is added after `%(`, where it has no meaning,
                // to keep the keys distinct.
                Key::Text(text) => {
                    let mut key = self.keep_key(text, member);
                    if kept.contains_key(&key) || plain.contains(&*key) {
                        text.written().clone_into(&mut key);
                    }
                    while kept.contains_key(&key) {
                        key = key.replacen("%(", "%( ", 1);
                    }
                    key
                }
            };
            let value = self.keep(&member.value);
            kept.insert(key, value);
        }
        kept
    }

    fn keep_key(&mut self, text: &Text, member: &Member) -> String {
        let before = self.failures.len();
        let key = self.key(text, &member.site);
        self.failures.truncate(before);
        match key {
            // Each insertion is quoted by itself, as what is inserted into a key must be one name.
            Some(key) if key.starts_with('%') || key.contains("%(") => self.keep_text(text),
            Some(key) => key,
            None => text.written().to_owned(),
        }
    }

    /// Inserts everything that resolves, quoted where it would otherwise be interpreted again.
    pub(super) fn keep_text(&self, text: &Text) -> String {
        let mut out = String::new();
        for piece in &text.pieces {
            match piece {
                Piece::Plain(plain) => {
                    // An insertion of nothing separates a `%` from the `(` that follows it.
                    if opens(&out, plain) {
                        out.push_str("%(\"\")");
                    }
                    out.push_str(plain);
                }
                Piece::Insert(insert) => self.keep_insert(insert, &mut out),
            }
        }
        // A leading `%%` would turn the whole string into an expansion.
        if self.escape.is_none() && out.starts_with("%%") { format!("%(\"\"){out}") } else { out }
    }

    fn keep_insert(&self, insert: &Insert, out: &mut String) {
        for (index, alternative) in insert.alternatives.iter().enumerate() {
            match self.alternative(alternative) {
                Ok(text) => match self.escape.unwrap_or_default().apply(&text) {
                    Ok(escaped) if is_inert(out, &escaped) => out.push_str(&escaped),
                    Ok(_) => {
                        out.push_str("%(");
                        out.push_str(&quoted(&text));
                        out.push(')');
                    }
                    Err(_) => out.push_str(&insert.written),
                },
                Err(reason) if reason.is_not_supplied() => {
                    let rest = insert.alternatives.get(index..).unwrap_or_default();
                    let rest: Vec<String> = rest.iter().map(super::text::Alternative::print).collect();
                    out.push_str("%(");
                    out.push_str(&rest.join(", "));
                    out.push(')');
                }
                Err(_) => continue,
            }
            return;
        }
        out.push_str(&insert.written);
    }

    fn keep_default(&mut self, alternatives: &[Form]) -> Bson {
        let before = self.failures.len();
        for (index, alternative) in alternatives.iter().enumerate() {
            if let Some(Ok(value)) = self.strict(alternative).map(|found| found.value().to_bson()) {
                self.failures.truncate(before);
                return protected(value);
            }
            let supplied_later = self.failures.since(before).iter().any(|failure| failure.reason().is_not_supplied());
            self.failures.truncate(before);
            if supplied_later {
                let rest = alternatives.get(index..).unwrap_or_default();
                return single("%default", Bson::Array(rest.iter().map(print::bson).collect()));
            }
        }
        single("%default", Bson::Array(alternatives.iter().map(print::bson).collect()))
    }
}

/// Whether appending `text` to the template text `before` leaves it plain text.
fn is_inert(before: &str, text: &str) -> bool {
    !text.contains('%') && !opens(before, text)
}

/// Whether the concatenation of two texts has a `%(` across the boundary.
fn opens(before: &str, text: &str) -> bool {
    before.ends_with('%') && text.starts_with('(')
}

/// A template that resolves to the value: the value itself or, if it could be read as syntax, a `%literal`.
fn protected(value: Bson) -> Bson {
    if is_read_again(&value) { single("%literal", value) } else { value }
}

/// Whether any part of the value would be interpreted as an expansion, insertion or operator.
fn is_read_again(value: &Bson) -> bool {
    match value {
        Bson::String(text) => text.starts_with("%%") || text.contains("%("),
        Bson::Array(elements) => elements.iter().any(is_read_again),
        Bson::Document(document) => {
            document.iter().any(|(key, value)| key.starts_with('%') || key.contains("%(") || is_read_again(value))
        }
        _ => false,
    }
}

/// Rejects a remaining template that is nested too deeply or is too large.
pub(super) fn size(kept: &Bson) -> Result<(), Reason> {
    if sink::size(kept.into(), 0)? > MAX_SIZE { Err(Reason::TooLarge) } else { Ok(()) }
}
