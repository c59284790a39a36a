//! Parsing of the objects in a trigger's configuration.

use bson::Document;

use super::{TriggerError, TriggerErrorKind};
use crate::json::{Kind, Node, to_document};
use crate::text::{Span, Spanned};

/// Reads the members of an object and collects errors.
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
    pub(super) errors: Vec<TriggerError>,
}

impl<'n> Fields<'n> {
    pub(super) const fn new(node: &'n Node) -> Self {
        Self { node, errors: Vec::new() }
    }

    /// The start of the object, where errors about missing keys are positioned.
    pub(super) const fn start(&self) -> Span {
        Span::new(self.node.span.start, self.node.span.start)
    }

    pub(super) fn report(&mut self, kind: TriggerErrorKind, span: Span) {
        self.errors.push(TriggerError::new(kind, span));
    }

    /// Reads a string. An empty string counts as absent.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Spanned<&'n str>> {
        self.take(key, "a string", |node| node.as_str()).filter(|text| !text.is_empty())
    }

    /// Reads a string that is required.
    pub(super) fn required(&mut self, what: &'static str, key: &'static str) -> Option<Spanned<&'n str>> {
        let said = self.errors.len();
        let found = self.text(key);
        if found.is_none() && self.errors.len() == said {
            let span = self.node.get(key).map_or_else(|| self.start(), |node| node.span);
            self.report(TriggerErrorKind::FieldMissing { what, key }, span);
        }
        found
    }

    /// Reads a boolean, which is `false` by default.
    pub(super) fn flag(&mut self, key: &'static str) -> Spanned<bool> {
        let found = self.take(key, "true or false", Node::as_bool);
        found.unwrap_or_else(|| Spanned::new(false, self.start()))
    }

    /// Reads a string or an array of strings.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Spanned<&'n str>> {
        let expected = "a string or an array of strings";
        let read = |node: &'n Node| match node.as_str() {
            Some(_) => Some(std::slice::from_ref(node)),
            None => node.as_array(),
        };
        let Some(nodes) = self.take(key, expected, read) else { return Vec::new() };
        let mut texts = Vec::new();
        for node in nodes.value {
            match node.as_str() {
                Some(text) => texts.push(Spanned::new(text, node.span)),
                None => {
                    let kind = TriggerErrorKind::FieldType { key, expected, found: node.describe() };
                    self.report(kind, node.span);
                }
            }
        }
        texts
    }

    /// Reads a document in extended JSON. An empty document counts as absent.
    pub(super) fn document(&mut self, key: &'static str) -> Option<Spanned<Document>> {
        let node = self.take(key, "an object", |node| node.as_object().map(|_| node))?;
        match to_document(node.value) {
            Ok(document) => Some(Spanned::new(document, node.span)).filter(|document| !document.value.is_empty()),
            Err(error) => {
                self.errors.push(error.map(TriggerErrorKind::Document));
                None
            }
        }
    }

    /// Reads the value of a key. Null counts as absent.
    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&'n Node) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let node = self.node.get(key).filter(|node| !matches!(node.kind, Kind::Null))?;
        match read(node) {
            Some(value) => Some(Spanned::new(value, node.span)),
            None => {
                self.report(TriggerErrorKind::FieldType { key, expected, found: node.describe() }, node.span);
                None
            }
        }
    }
}
