//! `%(%%environment.values.name)` in the strings of configuration files: the restricted templates of App Services,
//! which are replaced when a file is loaded.

use std::collections::HashMap;

use bson::{Bson, Document};
use thiserror::Error;

use super::error::TemplateErrorKind;
use super::text::{Alternative, Piece, Text};
use crate::eval::Environment;
use crate::expr::{Expansion, Root};
use crate::json::{Kind, Member, Node};
use crate::text::{Code, Located, Span, closest};

/// Why a `%()` in a configuration file cannot be replaced, and where.
pub type SubstitutionError = Located<SubstitutionErrorKind>;

/// The kinds of [`SubstitutionError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubstitutionErrorKind {
    /// `%(%%environment.values.x` without its `)`
    #[error("`%(` is never closed")]
    Unclosed,
    /// `%(%%user.id)`
    #[error(
        "`%({0})` cannot be replaced here: only `%%environment.values.<name>`, `%%environment.tag` and `%%values.<name>` can"
    )]
    NotConfiguration(String),
    /// No value with this name is configured.
    #[error("`%({0})` has no value")]
    Missing(String),
    /// The value is not a string.
    #[error("`%({0})` is not a string")]
    NotString(String),
    /// The value is a secret.
    #[error("`%({0})` is a secret, which must not be copied into configuration")]
    Secret(String),
    /// The result would be too long.
    #[error("the text is longer than {max} bytes with its templates replaced", max = crate::json::MAX_SIZE)]
    TooLong,
    /// Two keys of an object are equal after substitution.
    #[error("duplicate key `{0}` after template substitution")]
    KeyDuplicate(String),
}

impl Code for SubstitutionErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::Unclosed => "template-unclosed",
            Self::NotConfiguration(_) => "template-root",
            Self::Missing(_) => "template-missing",
            Self::NotString(_) => "template-type",
            Self::Secret(_) => "template-secret",
            Self::TooLong => "template-size",
            Self::KeyDuplicate(_) => "template-key-duplicate",
        }
    }
}

/// The values that replace the `%()` in configuration files.
#[derive(Clone, Debug, Default)]
pub struct Substitutions {
    /// The tag of the environment: empty if the application has no environment, `None` if it is unknown.
    tag: Option<String>,
    environment: HashMap<String, Bson>,
    values: HashMap<String, Bson>,
    /// The names of secrets, so that a reference to one gets its own error.
    secrets: Vec<String>,
}

impl Substitutions {
    /// Creates substitutions from `environment` and `values`, neither of which may contain secrets. Without an
    /// `environment`, its tag counts as unknown.
    #[must_use]
    pub fn new(environment: Option<&Environment>, values: Option<&Document>) -> Self {
        let named = |values: &Document| values.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self {
            tag: environment.map(|environment| environment.tag.clone()),
            environment: environment.map(|environment| named(&environment.values)).unwrap_or_default(),
            values: values.map(named).unwrap_or_default(),
            secrets: Vec::new(),
        }
    }

    /// Declares which values are secrets; these are never copied into configuration.
    #[must_use]
    pub fn with_secret_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(names);
        self
    }
}

/// Replaces every `%(…)` in the strings of a JSON value, including keys.
///
/// # Errors
/// Every template that has no string to replace it, not only the first.
pub fn expand(node: &Node, substitutions: &Substitutions) -> Result<Node, Vec<SubstitutionError>> {
    let mut expander = Expander { substitutions, errors: Vec::new(), written: 0 };
    let expanded = expander.node(node);
    if expander.errors.is_empty() { Ok(expanded) } else { Err(expander.errors) }
}

struct Expander<'s> {
    substitutions: &'s Substitutions,
    errors: Vec<SubstitutionError>,
    /// The number of bytes that substitutions have added to the value so far.
    written: usize,
}

