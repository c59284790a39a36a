//! Any two numbers of any types: their order is one order, and it is exact.
#![no_main]

use std::cmp::Ordering;

use bson::{Bson, Decimal128};
use libfuzzer_sys::fuzz_target;
use portcullis::value::{Number, ValueRef, equal, order};

fuzz_target!(|bytes: [[u8; 17]; 3]| {
    let [a, b, c] = bytes.map(number);
    for number in [&a, &b, &c] {
        let value = ValueRef::from(number);
        assert!(equal(value, value).expect("no nesting"), "{number:?} does not equal itself");
        let number = value.number().expect("a number");
        if let (Some(whole), false) = (number.truncate(), number.is_nan()) {
            let below = Number::Integer(whole).order(number).expect("no NaN");
            assert!(number.integer() == (below == Ordering::Equal).then_some(whole));
        }
    }
    let pair = |a: &Bson, b: &Bson| order(a.into(), b.into());
    assert_eq!(pair(&a, &b), pair(&b, &a).map(Ordering::reverse), "{a:?} {b:?}");
    assert_eq!(equal((&a).into(), (&b).into()).expect("no nesting"), pair(&a, &b) == Some(Ordering::Equal));
    if let (Some(first), Some(second)) = (pair(&a, &b), pair(&b, &c))
        && first != second.reverse()
    {
        let both = if first == Ordering::Equal { second } else { first };
        assert_eq!(pair(&a, &c), Some(both), "{a:?} {b:?} {c:?}");
    }
});

/// A number of the type that the first byte says. Small ones are as likely as any, so that they meet.
fn number([kind, rest @ ..]: [u8; 17]) -> Bson {
    let [a, b, c, d, e, f, g, h, ..] = rest;
    let long = [a, b, c, d, e, f, g, h];
    match kind % 8 {
        0 => Bson::Int32(i32::from_le_bytes([a, b, c, d])),
        1 => Bson::Int64(i64::from_le_bytes(long)),
        2 => Bson::Double(f64::from_le_bytes(long)),
        3 => Bson::Decimal128(Decimal128::from_bytes(rest)),
        4 => Bson::Int64(i64::from(i8::from_le_bytes([a]))),
        5 => Bson::Double(f64::from(i16::from_le_bytes([a, b])) / 4.0),
        6 => Bson::Double(i64::from_le_bytes(long) as f64),
        _ => {
            let text = format!("{}E{}", i16::from_le_bytes([a, b]), i8::from_le_bytes([c]) / 8);
            text.parse().map_or(Bson::Null, Bson::Decimal128)
        }
    }
}
