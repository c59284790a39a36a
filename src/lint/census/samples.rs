use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Timestamp, doc};

use crate::path::Segment;
use crate::schema::Schema;
use crate::value::{Type, TypeSet, ValueRef};

/// A value of a type, which no rule asks for by chance; none for types that no driver writes any more.
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

/// The values for which those of one type stand: an array may be empty, or hold what is not asked for.
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

/// The types of the values that a schema lets stand at a path; `None` where it does not say.
pub(super) fn stored(schema: Option<&Schema>, path: &[Segment]) -> Option<TypeSet> {
    match schema?.type_names_at(path)? {
        "array" => Some(TypeSet::NONE.with(Type::Array)),
        _ => declared(schema, path),
    }
}

/// The types of what can equal a value, or an element of an array, that a schema lets stand at a path; `None` where it does not say.
pub(super) fn declared(schema: Option<&Schema>, path: &[Segment]) -> Option<TypeSet> {
    let schema = schema?;
    schema.type_names_at(path)?;
    let holds = |kind: &Type| sample(*kind).is_some_and(|value| schema.may_hold(path, ValueRef::from(&value)));
    let found = Type::ALL.into_iter().map(|(kind, ..)| kind).filter(holds);
    Some(found.fold(TypeSet::NONE, TypeSet::with))
}

/// The types whose values can equal one of a type.
pub(super) fn alike(kind: Type) -> TypeSet {
    match kind {
        Type::Int | Type::Long | Type::Double | Type::Decimal => TypeSet::NUMBER,
        Type::String | Type::Symbol => TypeSet::NONE.with(Type::String).with(Type::Symbol),
        kind => TypeSet::NONE.with(kind),
    }
}

/// The same of several types.
pub(super) fn all_alike(kinds: TypeSet) -> TypeSet {
    kinds.iter().map(alike).fold(TypeSet::NONE, TypeSet::union)
}
