//! Determines the types that a test requires of the custom data that it reads.

use bson::Bson;

use super::samples::{alike, all_alike, declared};
use crate::expr::Conversion;
use crate::path::{FieldPath, Segment};
use crate::predicate::{ContextRoot, DocumentRoot, Left, List, Reference, Right, Test, TestKind};
use crate::schema::Schema;
use crate::value::{Type, TypeSet, ValueRef};

/// The path of a reference below `%%user.custom_data`; `None` if it refers to anything else, or to the custom data as a
/// whole.
pub(super) fn custom_data_path(reference: &Reference) -> Option<FieldPath> {
    let rest = reference.path.rest();
    (reference.root == ContextRoot::User && reference.path.first() == Some("custom_data") && !rest.is_root())
        .then_some(rest)
}

/// The types of which the value at a path must be for a test to hold; `None` if it may be of any type.
pub(super) fn need(test: &Test, path: &[Segment], schema: Option<&Schema>) -> Option<TypeSet> {
    let is_it = |reference: &Reference| custom_data_path(reference).is_some_and(|found| found.segments() == path);
    let is_read = |right: &Right| matches!(right, Right::Context(reference) if is_it(reference));
    match &test.left {
        Left::Context(reference) if is_it(reference) => of_left(&test.check, schema),
        Left::Context(reference) if custom_data_path(reference).is_some_and(|found| is_below(&found, path)) => {
            Some(CONTAINERS)
        }
        left => match &test.check {
            TestKind::Equals(right) | TestKind::Order(_, right) if is_read(right) => of_other_side(left, schema),
            TestKind::Equals(Right::Convert(conversion, inner)) if is_read(inner) => Some(converted(*conversion)),
            TestKind::In(List::Place(right)) if is_read(right) => Some(alike(Type::Array)),
            TestKind::In(List::Elements(rights)) | TestKind::All(rights) if rights.iter().any(is_read) => {
                of_other_side(left, schema)
            }
            _ => {
                let mut below = test.rights().into_iter().flat_map(Right::references).filter_map(custom_data_path);
                below.any(|found| is_below(&found, path)).then_some(CONTAINERS)
            }
        },
    }
}

const CONTAINERS: TypeSet = TypeSet::NONE.with(Type::Object).with(Type::Array);

fn is_below(path: &FieldPath, above: &[Segment]) -> bool {
    path.segments().len() > above.len() && path.segments().starts_with(above)
}

fn of_left(check: &TestKind, schema: Option<&Schema>) -> Option<TypeSet> {
    match check {
        TestKind::Equals(right) | TestKind::Order(_, right) => of_operand(right, schema),
        TestKind::In(List::Elements(rights)) | TestKind::All(rights) => rights
            .iter()
            .map(|right| of_operand(right, schema))
            .try_fold(TypeSet::NONE, |types, of_one| Some(types.union(of_one?))),
        TestKind::Regex(_) => Some(alike(Type::String).with(Type::Regex)),
        TestKind::Mod { .. } => Some(TypeSet::NUMBER),
        TestKind::Size(_) | TestKind::ElemMatch(..) => Some(alike(Type::Array)),
        TestKind::Type(types) => Some(*types),
        TestKind::Exists | TestKind::In(List::Place(_)) | TestKind::Client(_) => None,
    }
}

fn of_operand(right: &Right, schema: Option<&Schema>) -> Option<TypeSet> {
    match right {
        // A literal null also equals Missing.
        Right::Literal(Bson::Null) => None,
        Right::Literal(value) => Some(alike(ValueRef::from(value).kind())),
        Right::Document(DocumentRoot::Root | DocumentRoot::PrevRoot, path) => {
            declared(schema, path.segments()).map(all_alike)
        }
        _ => None,
    }
}

/// The types of the left operand, with which a value of the custom data is compared.
fn of_other_side(left: &Left, schema: Option<&Schema>) -> Option<TypeSet> {
    match left {
        Left::Boolean(_) => Some(alike(Type::Bool)),
        Left::Document(DocumentRoot::Root | DocumentRoot::PrevRoot, path) => {
            declared(schema, path.segments()).map(all_alike)
        }
        _ => None,
    }
}

fn converted(conversion: Conversion) -> TypeSet {
    alike(Type::String).with(match conversion {
        Conversion::StringToOid | Conversion::OidToString => Type::ObjectId,
        Conversion::StringToUuid | Conversion::UuidToString => Type::BinData,
    })
}
