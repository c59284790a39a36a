//! Round trips of values through the engine.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, Timestamp, bson, doc};
use serde_json::json;

use super::world::{bson as ejson, one};

/// A value of every BSON type, and of each variety of it.
fn all() -> Vec<Bson> {
    let binary = |subtype, bytes: &[u8]| Bson::Binary(Binary { subtype, bytes: bytes.to_vec() });
    let mut all = vec![
        Bson::Int32(0),
        Bson::Int32(i32::MIN),
        Bson::Int32(i32::MAX),
        Bson::Int64(0),
        Bson::Int64(1),
        Bson::Int64(i64::MIN),
        Bson::Int64(i64::MAX),
        Bson::Int64(9_007_199_254_740_991),
        Bson::Int64(9_007_199_254_740_992),
        Bson::Int64(-9_007_199_254_740_993),
        Bson::Double(0.0),
        Bson::Double(-0.0),
        Bson::Double(1.0),
        Bson::Double(1.5),
        Bson::Double(f64::INFINITY),
        Bson::Double(f64::MAX),
        Bson::Double(5e-324),
        Bson::Double(9.007_199_254_740_993e15),
        Bson::String(String::new()),
        Bson::String("é\u{0}\u{1f600}".into()),
        Bson::Boolean(true),
        Bson::Null,
        Bson::Undefined,
        Bson::ObjectId(ObjectId::parse_str("5f1a2b3c4d5e6f7081920304").unwrap()),
        Bson::DateTime(DateTime::from_millis(0)),
        Bson::DateTime(DateTime::from_millis(-1)),
        Bson::DateTime(DateTime::MAX),
        Bson::Decimal128("1.10".parse::<Decimal128>().unwrap()),
        Bson::Decimal128("NaN".parse::<Decimal128>().unwrap()),
        Bson::Decimal128("9.999999999999999999999999999999999E+6144".parse::<Decimal128>().unwrap()),
        binary(BinarySubtype::Generic, b""),
        binary(BinarySubtype::Uuid, &[7; 16]),
        binary(BinarySubtype::UserDefined(0x80), &[0, 255]),
        Bson::Timestamp(Timestamp { time: u32::MAX, increment: 1 }),
        Bson::MinKey,
        Bson::MaxKey,
        Bson::JavaScriptCode("function () {}".into()),
        Bson::Symbol("s".into()),
        Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope { code: "x".into(), scope: doc! { "a": 1, "b": 1.0 } }),
        ejson(json!({"$regularExpression": {"pattern": "^a/b", "options": "imsx"}})),
        ejson(json!({"$dbPointer": {"$ref": "db.c", "$id": {"$oid": "5f1a2b3c4d5e6f7081920304"}}})),
        bson!([]),
        bson!({}),
        bson!([[1], [1.0, 2_i64]]),
    ];
    let document: Document = all.iter().enumerate().map(|(at, value)| (format!("k{at}"), value.clone())).collect();
    all.push(Bson::Document(document));
    all.push(Bson::Array(all.clone()));
    all
}

#[tokio::test]
async fn every_bson_value_survives_a_call() {
    let world = one("exports = (a) => a;");
    for value in all() {
        let found = world.call("f", vec![value.clone()]).await.unwrap().value;
        assert_eq!(format!("{found:?}"), format!("{value:?}"));
    }
    // NaN is not equal to itself.
    let found = world.call("f", vec![bson!({ "n": f64::NAN })]).await.unwrap().value;
    assert!(found.as_document().unwrap().get_f64("n").unwrap().is_nan());
}

#[tokio::test]
async fn every_bson_value_survives_a_callee_and_the_store() {
    let world = super::world::Draft::new()
        .function("f", "exports = (a) => context.functions.execute('g', { a }).a;", json!({}))
        .function("g", "exports = (a) => a;", json!({}))
        .function(
            "h",
            "exports = async (a) => { const c = context.services.get('mongodb-atlas').db('db').collection('c'); \
             await c.insertOne(a); return c.findOne({}); };",
            json!({"run_as_system": true}),
        )
        .build();
    for value in all().into_iter().filter(|value| matches!(value, Bson::Array(_) | Bson::Document(_))) {
        let found = world.call("f", vec![value.clone()]).await.unwrap().value;
        assert_eq!(format!("{found:?}"), format!("{value:?}"));
    }
    // Undefined is written as null, as by MongoDB's drivers; the store does not support DBPointer.
    let fields = all()
        .into_iter()
        .filter(|value| !matches!(value, Bson::Undefined | Bson::DbPointer(_) | Bson::Document(_) | Bson::Array(_)));
    let mut document = doc! { "_id": 1 };
    document.extend(fields.enumerate().map(|(at, value)| (format!("k{at}"), value)));
    let found = world.call("h", vec![Bson::Document(document.clone())]).await.unwrap().value;
    assert_eq!(format!("{found:?}"), format!("{:?}", Bson::Document(document)));
}

#[tokio::test]
async fn numbers_assigned_in_javascript_get_the_type_of_their_value() {
    let world = one(
        "exports = (a) => { a.i += 1; a.d *= 2; a.l -= 1; a.same = a.same; a.half = a.i / 2; return { ...a, list: a.list.map((n) => n) }; };",
    );
    let given = bson!({ "i": 1, "d": 1.0, "l": 5_i64, "same": 7, "list": [1, 2.0] });
    let found = world.call("f", vec![given]).await.unwrap().value;
    let wanted = bson!({ "i": 2_i64, "d": 2_i64, "l": 4_i64, "same": 7, "list": [1_i64, 2_i64], "half": 1_i64 });
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn a_document_keeps_the_order_of_its_keys() {
    let world = one("exports = (a) => a;");
    let given = bson!({ "z": 1, "a": { "c": 1, "b": 2 }, "__proto__": { "x": 1 }, "toString": "s", "": 0 });
    assert_eq!(world.call("f", vec![given.clone()]).await.unwrap().value, given);
}