impl Expander<'_> {
    fn node(&mut self, node: &Node) -> Node {
        let kind = match &node.kind {
            Kind::String(text) => Kind::String(self.text(text, node.span)),
            Kind::Array(elements) => Kind::Array(elements.iter().map(|element| self.node(element)).collect()),
            Kind::Object(members) => Kind::Object(self.members(members)),
            plain => plain.clone(),
        };
        Node { span: node.span, kind }
    }

    fn members(&mut self, members: &[Member]) -> Vec<Member> {
        let mut seen = std::collections::HashSet::new();
        let mut expanded = Vec::with_capacity(members.len());
        for member in members {
            let key = self.text(&member.key, member.key_span);
            if !seen.insert(key.clone()) {
                self.errors
                    .push(SubstitutionError::new(SubstitutionErrorKind::KeyDuplicate(key.clone()), member.key_span));
            }
            expanded.push(Member { key, key_span: member.key_span, value: self.node(&member.value) });
        }
        expanded
    }

    fn text(&mut self, text: &str, at: Span) -> String {
        if !text.contains("%(") {
            return text.to_owned();
        }
        let text = match Text::parse(text) {
            Ok(text) => text,
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| malformed(error, at)));
                return String::new();
            }
        };
        let mut out = String::new();
        for piece in &text.pieces {
            let insert = match piece {
                Piece::Plain(plain) => {
                    out.push_str(plain);
                    continue;
                }
                Piece::Insert(insert) => insert,
            };
            match self.value(&insert.alternatives, &insert.written) {
                Ok(value) => {
                    self.written += value.len();
                    if self.written > crate::json::MAX_SIZE {
                        self.errors.push(SubstitutionError::new(SubstitutionErrorKind::TooLong, at));
                        return out;
                    }
                    out.push_str(&value);
                }
                Err((kind, help)) => self.errors.push(located(kind, help, at)),
            }
        }
        out
    }

    fn value(
        &self,
        alternatives: &[Alternative],
        written: &str,
    ) -> Result<String, (SubstitutionErrorKind, Option<String>)> {
        let [Alternative::Expansion(ask)] = alternatives else { return Err(not_configuration(inner(written))) };
        let (name, path) = (ask.expansion.to_string(), ask.expansion.path.to_string());
        if ask.expansion.root == Root::Environment && path == "tag" {
            return self.substitutions.tag.clone().ok_or((SubstitutionErrorKind::Missing(name), None));
        }
        let (map, path) = match (ask.expansion.root, path.strip_prefix("values.")) {
            (Root::Environment, Some(path)) => (&self.substitutions.environment, path.to_owned()),
            (Root::Values, _) if !path.is_empty() => (&self.substitutions.values, path),
            _ => return Err(not_configuration(&name)),
        };
        if ask.expansion.root == Root::Values && self.substitutions.secrets.contains(&path) {
            return Err((SubstitutionErrorKind::Secret(name), None));
        }
        match look_up(map, &path) {
            Some(Bson::String(text)) => Ok(text.clone()),
            Some(_) => Err((SubstitutionErrorKind::NotString(name), None)),
            None => {
                let help = closest(&path, map.keys().map(String::as_str)).map_or_else(
                    || "define it in environments/<tag>.json or values/".to_owned(),
                    |known| format!("did you mean `{known}`?"),
                );
                Err((SubstitutionErrorKind::Missing(name), Some(help)))
            }
        }
    }
}

fn located(kind: SubstitutionErrorKind, help: Option<String>, at: Span) -> SubstitutionError {
    let error = SubstitutionError::new(kind, at);
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The content between `%(` and `)`.
fn inner(written: &str) -> &str {
    written.strip_prefix("%(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(written).trim()
}

fn not_configuration(inner: &str) -> (SubstitutionErrorKind, Option<String>) {
    let help = Expansion::suggest(inner).map(|meant| format!("did you mean `%({meant})`?"));
    (SubstitutionErrorKind::NotConfiguration(inner.to_owned()), help)
}

/// Converts the error for a malformed insertion to that of a configuration file.
fn malformed((kind, help): (TemplateErrorKind, Option<String>), at: Span) -> SubstitutionError {
    let text = match kind {
        TemplateErrorKind::Unclosed => {
            return located(SubstitutionErrorKind::Unclosed, Some("add the missing `)`".to_owned()), at);
        }
        TemplateErrorKind::InsertionUnknown(text) | TemplateErrorKind::InsertionMalformed(text) => text,
        other => match help.as_deref().and_then(|help| help.split('`').nth(1)) {
            Some(meant) if matches!(other, TemplateErrorKind::Expansion(_)) => {
                let written = other.to_string();
                let written = written.split('`').nth(1).unwrap_or_default().to_owned();
                let meant = format!("did you mean `%({meant})`?");
                return located(SubstitutionErrorKind::NotConfiguration(written), Some(meant), at);
            }
            _ => other.to_string().split('`').nth(1).unwrap_or_default().to_owned(),
        },
    };
    let (kind, help) = not_configuration(inner(&text));
    located(kind, help, at)
}

/// Looks up a value by its full name or, failing that, by a path into it.
fn look_up<'v>(map: &'v HashMap<String, Bson>, path: &str) -> Option<&'v Bson> {
    map.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        rest.split('.').try_fold(map.get(first)?, |value, key| value.as_document()?.get(key))
    })
}
