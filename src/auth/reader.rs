use super::config_error::{ConfigError, ConfigErrorKind};
use crate::json::{Member, Node};
use crate::text::{Span, Spanned, closest};

/// Reads the members of a configuration object. Collects errors, and the keys that were not read.
pub(super) struct Reader<'n> {
    what: &'static str,
    span: Span,
    members: &'n [Member],
    asked: Vec<&'static str>,
    errors: Vec<ConfigError>,
}

impl<'n> Reader<'n> {
    /// Starts reading an object, which messages call `what`.
    pub(super) fn new(what: &'static str, node: &'n Node) -> Result<Self, Vec<ConfigError>> {
        let Some(members) = node.as_object() else {
            let kind = ConfigErrorKind::NotObject { what, found: node.describe() };
            return Err(vec![ConfigError::new(kind, node.span)]);
        };
        Ok(Self { what, span: node.span, members, asked: Vec::new(), errors: Vec::new() })
    }

    /// Reads a string.
    pub(super) fn string(&mut self, key: &'static str) -> Option<Spanned<&'n str>> {
        self.take(key, "a string", Node::as_str)
    }

    /// Reads a string that is not empty. An empty string counts as absent, because exports contain it for settings
    /// without a value.
    pub(super) fn filled(&mut self, key: &'static str) -> Option<Spanned<&'n str>> {
        self.string(key).filter(|text| !text.is_empty())
    }

    /// Reads a boolean.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        self.take(key, "true or false", Node::as_bool)
    }

    /// Reads an array.
    pub(super) fn array(&mut self, key: &'static str) -> Option<Spanned<&'n [Node]>> {
        self.take(key, "an array", Node::as_array)
    }

    /// Reads a string or an array of strings. An empty string or array counts as absent.
    #[cfg(feature = "jwt")]
    pub(super) fn strings(&mut self, key: &'static str) -> Vec<Spanned<&'n str>> {
        const EXPECTED: &str = "a string or an array of strings";
        let Some(nodes) = self.take(key, EXPECTED, |node| match node.as_str() {
            Some("") => Some(Default::default()),
            Some(_) => Some(std::slice::from_ref(node)),
            None => node.as_array(),
        }) else {
            return Vec::new();
        };
        let mut strings = Vec::new();
        for node in nodes.value {
            match node.as_str() {
                Some("") => self.report(ConfigErrorKind::ElementEmpty(key), node.span),
                Some(text) => strings.push(Spanned::new(text, node.span)),
                None => {
                    let kind = ConfigErrorKind::FieldType { key, expected: EXPECTED, found: node.describe() };
                    self.report(kind, node.span);
                }
            }
        }
        strings
    }

    /// Reads an object, whose members are up to the caller.
    pub(super) fn object(&mut self, key: &'static str) -> Option<Spanned<&'n [Member]>> {
        self.take(key, "an object", Node::as_object)
    }

    /// Ignores keys that exports contain but that have no effect here.
    pub(super) fn pass_over(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&'n Node) -> Option<T>,
    ) -> Option<Spanned<T>> {
        self.asked.push(key);
        let value = &self.members.iter().find(|member| member.key == key)?.value;
        let read = read(value);
        if read.is_none() {
            self.report(ConfigErrorKind::FieldType { key, expected, found: value.describe() }, value.span);
        }
        Some(Spanned::new(read?, value.span))
    }

    /// Reports that a key is missing or empty, unless its type was wrong, which has been reported. Call this after
    /// reading all other keys.
    pub(super) fn missing(&mut self, key: &'static str, help: &str) {
        let member = self.members.iter().find(|member| member.key == key);
        if member.is_some_and(|member| member.value.as_str() != Some("")) {
            return;
        }
        let meant = self.unknown().find(|unknown| closest(&unknown.key, [key]).is_some());
        let (span, help) = match (member, meant) {
            (Some(member), _) => (member.value.span, help.to_owned()),
            (None, Some(meant)) => (meant.key_span, format!("is `{}` meant to be `{key}`?", meant.key)),
            (None, None) => (self.span, help.to_owned()),
        };
        let kind = ConfigErrorKind::FieldMissing { what: self.what, key };
        self.add(ConfigError::new(kind, span).help(help));
    }

    pub(super) fn report(&mut self, kind: ConfigErrorKind, span: Span) {
        self.add(ConfigError::new(kind, span));
    }

    pub(super) fn add(&mut self, error: ConfigError) {
        self.errors.push(error);
    }

    /// Reports every key that was not read, for objects that restrict access: a misspelt key must not count as absent.
    /// Call this after reading all keys.
    #[cfg(feature = "jwt")]
    pub(super) fn refuse_unknown(&mut self) {
        let said: Vec<Span> = self.errors.iter().map(ConfigError::span).collect();
        let unknown: Vec<&Member> = self.unknown().filter(|member| !said.contains(&member.key_span)).collect();
        for member in unknown {
            let free = self.asked.iter().copied().filter(|key| self.members.iter().all(|member| member.key != *key));
            let error = ConfigError::unknown_key(self.what, &member.key, member.key_span, free);
            self.add(error);
        }
    }

    fn unknown(&self) -> impl Iterator<Item = &'n Member> {
        self.members.iter().filter(|member| !self.asked.contains(&member.key.as_str()))
    }

    /// The keys that were not read, or all errors in source order.
    pub(super) fn finish(mut self) -> Result<Vec<Spanned<String>>, Vec<ConfigError>> {
        if self.errors.is_empty() {
            return Ok(self.unknown().map(|member| Spanned::new(member.key.clone(), member.key_span)).collect());
        }
        self.errors.sort_by_key(ConfigError::span);
        Err(self.errors)
    }
}
