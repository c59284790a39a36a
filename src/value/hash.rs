use std::cmp::Ordering;
use std::hash::Hasher;

use super::decimal::Decimal;
use super::{DbPointerRef, DocumentRef, MAX_DEPTH, Malformed, Number, Steps, ValueRef};

/// Feeds a value to a hasher, such that [equal](super::equal) values have equal hashes. The hasher should be keyed with
/// a secret, so that attackers cannot provoke collisions. Of a value nested too deeply to be compared, only the upper
/// levels are hashed.
pub(super) fn hash(value: ValueRef<'_>, state: &mut impl Hasher, depth: usize, steps: &Steps) -> Result<(), Malformed> {
    match value {
        ValueRef::String(text) | ValueRef::Symbol(text) => {
            steps.take_bytes(text.len())?;
            state.write_u8(1);
            state.write(text.as_bytes());
            state.write_u8(0xFF);
        }
        ValueRef::ObjectId(id) => {
            state.write_u8(2);
            state.write(&id);
        }
        ValueRef::DateTime(milliseconds) => {
            state.write_u8(3);
            state.write_i64(milliseconds);
        }
        ValueRef::Boolean(value) => state.write(&[4, value.into()]),
        ValueRef::Binary { subtype, bytes } => {
            steps.take_bytes(bytes.len())?;
            state.write(&[5, subtype]);
            state.write_usize(bytes.len());
            state.write(bytes);
        }
        ValueRef::Null => state.write_u8(6),
        ValueRef::Undefined => state.write_u8(8),
        ValueRef::MinKey => state.write_u8(9),
        ValueRef::MaxKey => state.write_u8(10),
        ValueRef::Timestamp { time, increment } => {
            state.write_u8(11);
            state.write_u64(u64::from(time) << 32 | u64::from(increment));
        }
        ValueRef::Regex { pattern, options } => {
            state.write_u8(12);
            state.write(pattern.as_bytes());
            state.write_u8(0);
            state.write(options.as_bytes());
            state.write_u8(0);
        }
        ValueRef::Code(code) => {
            steps.take_bytes(code.len())?;
            state.write_u8(13);
            state.write(code.as_bytes());
            state.write_u8(0xFF);
        }
        // Decoded and raw DBPointers could be compared only by decoding, so all values of this deprecated type have the
        // same hash.
        ValueRef::DbPointer(DbPointerRef::Decoded(_) | DbPointerRef::Raw { .. }) => state.write_u8(14),
        ValueRef::CodeWithScope { code, scope } => {
            state.write_u8(15);
            state.write(code.as_bytes());
            fields(scope, state, depth, steps)?;
        }
        ValueRef::Document(document) => {
            state.write_u8(16);
            fields(document, state, depth, steps)?;
        }
        ValueRef::Array(array) => {
            state.write_u8(17);
            if depth < MAX_DEPTH {
                for element in array.iter() {
                    steps.take(1)?;
                    hash(element?, state, depth + 1, steps)?;
                }
            }
            state.write_u8(0);
        }
        ValueRef::Int32(_) | ValueRef::Int64(_) | ValueRef::Double(_) | ValueRef::Decimal128(_) => {
            if let Some(number) = value.number() {
                self::number(number, state);
            }
        }
    }
    Ok(())
}

fn fields(document: DocumentRef<'_>, state: &mut impl Hasher, depth: usize, steps: &Steps) -> Result<(), Malformed> {
    if depth < MAX_DEPTH {
        for field in document.iter() {
            let (key, value) = field?;
            steps.take(1)?;
            state.write(key.as_bytes());
            state.write_u8(0xFF);
            hash(value, state, depth + 1, steps)?;
        }
    }
    state.write_u8(0);
    Ok(())
}

/// Hashes a number by its exact value: as an integer if it is one that fits 64 bits, otherwise as the nearest double.
fn number(number: Number, state: &mut impl Hasher) {
    if let Some(integer) = number.integer() {
        state.write_u8(7);
        return state.write_i64(integer);
    }
    let double = match number {
        Number::Double(double) => double,
        // Parsing rounds only once, to the nearest double.
        Number::Decimal(decimal) => decimal.to_string().parse().unwrap_or(f64::NAN),
        Number::Integer(_) => return,
    };
    if double.is_nan() {
        return state.write_u8(18);
    }
    if let Number::Decimal(decimal) = number
        && number.order(Number::Double(double)) != Some(Ordering::Equal)
        && let Decimal::Finite(finite) = Decimal::from(decimal)
    {
        let (mut coefficient, mut exponent) = (finite.coefficient, finite.exponent);
        while coefficient != 0 && coefficient.is_multiple_of(10) {
            (coefficient, exponent) = (coefficient / 10, exponent + 1);
        }
        state.write(&[19, finite.negative.into()]);
        state.write_u128(coefficient);
        return state.write_i32(exponent);
    }
    state.write_u8(20);
    state.write_u64(double.to_bits());
}
