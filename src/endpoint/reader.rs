use super::error::{EndpointError, EndpointErrorKind};
use super::guards::Keys;
use crate::json::{Member, Node};
use crate::text::{Span, Spanned};

/// Reads the members of a settings object and collects errors.
pub(super) struct Reader<'n> {
    what: &'static str,
    node: &'n Node,
    errors: Vec<EndpointError>,
}

impl<'n> Reader<'n> {
    /// Starts reading an object, which messages call `what`.
    pub(super) fn new(what: &'static str, node: &'n Node) -> Result<Self, Vec<EndpointError>> {
        if node.as_object().is_none() {
            let kind = EndpointErrorKind::NotObject { what, found: node.describe() };
            return Err(vec![EndpointError::new(kind, node.span)]);
        }
        Ok(Self { what, node, errors: Vec::new() })
    }

    /// Reads a string that is not empty. An empty string counts as absent, because exports contain it for settings
    /// without a value.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Spanned<&'n str>> {
        self.take(key, "a string", Node::as_str).filter(|text| !text.is_empty())
    }

    /// Reads a boolean, which is `otherwise` by default.
    pub(super) fn flag(&mut self, key: &'static str, otherwise: bool) -> bool {
        self.take(key, "true or false", Node::as_bool).map_or(otherwise, |flag| flag.value)
    }

    /// Reads an array of strings.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<Spanned<&'n str>>> {
        let nodes = self.take(key, "an array of strings", Node::as_array)?;
        let mut texts = Vec::new();
        for node in nodes.value {
            match node.as_str() {
                Some(text) => texts.push(Spanned::new(text, node.span)),
                None => {
                    let kind =
                        EndpointErrorKind::FieldType { key, expected: "an array of strings", found: node.describe() };
                    self.report(kind, node.span);
                }
            }
        }
        Some(texts)
    }

    /// The member with this key.
    pub(super) fn member(&self, key: &str) -> Option<&'n Member> {
        self.node.member(key)
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&'n Node) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let value = self.node.get(key)?;
        let read = read(value);
        if read.is_none() {
            self.report(EndpointErrorKind::FieldType { key, expected, found: value.describe() }, value.span);
        }
        Some(Spanned::new(read?, value.span))
    }

    /// Reports that a key is missing or empty.
    pub(super) fn missing(&mut self, key: &'static str, help: &str) {
        let span = self.node.get(key).map_or_else(|| self.begin(), |node| node.span);
        let kind = EndpointErrorKind::FieldMissing { what: self.what, key };
        self.errors.push(EndpointError::new(kind, span).help(help));
    }

    /// Reports misspelt keys that were meant to restrict access.
    pub(super) fn check_guards(&mut self, keys: &Keys) {
        for (member, meant) in keys.misspelt(self.node) {
            let kind = EndpointErrorKind::GuardMisspelt { what: self.what, key: member.key.clone(), meant };
            self.add(EndpointError::new(kind, member.key_span).help(format!("write `{meant}`")));
        }
    }

    /// The start of the object.
    pub(super) const fn begin(&self) -> Span {
        Span::new(self.node.span.start, self.node.span.start)
    }

    pub(super) fn report(&mut self, kind: EndpointErrorKind, span: Span) {
        self.add(EndpointError::new(kind, span));
    }

    pub(super) fn add(&mut self, error: EndpointError) {
        self.errors.push(error);
    }

    /// The errors in source order, if there are any.
    pub(super) fn finish(mut self) -> Result<(), Vec<EndpointError>> {
        if self.errors.is_empty() {
            return Ok(());
        }
        self.errors.sort_by_key(EndpointError::span);
        Err(self.errors)
    }
}
