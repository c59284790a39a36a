use super::bounds::{Bounds, Range};
use super::test::{self, Looking};
use crate::eval::{Residual, Truth};

/// What `%%this` and `%%prev` stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'f> {
    /// The top-level field of that name.
    Named(&'f str),
    /// A field that MongoDB cannot be asked about by itself, such as one in the elements of an array.
    Somewhere,
}

/// For which documents a condition holds, and for which it does not. Of reads only: `%%root` and `%%prevRoot` are both the
/// stored document.
pub(crate) fn bounds(residual: &Residual, this: Field<'_>) -> Bounds {
    within(residual, Looking::Document(this))
}

pub(super) fn within(residual: &Residual, looking: Looking<'_>) -> Bounds {
    let each = |parts: &[Residual]| parts.iter().map(|part| within(part, looking)).collect();
    match residual {
        Residual::Constant(truth) => Bounds::constant(*truth),
        Residual::All(parts) => Bounds::all(each(parts)),
        Residual::Any(parts) => Bounds::any(each(parts)),
        Residual::Not(inner) => within(inner, looking).negate(),
        Residual::Test(test) => test::bounds(test, looking),
    }
}

impl Bounds {
    /// The documents for which the condition is False or Unknown: those that go on to what comes after it. An Error does not.
    pub(crate) fn passed_over(&self, residual: &Residual) -> Range {
        let not_true = self.holds.negate();
        match residual {
            Residual::Constant(Truth::Error) => Range::NEVER,
            residual if residual.can_fail() => Range { lower: self.fails.lower.clone(), upper: not_true.upper },
            _ => not_true,
        }
    }
}
