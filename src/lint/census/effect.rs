//! Determines whether a condition can hold for users whose custom data lacks a value or has one of a certain type,
//! regardless of everything else about the users and the documents.

use bson::{Bson, Document};

use super::need::{custom_data_path, need};
use super::samples::{declared, samples};
use crate::eval::{Context, Documents, Errors, Evaluation, Residual, Truth, bind};
use crate::lint::witness::set;
use crate::path::{FieldPath, Segment};
use crate::predicate::{DocumentRoot, Left, Predicate, Right, Test, TestKind};
use crate::schema::Schema;
use crate::user::User;
use crate::value::{Type, TypeSet, ValueRef};

/// What is known about a user's value at a path.
#[derive(Clone, Copy)]
pub(super) enum Situation {
    /// Nothing.
    Anything,
    /// It is missing.
    Missing,
    /// It has this type.
    Of(Type),
}

/// A set of outcomes that are possible.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Truths(u8);

const ALL: [Truth; 4] = [Truth::True, Truth::False, Truth::Unknown, Truth::Error];

impl Truths {
    const NONE: Self = Self(0);
    const OPEN: Self = Self(0b1111);

    const fn of(truth: Truth) -> Self {
        Self(1 << truth as u8)
    }

    const fn with(self, truth: Truth) -> Self {
        Self(self.0 | Self::of(truth).0)
    }

    const fn has(self, truth: Truth) -> bool {
        self.0 & Self::of(truth).0 != 0
    }

    fn each(self) -> impl Iterator<Item = Truth> {
        ALL.into_iter().filter(move |truth| self.has(*truth))
    }

    fn combined(self, other: Self, combine: impl Fn(Truth, Truth) -> Truth) -> Self {
        let pairs = self.each().flat_map(|one| other.each().map(move |another| (one, another)));
        pairs.fold(Self::NONE, |found, (one, another)| found.with(combine(one, another)))
    }
}

/// A condition in the rules of one collection.
#[derive(Clone, Copy)]
pub(super) struct Condition<'p> {
    pub(super) predicate: &'p Predicate,
    /// The schema of that collection.
    pub(super) schema: Option<&'p Schema>,
}

impl Condition<'_> {
    /// Whether the condition may hold for any user of whom this is known, and any document.
    pub(super) fn can_hold(&self, path: &FieldPath, situation: Situation) -> bool {
        self.truths(self.predicate, path, situation).has(Truth::True)
    }

    fn truths(&self, predicate: &Predicate, path: &FieldPath, situation: Situation) -> Truths {
        let each = |parts: &[Predicate], neutral: bool, combine: fn(Truth, Truth) -> Truth| {
            parts.iter().fold(Truths::of(neutral.into()), |found, part| {
                found.combined(self.truths(part, path, situation), combine)
            })
        };
        match predicate {
            Predicate::Constant(value) => Truths::of((*value).into()),
            Predicate::All(parts) => each(parts, true, Truth::and),
            Predicate::Any(parts) => each(parts, false, Truth::or),
            Predicate::Not(inner) => {
                self.truths(inner, path, situation).each().fold(Truths::NONE, |found, truth| found.with(!truth))
            }
            Predicate::Test(test) => self.of_test(test, path.segments(), situation).unwrap_or(Truths::OPEN),
        }
    }

    /// The possible outcomes of a test; `None` if the situation does not decide them, because the test depends on
    /// another part of the context, on a function, or on more than the type of the value.
    fn of_test(&self, test: &Test, path: &[Segment], situation: Situation) -> Option<Truths> {
        if !is_decided_by(test, path) {
            return None;
        }
        let reads = references_any(test);
        let wanted = need(test, path, self.schema);
        let values = match situation {
            _ if !reads => vec![None],
            Situation::Anything => return None,
            Situation::Missing => vec![None],
            Situation::Of(kind) => {
                let wanted = wanted.filter(|wanted| !wanted.contains(kind))?;
                samples(kind, wanted)?.into_iter().map(Some).collect()
            }
        };
        let mut found = Truths::NONE;
        for value in values {
            let mut custom_data = Document::new();
            if value.is_some() && !set(&mut custom_data, path, value) {
                return None;
            }
            let context = Context::new().with_user(User::new("\u{1}sample").with_custom_data(custom_data));
            let predicate = Predicate::Test(Box::new(test.clone()));
            match bind(&predicate, &context) {
                Residual::Constant(truth) => found = found.with(truth),
                Residual::Failed(_) => found = found.with(Truth::Error),
                _ if !reads => return None,
                residual => {
                    for document in documents(test, self.schema)? {
                        found = found.with(of_document(&residual, &document, &context));
                    }
                }
            }
        }
        Some(found)
    }
}

/// Whether the path, and what is below it, is the only part of the context on which the test depends.
fn is_decided_by(test: &Test, path: &[Segment]) -> bool {
    let mut decided = true;
    let mut look = |test: &Test| {
        decided &= test.rights().iter().all(|right| !matches!(right, Right::Function(_)))
            && test
                .references()
                .into_iter()
                .all(|reference| custom_data_path(reference).is_some_and(|found| found.segments().starts_with(path)));
    };
    look(test);
    if let TestKind::ElemMatch(_, inner) = &test.check {
        inner.each_test(&mut look);
    }
    decided
}

fn references_any(test: &Test) -> bool {
    let mut found = !test.references().is_empty();
    if let TestKind::ElemMatch(_, inner) = &test.check {
        inner.each_test(&mut |test| found |= !test.references().is_empty());
    }
    found
}

fn of_document(residual: &Residual, document: &Document, context: &Context) -> Truth {
    let errors = Errors::default();
    let root = Some(ValueRef::from(document));
    let documents = Documents { root, prev_root: root, ..Documents::default() };
    Evaluation::new(documents, context, &errors).truth(residual)
}

/// Sample documents that cover all values that the schema allows for the other operand; `None` if the schema allows
/// anything.
fn documents(test: &Test, schema: Option<&Schema>) -> Option<Vec<Document>> {
    // With a list, other elements of it may match.
    if !matches!(test.check, TestKind::Equals(_) | TestKind::Order(..)) {
        return None;
    }
    let left = match &test.left {
        Left::Document(root, path) => Some((*root, path)),
        _ => None,
    };
    let right = test.rights().into_iter().find_map(|right| match right {
        Right::Document(root, path) => Some((*root, path)),
        _ => None,
    });
    let (DocumentRoot::Root | DocumentRoot::PrevRoot, path) = left.or(right)? else { return None };
    let types = declared(schema, path.segments())?;
    let mut found = vec![Document::new()];
    for kind in types.iter() {
        for value in samples(kind, TypeSet::NONE)? {
            for value in [value.clone(), Bson::Array(vec![value])] {
                let mut document = Document::new();
                if !set(&mut document, path.segments(), Some(value)) {
                    return None;
                }
                found.push(document);
            }
        }
    }
    Some(found)
}
