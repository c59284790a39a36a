//! Applies the check of a test to its left operand.

use std::cell::Cell;

use bson::Bson;

use super::bound_operand::{BoundList, BoundRight, BoundValue, Unresolved};
use super::operand::{Absent, Operand, Outcome};
use super::residual::{BoundCheck, Residual};
use super::subject::{Kind, Null, Subject};
use super::{EvalError, Evaluation, Found, Truth};
use crate::expr::Comparison;
use crate::path::{Leaf, Resolved};
use crate::predicate::Elements;
use crate::question::ClientTest;
use crate::value::{ArrayRef, ListRef, Malformed, Number, ValueRef, order};

/// For lists longer than this, `$all` collects the left values once instead of testing them for every right operand.
const COLLECT_ABOVE: usize = 8;

impl Evaluation<'_> {
    pub(super) fn check(&self, left: Subject<'_, '_>, check: &BoundCheck) -> Outcome {
        match check {
            BoundCheck::Equals(right) => self.equals(left, right),
            BoundCheck::Order(comparison, right) => self.order(left, *comparison, right),
            BoundCheck::In(list) => self.in_list(left, list),
            BoundCheck::All(list) if list.is_empty() => Ok(Truth::False),
            BoundCheck::All(list) if list.len() > COLLECT_ABOVE => self.every(left, list),
            BoundCheck::All(list) => {
                let (mut truth, mut failure) = (Truth::True, None);
                for right in list {
                    truth = truth.and(settled(self.equals(left, right), &mut failure));
                    if truth == Truth::False {
                        break;
                    }
                }
                failed(truth, failure)
            }
            BoundCheck::Exists => Ok(left.any(Leaf::Whole, self.steps(), &mut |value| Ok(value.is_some()))?.into()),
            BoundCheck::Size(size) => Ok(left
                .any(Leaf::Whole, self.steps(), &mut |value| match value {
                    Some(ValueRef::Array(array)) => {
                        Ok(i64::try_from(self.length(array)?).is_ok_and(|length| length == *size))
                    }
                    _ => Ok(false),
                })?
                .into()),
            BoundCheck::Type(set) => {
                Ok(left
                    .any(Leaf::Expand, self.steps(), &mut |value| {
                        Ok(value.is_some_and(|value| set.contains(value.kind())))
                    })?
                    .into())
            }
            BoundCheck::Mod { divisor, remainder } => Ok(left
                .any(Leaf::Expand, self.steps(), &mut |value| {
                    let number = value.and_then(|value| value.number()).and_then(Number::truncate);
                    Ok(number.is_some_and(|number| *divisor != 0 && number.wrapping_rem(*divisor) == *remainder))
                })?
                .into()),
            BoundCheck::Regex(pattern) => Ok(left
                .any(Leaf::Expand, self.steps(), &mut |value| {
                    Ok(match value {
                        Some(ValueRef::String(text) | ValueRef::Symbol(text)) => {
                            self.steps().take(pattern.steps(text.len()))?;
                            pattern.is_match(text)
                        }
                        // As in MongoDB, a stored regular expression matches itself.
                        Some(ValueRef::Regex { pattern: stored, options }) => {
                            stored == pattern.pattern() && options == pattern.options()
                        }
                        _ => false,
                    })
                })?
                .into()),
            BoundCheck::ElemMatch { elements, inner, operands } => {
                if let Residual::Failed(failures) = inner {
                    return Ok(self.fail(failures));
                }
                self.probe_all(operands)?;
                if let Residual::Constant(Truth::Unknown) = inner {
                    return Ok(Truth::Unknown);
                }
                self.elem_match(left, *elements, inner)
            }
            BoundCheck::Client(test) => self.client_test(left, test),
        }
    }

    fn client_test(&self, left: Subject<'_, '_>, test: &ClientTest) -> Outcome {
        let mut failure = None;
        let holds = left.any(test.leaf(), self.steps(), &mut |value| match test.holds(value, self.steps()) {
            Ok(holds) => Ok(holds),
            Err(error) => {
                failure.get_or_insert(EvalError::from(error));
                // Returning true ends the iteration over the remaining values.
                Ok(true)
            }
        })?;
        failure.map_or(Ok(holds.into()), |error| Err(error.into()))
    }

    /// `$all` with a long list: collects the left values, then looks up every right operand among them.
    fn every(&self, left: Subject<'_, '_>, list: &[BoundRight]) -> Outcome {
        let (mut met, mut missing) = (Vec::new(), false);
        left.any(Leaf::Expand, self.steps(), &mut |value| {
            missing |= value.is_none();
            met.extend(value);
            Ok(false)
        })?;
        let mut met = ListRef::new(met);
        let mut truth = Truth::True;
        for right in list {
            truth = truth.and(match right {
                BoundRight::Value(BoundValue { value, members: None }) => {
                    let is_null = missing && **value == Bson::Null;
                    Truth::from(is_null || met.contains(ValueRef::from(&**value), self.steps())?)
                }
                right => match self.equals(left, right) {
                    Err(Absent::Unknown) => Truth::Unknown,
                    outcome => outcome?,
                },
            });
        }
        Ok(truth)
    }

    /// The length of an array. Raw arrays have no stored length, so counting their elements takes steps.
    fn length(&self, array: ArrayRef<'_>) -> Result<usize, Malformed> {
        let length = array.len()?;
        self.steps().take(length / 4)?;
        Ok(length)
    }

    fn elem_match(&self, left: Subject<'_, '_>, elements: Elements, inner: &Residual) -> Outcome {
        let truth = Cell::new(Truth::False);
        left.any(Leaf::Whole, self.steps(), &mut |value| {
            let Some(ValueRef::Array(array)) = value else { return Ok(false) };
            for element in array.iter() {
                let element = element?;
                self.steps().take(1)?;
                let asked = elements == Elements::All || matches!(element, ValueRef::Document(_) | ValueRef::Array(_));
                if !asked {
                    continue;
                }
                truth.set(truth.get().or(self.within::<true>(inner, Some(element))));
                if truth.get() == Truth::True {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        Ok(truth.get())
    }

    #[inline]
    fn equals(&self, left: Subject<'_, '_>, right: &BoundRight) -> Outcome {
        match right {
            BoundRight::Value(BoundValue { value, members }) => left
                .equals(ValueRef::from(&**value), members.as_deref(), Null::Literal, self.steps())
                .map_err(Absent::from),
            _ => self.equals_operand(left, right),
        }
    }

    fn equals_operand(&self, left: Subject<'_, '_>, right: &BoundRight) -> Outcome {
        match self.operand(right)? {
            Operand::Place(place) if left.kind == Kind::Document => {
                left.same_place(&place, self.steps()).map_err(Absent::from)
            }
            Operand::Place(place) => {
                let found = Found::of(place)?;
                left.equals(found.value(), None, Null::Value, self.steps()).map_err(Absent::from)
            }
            Operand::Value(value, members) => {
                left.equals(value, members, Null::Literal, self.steps()).map_err(Absent::from)
            }
            Operand::Made(bound) => left
                .equals(ValueRef::from(&*bound.value), bound.members.as_deref(), Null::Literal, self.steps())
                .map_err(Absent::from),
        }
    }

    #[inline]
    fn order(&self, left: Subject<'_, '_>, comparison: Comparison, right: &BoundRight) -> Outcome {
        match right {
            BoundRight::Value(bound) => {
                let right = ValueRef::from(&*bound.value);
                Ok(left.any(Leaf::Expand, self.steps(), &mut |left| Ok(ordered(left, comparison, right)))?.into())
            }
            _ => self.order_operand(left, comparison, right),
        }
    }

    fn order_operand(&self, left: Subject<'_, '_>, comparison: Comparison, right: &BoundRight) -> Outcome {
        let operand = self.operand(right)?;
        let value = match &operand {
            Operand::Place(Resolved::One(Some(right))) if left.kind == Kind::Document => {
                // Neither arrays nor their elements are ordered when two document fields are compared.
                return Ok(match left.resolve(self.steps())? {
                    Resolved::One(left) => ordered(left, comparison, *right).into(),
                    Resolved::Many(_) => Truth::False,
                    Resolved::Ambiguous => Truth::Unknown,
                });
            }
            Operand::Place(Resolved::One(Some(value))) | Operand::Value(value, _) => *value,
            // Arrays are not ordered.
            Operand::Place(_) => return Ok(Truth::False),
            Operand::Made(bound) => ValueRef::from(&*bound.value),
        };
        Ok(left.any(Leaf::Expand, self.steps(), &mut |left| Ok(ordered(left, comparison, value)))?.into())
    }

    fn in_list(&self, left: Subject<'_, '_>, list: &BoundList) -> Outcome {
        match list {
            BoundList::Unknown => Err(Absent::Unknown),
            BoundList::Failed(error) => Err((**error).clone().into()),
            BoundList::Document(place) => {
                let mut list = ListRef::new(self.list(place)?);
                Ok(left
                    .any(Leaf::Expand, self.steps(), &mut |value| match value {
                        None => Ok(false),
                        Some(value) => list.contains(value, self.steps()),
                    })?
                    .into())
            }
            BoundList::Elements { known, null, unknown, later } => {
                // No value is in an empty list, not even a malformed one; `is_settled` in binding relies on this.
                let found = !known.is_empty()
                    && left.any(Leaf::Expand, self.steps(), &mut |value| match value {
                        None => Ok(*null),
                        Some(value) => known.contains(value, self.steps()),
                    })?;
                let (mut truth, mut failure) = (Truth::from(found), None);
                for right in later {
                    if truth == Truth::True {
                        break;
                    }
                    truth = truth.or(settled(self.equals(left, right), &mut failure));
                }
                match unknown {
                    Unresolved::No => {}
                    Unresolved::Inside | Unresolved::Operand => truth = truth.or(Truth::Unknown),
                    Unresolved::Failed(_) if truth == Truth::True => {}
                    Unresolved::Failed(error) => return Err((**error).clone().into()),
                }
                failed(truth, failure)
            }
        }
    }
}

/// The truth of one of several outcomes. Its error is stored in `failure` instead of being reported, because the other
/// outcomes may decide.
fn settled(outcome: Outcome, failure: &mut Option<EvalError>) -> Truth {
    match outcome {
        Ok(truth) => truth,
        Err(Absent::Unknown) => Truth::Unknown,
        Err(Absent::Failed(error)) => {
            failure.get_or_insert(error);
            Truth::Error
        }
    }
}

/// The combined truth of several outcomes, or the stored error if the truth is Error.
fn failed(truth: Truth, failure: Option<EvalError>) -> Outcome {
    match failure {
        Some(error) if truth == Truth::Error => Err(error.into()),
        _ => Ok(truth),
    }
}

/// Whether the left value exists and satisfies the comparison with the right one.
#[inline]
fn ordered(left: Option<ValueRef<'_>>, comparison: Comparison, right: ValueRef<'_>) -> bool {
    left.and_then(|left| order(left, right)).is_some_and(|ordering| comparison.accepts(ordering))
}
