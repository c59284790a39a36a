//! Properties of predicates that follow from their form alone.

use bson::Bson;

use crate::expr::Root;
use crate::path::FieldPath;
use crate::predicate::{ContextRoot, DocumentRoot, Left, Predicate, Reference, Right, Test, TestKind};

/// The outcome of a predicate, if it is the same for all documents and users.
pub(super) fn settled(predicate: &Predicate) -> Option<bool> {
    match predicate {
        Predicate::Constant(value) => Some(*value),
        Predicate::All(parts) => {
            let parts: Vec<_> = parts.iter().map(settled).collect();
            if parts.contains(&Some(false)) {
                return Some(false);
            }
            parts.iter().all(|part| *part == Some(true)).then_some(true)
        }
        Predicate::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(settled).collect();
            if parts.contains(&Some(true)) {
                return Some(true);
            }
            parts.iter().all(|part| *part == Some(false)).then_some(false)
        }
        Predicate::Not(inner) => settled(inner).map(|value| !value),
        Predicate::Test(test) => match (&test.left, &test.check) {
            (Left::Boolean(left), TestKind::Equals(Right::Literal(Bson::Boolean(right)))) => Some(left == right),
            _ => None,
        },
    }
}

/// Whether a test is under an even number of negations or under an odd one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Polarity {
    Asserted,
    Denied,
}

impl Polarity {
    pub(super) const fn flipped(self) -> Self {
        match self {
            Self::Asserted => Self::Denied,
            Self::Denied => Self::Asserted,
        }
    }
}

/// A conjunction or disjunction, after negations have been pushed down to the tests.
pub(super) enum View<'p> {
    Constant,
    All(&'p [Predicate], Polarity),
    Any(&'p [Predicate], Polarity),
    Test(&'p Test, Polarity),
}

pub(super) fn view(predicate: &Predicate, polarity: Polarity) -> View<'_> {
    match (predicate, polarity) {
        (Predicate::Constant(_), _) => View::Constant,
        (Predicate::All(parts), Polarity::Asserted) | (Predicate::Any(parts), Polarity::Denied) => {
            View::All(parts, polarity)
        }
        (Predicate::Any(parts), Polarity::Asserted) | (Predicate::All(parts), Polarity::Denied) => {
            View::Any(parts, polarity)
        }
        (Predicate::Not(inner), _) => view(inner, polarity.flipped()),
        (Predicate::Test(test), _) => View::Test(test, polarity),
    }
}

/// The parts of a conjunction as text. Equal conditions have equal text.
pub(super) fn conjuncts(predicate: &Predicate) -> Vec<String> {
    let mut texts = Vec::new();
    collect(predicate, &mut texts);
    texts.sort();
    texts.dedup();
    texts
}

fn collect(predicate: &Predicate, texts: &mut Vec<String>) {
    match predicate {
        Predicate::All(parts) => parts.iter().for_each(|part| collect(part, texts)),
        _ if settled(predicate) == Some(true) => {}
        _ => texts.push(text(predicate)),
    }
}

pub(super) fn text(predicate: &Predicate) -> String {
    let list = |name: &str, parts: &[Predicate]| {
        let mut texts: Vec<_> = parts.iter().map(text).collect();
        texts.sort();
        format!("{name}[{}]", texts.join(","))
    };
    match predicate {
        Predicate::Constant(value) => value.to_string(),
        Predicate::All(parts) => list("and", parts),
        Predicate::Any(parts) => list("or", parts),
        Predicate::Not(inner) => format!("not {}", text(inner)),
        Predicate::Test(test) => test.text.to_string(),
    }
}

/// The right operands of a test, including those in lists.
pub(super) fn rights(test: &Test) -> Vec<&Right> {
    test.rights()
}

/// The context references in a right operand.
pub(super) fn references(right: &Right) -> Vec<&Reference> {
    right.references()
}

/// Whether a reference is to the property of the user with this name. Every user has these properties.
pub(super) fn is_user(reference: &Reference, name: &str) -> bool {
    reference.root == ContextRoot::User && matches!(reference.path.segments(), [only] if only.name() == name)
}

/// The first field of a reference into `%%user.custom_data`; empty if it is to all custom data. `None` for other
/// references.
pub(super) fn custom_data_field(reference: &Reference) -> Option<&str> {
    match (reference.root, reference.path.segments()) {
        (ContextRoot::User, [first]) if first.name() == "custom_data" => Some(""),
        (ContextRoot::User, [first, field, ..]) if first.name() == "custom_data" => Some(field.name()),
        _ => None,
    }
}

/// Whether a name looks like the plural of a noun.
pub(super) fn is_plural(name: &str) -> bool {
    let lower = name.to_lowercase();
    let singular = ["ss", "us", "is", "as", "news", "series", "http", "https"];
    let listed = ["list", "array", "people", "children"];
    listed.iter().any(|end| lower.ends_with(end))
        || (lower.len() > 3 && lower.ends_with('s') && !singular.iter().any(|end| lower.ends_with(end)))
}

/// The root as an expansion.
pub(super) fn root_name(root: DocumentRoot) -> &'static str {
    match root {
        DocumentRoot::Root => Root::Root.name(),
        DocumentRoot::PrevRoot => Root::PrevRoot.name(),
        DocumentRoot::This => Root::This.name(),
        DocumentRoot::Prev => Root::Prev.name(),
    }
}

/// A place in a document, as written on the left side of a test.
pub(super) fn place_name(root: DocumentRoot, path: &FieldPath) -> String {
    match root {
        _ if path.is_root() => root_name(root).to_owned(),
        DocumentRoot::Root => path.to_string(),
        _ => format!("{}.{path}", root_name(root)),
    }
}
