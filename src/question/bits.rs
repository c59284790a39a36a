//! Bit tests: `$bitsAllSet` and the like.

use bson::Bson;

use crate::aggregation::{BAD_VALUE, FAILED_TO_PARSE, FindError, nearest_integer};
use crate::value::{Number, ValueRef};

/// The bits to test, and the test.
#[derive(Clone, Debug)]
pub(crate) struct Bits {
    /// The positions of the bits, starting from the lowest.
    positions: Vec<usize>,
    all: bool,
    set: bool,
}

/// The position of the sign bit. All higher positions refer to it.
const SIGN: usize = 63;

impl Bits {
    /// Parses a bit test; `None` if the operator is a different one.
    pub(crate) fn parse(operator: &str, operand: &Bson) -> Option<Result<Self, FindError>> {
        let (all, set) = match operator {
            "$bitsAllSet" => (true, true),
            "$bitsAnySet" => (false, true),
            "$bitsAllClear" => (true, false),
            "$bitsAnyClear" => (false, false),
            _ => return None,
        };
        Some(positions(operator, operand).map(|positions| Self { positions, all, set }))
    }

    pub(crate) fn hold(&self, value: ValueRef<'_>) -> bool {
        let is_set: Box<dyn Fn(usize) -> bool> = match value {
            ValueRef::Binary { bytes, .. } => {
                Box::new(move |at| bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1))
            }
            // MongoDB rounds decimals, but rejects doubles with a fraction. Decimals that do not fit become the lowest
            // integer.
            ValueRef::Decimal128(number) => {
                let number = nearest_integer(number).unwrap_or(i64::MIN);
                Box::new(move |at| number >> at.min(SIGN) & 1 == 1)
            }
            value => match value.number().and_then(Number::integer) {
                Some(number) => Box::new(move |at| number >> at.min(SIGN) & 1 == 1),
                None => return false,
            },
        };
        let mut asked = self.positions.iter().map(|at| is_set(*at) == self.set);
        if self.all { asked.all(|holds| holds) } else { asked.any(|holds| holds) }
    }
}

fn positions(operator: &str, operand: &Bson) -> Result<Vec<usize>, FindError> {
    let of = |bytes: &[u8]| {
        (0..bytes.len() * 8).filter(|at| bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)).collect()
    };
    match operand {
        Bson::Array(list) => {
            let position = |value: &Bson| {
                let number = ValueRef::from(value).number().and_then(Number::integer);
                let position = number
                    .and_then(|number| i32::try_from(number).ok())
                    .and_then(|number| usize::try_from(number).ok());
                position.ok_or_else(|| {
                    FindError::refused(
                        BAD_VALUE,
                        format!("`{operator}` takes positions of bits: whole numbers that are not negative"),
                    )
                })
            };
            list.iter().map(position).collect()
        }
        Bson::Binary(binary) => Ok(of(&binary.bytes)),
        operand => match ValueRef::from(operand).number() {
            Some(number) => match number.integer().and_then(|number| u64::try_from(number).ok()) {
                Some(number) => Ok(of(&number.to_le_bytes())),
                None => Err(FindError::refused(
                    FAILED_TO_PARSE,
                    format!("`{operator}` takes a whole number that is not negative"),
                )),
            },
            None => Err(FindError::refused(
                BAD_VALUE,
                format!("`{operator}` takes a number, binary data or an array of positions"),
            )),
        },
    }
}
