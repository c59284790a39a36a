//! The keys of rules files, and the errors for unknown ones.

use super::{PolicyError, PolicyErrorKind};
use crate::json::{Member, Node};
use crate::text::closest;

/// The keys of a kind of object.
pub(super) struct Keys {
    /// What messages call the object.
    pub(super) place: &'static str,
    /// The keys that have a meaning, with their older spellings.
    pub(super) known: &'static [(&'static str, &'static [&'static str])],
    /// Keys that occur in exports but do not affect decisions.
    pub(super) carried: &'static [&'static str],
}

pub(super) const FILE: Keys = Keys {
    place: "a rules file",
    known: &[("roles", &[]), ("filters", &[]), ("schema", &[])],
    carried: &["id", "_id", "name", "database", "collection", "relationships"],
};

pub(super) const ROLE: Keys = Keys {
    place: "a role",
    known: &[
        ("name", &[]),
        ("apply_when", &["applyWhen"]),
        ("document_filters", &[]),
        ("read", &[]),
        ("write", &[]),
        ("insert", &[]),
        ("delete", &[]),
        ("search", &[]),
        ("fields", &[]),
        ("additional_fields", &[]),
    ],
    carried: &["id", "_id"],
};

pub(super) const FILTER: Keys = Keys {
    place: "a filter",
    known: &[("name", &[]), ("apply_when", &["applyWhen"]), ("query", &[]), ("projection", &["project"])],
    carried: &["id", "_id"],
};

pub(super) const DOCUMENT_FILTERS: Keys =
    Keys { place: "`document_filters`", known: &[("read", &[]), ("write", &[])], carried: &[] };

pub(super) const FIELD: Keys =
    Keys { place: "a field rule", known: &[("read", &[]), ("write", &[]), ("fields", &[])], carried: &[] };

pub(super) const ADDITIONAL_FIELDS: Keys =
    Keys { place: "`additional_fields`", known: &[("read", &[]), ("write", &[])], carried: &[] };

impl Keys {
    /// The member with this key, in any spelling. Two spellings in the same object are an error.
    pub(super) fn find<'n>(&self, node: &'n Node, key: &str, errors: &mut Vec<PolicyError>) -> Option<&'n Member> {
        let older = self.known.iter().find(|(known, _)| *known == key).map_or(&[][..], |(_, older)| older);
        let mut found = node.as_object()?.iter().filter(|m| m.key == key || older.contains(&m.key.as_str()));
        let first = found.next();
        if let (Some(first), Some(second)) = (first, found.next()) {
            let kind = PolicyErrorKind::KeyTwice { first: first.key.clone(), second: second.key.clone() };
            errors.push(PolicyError::new(kind, second.key_span).help(format!("keep `{key}`")));
        }
        first
    }

    /// Whether a key is a spelling of `known`.
    pub(super) fn is(&self, known: &str, key: &str) -> bool {
        self.known.iter().any(|(name, older)| *name == known && (*name == key || older.contains(&key)))
    }

    /// Whether an object has an unknown key that is probably a misspelling of this one.
    pub(super) fn has_near_miss(&self, key: &str, node: &Node) -> bool {
        let names = || self.known.iter().map(|(known, _)| *known);
        node.as_object().unwrap_or_default().iter().any(|member| {
            let known = names().any(|name| self.is(name, &member.key)) || self.carried.contains(&member.key.as_str());
            !known && closest(&member.key, names()) == Some(key)
        })
    }

    /// Reports every unknown key.
    pub(super) fn check(&self, node: &Node, errors: &mut Vec<PolicyError>) {
        for member in node.as_object().unwrap_or_default() {
            let key = member.key.as_str();
            let known = self.known.iter().any(|(known, older)| *known == key || older.contains(&key));
            if known || self.carried.contains(&key) {
                continue;
            }
            let kind = PolicyErrorKind::KeyUnknown { key: key.to_owned(), place: self.place };
            let error = PolicyError::new(kind, member.key_span);
            errors.push(match self.help(key) {
                Some(help) => error.help(help),
                None => error,
            });
        }
    }

    fn help(&self, key: &str) -> Option<String> {
        let names = self.known.iter().map(|(known, _)| *known);
        match key {
            "other_fields" => Some("this is from the first Stitch rules; write `additional_fields`".to_owned()),
            "valid" => Some("this is from the first Stitch rules; write it as `validate` in the schema".to_owned()),
            "fields" if self.place == ADDITIONAL_FIELDS.place => {
                Some("it applies to top-level fields only; name the field in `fields` to go deeper".to_owned())
            }
            _ => closest(key, names.clone()).map(|known| format!("did you mean `{known}`?")).or_else(|| {
                let all: Vec<_> = names.map(|name| format!("`{name}`")).collect();
                Some(format!("{} has {}", self.place, all.join(", ")))
            }),
        }
    }
}

/// The top-level keys of rules files of the first version of Stitch. In later versions, only roles have these keys.
const FIRST_STITCH: [&str; 6] = ["other_fields", "valid", "fields", "privileges", "read", "write"];

/// The error for rules of the first version of Stitch. They have no roles, and their meaning cannot be inferred from
/// the keys alone.
pub(super) fn first_stitch(node: &Node) -> Option<PolicyError> {
    let member = FIRST_STITCH.iter().find_map(|key| node.member(key))?;
    if node.get("roles").is_some() {
        return None;
    }
    let help = "write {\"roles\": [{\"name\": \"…\", \"apply_when\": {}, …}]}: `read`, `write` and `fields` belong in the \
                role, `other_fields` is `additional_fields`, `valid` is `validate` in the schema";
    Some(PolicyError::new(PolicyErrorKind::FirstStitch(member.key.clone()), member.key_span).help(help))
}
