use bson::Bson;

use super::{Args, null, some};
use crate::aggregation::decimal;
use crate::aggregation::failure::{Outcome, refused};
use crate::aggregation::number::Num;

/// Evaluates a function of one number.
pub(crate) fn run(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let x = match args.number(0, 28765)? {
        None => return null(),
        Some(Num::Decimal(_)) => return Err(decimal::no_such(args.name)),
        Some(number) => number.double(),
    };
    let within = |holds: bool| match holds || x.is_nan() {
        true => Ok(()),
        false => refused(50989, format!("cannot apply {} to a value out of its range", args.name)),
    };
    some(match args.name {
        "$sqrt" if x < 0.0 => return refused(28714, "$sqrt's argument must be greater than or equal to 0"),
        "$sqrt" => x.sqrt(),
        "$exp" => x.exp(),
        "$ln" | "$log10" if x <= 0.0 => {
            let code = if args.name == "$ln" { 28766 } else { 28761 };
            return refused(code, format!("{}'s argument must be a positive number", args.name));
        }
        "$ln" => x.ln(),
        "$log10" => x.log10(),
        "$degreesToRadians" => x * (std::f64::consts::PI / 180.0),
        "$radiansToDegrees" => x * (180.0 / std::f64::consts::PI),
        "$sin" | "$cos" | "$tan" => {
            within(x.is_finite())?;
            match args.name {
                "$sin" => x.sin(),
                "$cos" => x.cos(),
                _ => x.tan(),
            }
        }
        "$asin" | "$acos" => {
            within(x.abs() <= 1.0)?;
            if args.name == "$asin" { x.asin() } else { x.acos() }
        }
        "$acosh" => {
            within(x >= 1.0)?;
            x.acosh()
        }
        "$atanh" => {
            within(x.abs() <= 1.0)?;
            x.atanh()
        }
        "$atan" => x.atan(),
        "$asinh" => x.asinh(),
        "$sinh" => x.sinh(),
        "$cosh" => x.cosh(),
        _ => x.tanh(),
    })
}

fn both(args: &Args<'_>, codes: (i32, i32)) -> Outcome<Option<(f64, f64)>> {
    if args.is_nullish(0) || args.is_nullish(1) {
        return Ok(None);
    }
    match (args.number(0, codes.0)?, args.number(1, codes.1)?) {
        (Some(Num::Decimal(_)), _) | (_, Some(Num::Decimal(_))) => Err(decimal::no_such(args.name)),
        (Some(a), Some(b)) => Ok(Some((a.double(), b.double()))),
        _ => Ok(None),
    }
}

pub(crate) fn atan2(args: &Args<'_>) -> Outcome<Option<Bson>> {
    both(args, (51044, 51045))?.map_or_else(null, |(y, x)| some(y.atan2(x)))
}

pub(crate) fn log(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some((x, base)) = both(args, (28756, 28757))? else { return null() };
    if x <= 0.0 {
        return refused(28758, "$log's argument must be a positive number");
    }
    if base <= 0.0 || base == 1.0 {
        return refused(28759, "$log's base must be a positive number not equal to 1");
    }
    some(x.ln() / base.ln())
}
