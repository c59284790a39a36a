use super::bounds::{Bounds, Range};
use super::field::Field;
use super::test::{self, Looking};
use crate::eval::{BoundTest, Residual, Truth};

/// Bounds for a condition on stored documents, as for reading: `%%root` and `%%prevRoot` are the same document.
pub(crate) fn bounds(residual: &Residual, this: Field<'_>) -> Bounds {
    within(residual, Looking::Document(this))
}

/// Like [`bounds`], where `known` may provide better bounds for a test than MongoDB can.
pub(crate) fn bounds_knowing(residual: &Residual, known: &dyn Fn(&BoundTest) -> Option<Bounds>) -> Bounds {
    let document = Looking::Document(Field::Somewhere);
    combined(residual, &|test| known(test).unwrap_or_else(|| test::bounds(test, document)))
}

pub(super) fn within(residual: &Residual, looking: Looking<'_>) -> Bounds {
    combined(residual, &|test| test::bounds(test, looking))
}

fn combined(residual: &Residual, leaf: &dyn Fn(&BoundTest) -> Bounds) -> Bounds {
    let each = |parts: &[Residual]| parts.iter().map(|part| combined(part, leaf)).collect();
    match residual {
        Residual::Constant(truth) => Bounds::constant(*truth),
        Residual::Failed(_) => Bounds::constant(Truth::Error),
        Residual::All(parts) => Bounds::all(each(parts)),
        Residual::Any(parts) => Bounds::any(each(parts)),
        Residual::Not(inner) => combined(inner, leaf).negate(),
        Residual::Test(test) => leaf(test),
    }
}

impl Bounds {
    /// The documents for which the condition is False or Unknown, so that the next role is tried. An Error ends the
    /// evaluation.
    pub(crate) fn passed_over(&self, residual: &Residual) -> Range {
        let not_true = self.holds.negate();
        match residual {
            Residual::Failed(_) => Range::NEVER,
            residual if residual.can_fail() => Range { lower: self.fails.lower.clone(), upper: not_true.upper },
            _ => not_true,
        }
    }
}
