use bson::{Bson, Decimal128};

use super::{Args, null, some};
use crate::aggregation::decimal::{self, Rounding};
use crate::aggregation::failure::{Outcome, refused};
use crate::aggregation::number::{Num, int_or_long};
use crate::aggregation::value::kind;

pub(crate) fn abs(args: &Args<'_>) -> Outcome<Option<Bson>> {
    match args.number(0, 28765)? {
        None => null(),
        Some(Num::Int(number)) => some(int_or_long(i64::from(number).abs())),
        Some(Num::Long(i64::MIN)) => refused(28680, "can't take $abs of long long min"),
        Some(Num::Long(number)) => some(number.abs()),
        Some(Num::Double(number)) => some(number.abs()),
        Some(Num::Decimal(number)) => {
            let bits = u128::from_le_bytes(number.bytes()) & !(1 << 127);
            some(Decimal128::from_bytes(bits.to_le_bytes()))
        }
    }
}

pub(crate) fn ceil(args: &Args<'_>) -> Outcome<Option<Bson>> {
    whole(args, f64::ceil, Rounding::Up)
}

pub(crate) fn floor(args: &Args<'_>) -> Outcome<Option<Bson>> {
    whole(args, f64::floor, Rounding::Down)
}

fn whole(args: &Args<'_>, double: fn(f64) -> f64, rounding: Rounding) -> Outcome<Option<Bson>> {
    match args.number(0, 28765)? {
        None => null(),
        Some(Num::Double(number)) => some(double(number)),
        Some(Num::Decimal(number)) => some(decimal::round(number, 0, rounding)),
        Some(number) => some(number.bson()),
    }
}

pub(crate) fn round(args: &Args<'_>) -> Outcome<Option<Bson>> {
    to_place(args, Rounding::Even)
}

pub(crate) fn trunc(args: &Args<'_>) -> Outcome<Option<Bson>> {
    to_place(args, Rounding::Zero)
}

fn to_place(args: &Args<'_>, rounding: Rounding) -> Outcome<Option<Bson>> {
    let place = match args.values.len() {
        1 => 0,
        _ if args.is_nullish(0) || args.is_nullish(1) => return null(),
        _ => match args.get(1).and_then(Num::of).and_then(Num::integer) {
            None => return refused(51082, format!("the second argument of {} must be a whole number", args.name)),
            Some(place) if !(-20..=100).contains(&place) => {
                return refused(51083, format!("the second argument of {} must be from -20 to 100", args.name));
            }
            Some(place) => i32::try_from(place).unwrap_or(0),
        },
    };
    match args.get(0) {
        _ if args.is_nullish(0) => null(),
        Some(value) => match Num::of(value) {
            None => refused(51081, format!("{} only supports numeric types, not {}", args.name, kind(args.get(0)))),
            Some(Num::Double(number)) if !number.is_finite() => some(number),
            Some(Num::Double(number)) if place == 0 => some(match rounding {
                Rounding::Even => number.round_ties_even(),
                _ => number.trunc(),
            }),
            Some(number @ Num::Double(_)) => {
                some(Num::Decimal(decimal::round(exact(number), place, rounding)).double())
            }
            Some(Num::Decimal(number)) => some(decimal::round(number, place, rounding)),
            Some(number) if place >= 0 => some(number.bson()),
            Some(number) => {
                let rounded = decimal::to_integer(decimal::round(number.decimal(), place, rounding));
                match (rounded, number) {
                    (Some(rounded), Num::Int(_)) => some(int_or_long(rounded)),
                    (Some(rounded), _) => some(rounded),
                    (None, _) => refused(51080, format!("{} overflows a 64-bit integer", args.name)),
                }
            }
        },
        None => null(),
    }
}

fn exact(number: Num) -> Decimal128 {
    crate::aggregation::number::decimal_of(number.double())
}
