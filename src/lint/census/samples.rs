use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Timestamp, doc};

use crate::path::Segment;
use crate::schema::Schema;
use crate::value::{Type, TypeSet, ValueRef};

/// A sample value of a type, which is unlikely to occur in rules; `None` for types that drivers do not write any more.
pub(super) fn sample(kind: Type) -> Option<Bson> {
    Some(match kind {
        Type::Double => Bson::Double(-1.062_5),
        Type::String => Bson::String("\u{1}sample".to_owned()),
        Type::Symbol => Bson::Symbol("\u{1}sample".to_owned()),
        Type::Object => doc! { "\u{1}sample": 1 }.into(),
        Type::Array => Bson::Array(Vec::new()),
        Type::BinData => Binary { subtype: BinarySubtype::Uuid, bytes: vec![0xA5; 16] }.into(),
        Type::Undefined => Bson::Undefined,
        Type::ObjectId => ObjectId::from_bytes([0xA5; 12]).into(),
        Type::Bool => Bson::Boolean(true),
        Type::Date => DateTime::from_millis(-1_062_500_000).into(),
        Type::Null => Bson::Null,
        Type::Int => Bson::Int32(-1_062_500),
        Type::Long => Bson::Int64(-1_062_500_000_000),
        Type::Decimal => Bson::Decimal128("-1.0625".parse().ok()?),
        Type::Timestamp => Bson::Timestamp(Timestamp { time: 1_062_500, increment: 1 }),
        Type::MinKey => Bson::MinKey,
        Type::MaxKey => Bson::MaxKey,
        Type::Regex | Type::DbPointer | Type::JavaScript | Type::JavaScriptWithScope => return None,
    })
}

/// Sample values of a type. An array may be empty or contain elements of types that are not wanted.
pub(super) fn samples(kind: Type, wanted: TypeSet) -> Option<Vec<Bson>> {
    let mut found = vec![sample(kind)?];
    if kind == Type::Bool {
        found.push(Bson::Boolean(false));
    }
    if kind == Type::Array {
        let other =
            [Type::Int, Type::String, Type::Date, Type::ObjectId].into_iter().find(|kind| !wanted.contains(*kind));
        found.push(Bson::Array(vec![sample(other?)?]));
    }
    Some(found)
}

/// The types that a schema allows at a path; `None` if it does not restrict them.
pub(super) fn stored(schema: Option<&Schema>, path: &[Segment]) -> Option<TypeSet> {
    match schema?.type_names_at(path)? {
        "array" => Some(TypeSet::NONE.with(Type::Array)),
        _ => declared(schema, path),
    }
}

/// The types of values that can equal a value at a path, or an element of it, according to the schema; `None` if the
/// schema does not restrict them.
pub(super) fn declared(schema: Option<&Schema>, path: &[Segment]) -> Option<TypeSet> {
    let schema = schema?;
    schema.type_names_at(path)?;
    let holds = |kind: &Type| sample(*kind).is_some_and(|value| schema.may_hold(path, ValueRef::from(&value)));
    let found = Type::ALL.into_iter().map(|(kind, ..)| kind).filter(holds);
    Some(found.fold(TypeSet::NONE, TypeSet::with))
}

/// The types whose values can equal a value of this type.
pub(super) fn alike(kind: Type) -> TypeSet {
    match kind {
        Type::Int | Type::Long | Type::Double | Type::Decimal => TypeSet::NUMBER,
        Type::String | Type::Symbol => TypeSet::NONE.with(Type::String).with(Type::Symbol),
        kind => TypeSet::NONE.with(kind),
    }
}

/// The types whose values can equal a value of one of these types.
pub(super) fn all_alike(kinds: TypeSet) -> TypeSet {
    kinds.iter().map(alike).fold(TypeSet::NONE, TypeSet::union)
}
