use bson::{Bson, Document};

use super::Filter;
use crate::eval::{BoundCheck, BoundLeft, BoundTest, Documents, Errors, Evaluation, Residual, Truth};
use crate::path::Segment;
use crate::value::Malformed;

/// The array element that matched a filter, which the positional operator `$` in an update stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The element at this zero-based index.
    Element(usize),
    /// None, because no condition applies to array elements.
    Nowhere,
    /// Unknown, because several conditions apply to array elements, or one that MongoDB may evaluate in a different
    /// order.
    Unclear,
}

/// The number of steps, per level, for wrapping an element in documents.
const STEPS_PER_LEVEL: usize = 4;

/// An array on the path of a condition.
struct Met<'d> {
    array: &'d [Bson],
    /// The path segments before the array.
    above: &'d [Segment],
    /// The path segments after the array.
    below: &'d [Segment],
}

impl Filter {
    /// The position in a document that matches the filter: the first element of the outermost array for which the
    /// condition on that array holds. If there are several such conditions, the last one that MongoDB evaluates
    /// determines the position, and the order is not specified, so the result is [`Position::Unclear`].
    ///
    /// # Errors
    /// If the document is nested too deeply, or its arrays take too many steps.
    pub fn position(&self, document: &Document) -> Result<Position, Malformed> {
        let errors = Errors::default();
        let mut plain = Vec::new();
        let mut others = Vec::new();
        collect(self.residual(), true, &mut plain, &mut others);
        if others.iter().any(|test| array(document, test).is_some()) {
            return Ok(Position::Unclear);
        }
        let mut found = Position::Nowhere;
        for (residual, test) in plain {
            let Some(met) = array(document, test) else { continue };
            let is_several = matches!(&test.check, BoundCheck::All(list) if list.len() > 1);
            if self.negates_twice()
                || is_several
                || found != Position::Nowhere
                || met.below.iter().any(|segment| segment.index().is_some())
            {
                return Ok(Position::Unclear);
            }
            found = self.first(residual, test, &met, &errors)?;
        }
        Ok(found)
    }

    /// The index of the first element that satisfies the test.
    fn first(
        &self,
        residual: &Residual,
        test: &BoundTest,
        met: &Met<'_>,
        errors: &Errors,
    ) -> Result<Position, Malformed> {
        let enters = !met.below.is_empty() || matches!(test.check, BoundCheck::ElemMatch { .. });
        if !enters && met.array.iter().any(|element| matches!(element, Bson::Array(_))) {
            return Ok(Position::Unclear);
        }
        for (index, element) in met.array.iter().enumerate() {
            // Without the array around it, the element cannot satisfy a condition on the array as a whole.
            let mut value = if enters { Bson::Array(vec![element.clone()]) } else { element.clone() };
            for segment in met.above.iter().rev() {
                let mut document = Document::new();
                document.insert(segment.name(), value);
                value = Bson::Document(document);
            }
            errors.steps().take(STEPS_PER_LEVEL.saturating_mul(met.above.len() + 1))?;
            let documents = Documents { root: Some((&value).into()), ..Documents::default() };
            match Evaluation::new(documents, self.context(), errors).truth(residual) {
                Truth::True => return Ok(Position::Element(index)),
                Truth::Error => return Err(errors.as_malformed()),
                Truth::False | Truth::Unknown => {}
            }
        }
        // The condition matches the array as a whole.
        Ok(Position::Nowhere)
    }
}

/// Sorts tests: those that must all hold go to `plain`, the others to `others`.
fn collect<'r>(
    residual: &'r Residual,
    all: bool,
    plain: &mut Vec<(&'r Residual, &'r BoundTest)>,
    others: &mut Vec<&'r BoundTest>,
) {
    match residual {
        Residual::Constant(_) | Residual::Failed(_) => {}
        Residual::All(parts) => parts.iter().for_each(|part| collect(part, all, plain, others)),
        Residual::Any(parts) => parts.iter().for_each(|part| collect(part, false, plain, others)),
        Residual::Not(inner) => collect(inner, false, plain, others),
        Residual::Test(test) if all => plain.push((residual, test)),
        Residual::Test(test) => others.push(test),
    }
}

/// The first array on the path of a test whose elements the test examines.
fn array<'d>(document: &'d Document, test: &'d BoundTest) -> Option<Met<'d>> {
    let BoundLeft::Document(place) = &test.left else { return None };
    let path = place.path.segments();
    let mut here: Option<&Bson> = None;
    for (depth, segment) in path.iter().enumerate() {
        let fields = match here {
            None if depth == 0 => document,
            Some(Bson::Document(inner)) => inner,
            Some(Bson::Array(array)) => {
                let (above, below) = path.split_at_checked(depth)?;
                return Some(Met { array, above, below });
            }
            _ => return None,
        };
        here = Some(fields.get(segment.name())?);
    }
    match (here, &test.check) {
        (_, BoundCheck::Size(_)) => None,
        (Some(Bson::Array(array)), _) => Some(Met { array, above: path, below: &[] }),
        _ => None,
    }
}
