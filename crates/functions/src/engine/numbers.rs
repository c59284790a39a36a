//! The BSON types of numbers, which JavaScript does not distinguish.

use bson::Bson;
use rquickjs::{Ctx, Object, Result, Value};

/// The largest integer that a JavaScript number represents exactly: 2⁵³ − 1.
pub(super) const MAX_SAFE: i64 = 9_007_199_254_740_991;

/// The numbers of an object whose BSON type JavaScript does not preserve: recorded when the object is decoded, and
/// looked up when it is encoded.
#[derive(Default)]
pub(super) struct Numbers<'js> {
    pub(super) ints: Option<Object<'js>>,
    pub(super) doubles: Option<Object<'js>>,
}

impl<'js> Numbers<'js> {
    /// Records the type of a field's number, if it would be encoded as another.
    pub(super) fn note(&mut self, ctx: &Ctx<'js>, key: &str, value: &Bson, made: &Value<'js>) -> Result<()> {
        let place = match value {
            Bson::Int32(_) => &mut self.ints,
            Bson::Double(number) if is_whole(*number) => &mut self.doubles,
            _ => return Ok(()),
        };
        let object = match place {
            Some(object) => object,
            None => place.insert(Object::new_proto(ctx.clone(), None)?),
        };
        object.set(key, made.clone())
    }

    /// A field's number in the type that was recorded for it.
    pub(super) fn number(&self, key: &str, number: f64) -> Result<Bson> {
        let same = |kept: &Option<Object<'js>>| -> Result<bool> {
            let Some(kept) = kept else { return Ok(false) };
            let value: Value<'js> = kept.get(key)?;
            Ok(value.as_number().is_some_and(|kept| kept.to_bits() == number.to_bits()))
        };
        if same(&self.ints)? {
            #[expect(clippy::cast_possible_truncation, reason = "it came as an int32")]
            return Ok(Bson::Int32(number as i32));
        }
        if same(&self.doubles)? {
            return Ok(Bson::Double(number));
        }
        Ok(new_number(number))
    }
}

/// A number whose BSON type is unknown: int64 if it is whole, otherwise double.
pub(super) fn new_number(number: f64) -> Bson {
    if is_whole(number) {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        return Bson::Int64(number as i64);
    }
    Bson::Double(number)
}

/// A number that the function returned, and whether it is a new whole number: one that is equal to an argument keeps
/// the argument's BSON type.
pub(super) fn returned(arguments: &[Bson], number: f64) -> (Bson, bool) {
    let same = arguments.iter().find(|argument| match argument {
        Bson::Int32(kept) => f64::from(*kept).to_bits() == number.to_bits(),
        Bson::Double(kept) => kept.to_bits() == number.to_bits(),
        #[expect(clippy::cast_precision_loss, reason = "a larger one is not a number in JavaScript")]
        Bson::Int64(kept) => (*kept as f64).to_bits() == number.to_bits(),
        _ => false,
    });
    match same {
        Some(Bson::Int64(_)) | None => (new_number(number), same.is_none() && is_whole(number)),
        Some(same) => (same.clone(), false),
    }
}

/// Whether encoding would turn a double into an integer.
fn is_whole(number: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "this one is exact")]
    let max = MAX_SAFE as f64;
    number.trunc() == number && number.abs() <= max && !(number == 0.0 && number.is_sign_negative())
}
