use bson::Bson;

use super::UpdateErrorKind;
use crate::mongo_query::described;
use crate::value::{Number, ValueRef};

/// The error for an invalid operand.
pub(super) fn operand(expected: &'static str, found: &Bson, code: i32) -> UpdateErrorKind {
    UpdateErrorKind::Operand { expected, found: described(found), code }
}

/// Parses an operand that must be an integer, of any numeric type.
pub(super) fn integer(expected: &'static str, value: &Bson, code: i32) -> Result<i64, UpdateErrorKind> {
    let number = ValueRef::from(value).number().and_then(Number::integer);
    number.ok_or_else(|| operand(expected, value, code))
}
