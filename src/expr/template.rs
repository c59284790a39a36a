use std::collections::HashMap;

use bson::Bson;
use thiserror::Error;

use super::{Expansion, Root};
use crate::json::{Kind, Member, Node};
use crate::text::{Code, Located, closest};

/// Why a `%()` template cannot be replaced, and where.
pub type TemplateError = Located<TemplateErrorKind>;

/// The ways in which a template can fail.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateErrorKind {
    /// `%(%%environment.values.x` without its `)`
    #[error("`%(` is never closed")]
    Unclosed,
    /// `%(%%user.id)`
    #[error(
        "`%({0})` cannot be replaced here: only `%%environment.values.<name>`, `%%environment.tag` and `%%values.<name>` can"
    )]
    NotConfiguration(String),
    /// No value of that name is configured.
    #[error("`%({0})` has no value")]
    Missing(String),
    /// The value is something else than a string.
    #[error("`%({0})` is not a string")]
    NotString(String),
    /// The value is a secret.
    #[error("`%({0})` is a secret, which must not be copied into configuration")]
    Secret(String),
    /// Replacing makes the text too long.
    #[error("the text is longer than {max} bytes with its templates replaced", max = crate::json::MAX_SIZE)]
    TooLong,
    /// Two keys of one object became the same.
    #[error("the key `{0}` stands twice in one object with its templates replaced")]
    KeyDuplicate(String),
}

impl Code for TemplateErrorKind {
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

/// What the templates of configuration files are replaced by.
#[derive(Clone, Debug, Default)]
pub struct Substitutions {
    /// The environment's tag, empty where the application has no environment; none if nobody can tell.
    pub tag: Option<String>,
    /// `%%environment.values`
    pub environment: HashMap<String, Bson>,
    /// `%%values`, without secrets
    pub values: HashMap<String, Bson>,
    /// The names of secrets, so that an error can say what is wrong.
    pub secrets: Vec<String>,
}

/// Replaces every `%(…)` in the strings of a JSON value, keys included.
///
/// # Errors
/// Every template that has no string to be replaced by.
pub fn expand(node: &Node, substitutions: &Substitutions) -> Result<Node, Vec<TemplateError>> {
    let mut expander = Expander { substitutions, errors: Vec::new(), written: 0 };
    let expanded = expander.node(node);
    if expander.errors.is_empty() { Ok(expanded) } else { Err(expander.errors) }
}

struct Expander<'s> {
    substitutions: &'s Substitutions,
    errors: Vec<TemplateError>,
    /// Bytes that replacements have added, over the whole value.
    written: usize,
}

impl Expander<'_> {
    fn node(&mut self, node: &Node) -> Node {
        let kind = match &node.kind {
            Kind::String(text) => Kind::String(self.text(text, node)),
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
            let at = Node { span: member.key_span, kind: Kind::Null };
            let key = self.text(&member.key, &at);
            if !seen.insert(key.clone()) {
                self.errors.push(TemplateError::new(TemplateErrorKind::KeyDuplicate(key.clone()), member.key_span));
            }
            expanded.push(Member { key, key_span: member.key_span, value: self.node(&member.value) });
        }
        expanded
    }

    fn text(&mut self, text: &str, node: &Node) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("%(") {
            out.push_str(before);
            let Some((inner, tail)) = after.split_once(')') else {
                self.errors
                    .push(TemplateError::new(TemplateErrorKind::Unclosed, node.span).help("add the missing `)`"));
                return out;
            };
            match self.value(inner.trim()) {
                Ok(value) => {
                    self.written += value.len();
                    if self.written > crate::json::MAX_SIZE {
                        self.errors.push(TemplateError::new(TemplateErrorKind::TooLong, node.span));
                        return out;
                    }
                    out.push_str(&value);
                }
                Err((kind, help)) => {
                    let error = TemplateError::new(kind, node.span);
                    self.errors.push(match help {
                        Some(help) => error.help(help),
                        None => error,
                    });
                }
            }
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    fn value(&self, inner: &str) -> Result<String, (TemplateErrorKind, Option<String>)> {
        let name = || inner.to_owned();
        let not_configuration = || {
            (
                TemplateErrorKind::NotConfiguration(name()),
                Expansion::suggest(inner).map(|s| format!("did you mean `%({s})`?")),
            )
        };
        let expansion = Expansion::parse(inner).map_err(|_| not_configuration())?;
        let path = expansion.path.to_string();
        if expansion.root == Root::Environment && path == "tag" {
            return self.substitutions.tag.clone().ok_or_else(|| (TemplateErrorKind::Missing(name()), None));
        }
        let (map, path) = match (expansion.root, path.strip_prefix("values.")) {
            (Root::Environment, Some(path)) => (&self.substitutions.environment, path.to_owned()),
            (Root::Values, _) if !path.is_empty() => (&self.substitutions.values, path),
            _ => return Err(not_configuration()),
        };
        if expansion.root == Root::Values && self.substitutions.secrets.contains(&path) {
            return Err((TemplateErrorKind::Secret(name()), None));
        }
        match look_up(map, &path) {
            Some(Bson::String(text)) => Ok(text.clone()),
            Some(_) => Err((TemplateErrorKind::NotString(name()), None)),
            None => {
                let help = closest(&path, map.keys().map(String::as_str)).map_or_else(
                    || "define it in environments/<tag>.json or values/".to_owned(),
                    |known| format!("did you mean `{known}`?"),
                );
                Err((TemplateErrorKind::Missing(name()), Some(help)))
            }
        }
    }
}

/// A value by its whole name, or else by a path into it.
fn look_up<'v>(map: &'v HashMap<String, Bson>, path: &str) -> Option<&'v Bson> {
    map.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        rest.split('.').try_fold(map.get(first)?, |value, key| value.as_document()?.get(key))
    })
}

impl Substitutions {
    /// Takes the named values of a document.
    pub fn named(values: &bson::Document) -> HashMap<String, Bson> {
        values.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}
