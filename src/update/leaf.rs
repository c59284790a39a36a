//! Applies an operator to its target.

use bson::{Bson, Timestamp};

use super::apply::{Applying, Effect, Spot, Within};
use super::tree::{Action, Instant, Leaf};
use super::written::Written;
use super::{UpdateErrorKind, arithmetic, array};
use crate::value::{Number, ValueRef, equal, identical, sort_order};

impl Applying<'_> {
    pub(super) fn leaf(&mut self, leaf: &Leaf, spot: Spot<'_>, within: Within) -> Result<Effect, UpdateErrorKind> {
        match &leaf.action {
            Action::RenameFrom => Ok(Effect::Same),
            Action::SetOnInsert(_) if !self.moment.inserts => Ok(Effect::Same),
            Action::Set(written) | Action::SetOnInsert(written) => self.put(spot, written, |_, _| Ok(true)),
            Action::Min(written) => self.put(spot, written, |old, new| Ok(sort_order(new, old)?.is_lt())),
            Action::Max(written) => self.put(spot, written, |old, new| Ok(sort_order(new, old)?.is_gt())),
            Action::CurrentDate(instant) => {
                let value = self.now(*instant);
                self.put(spot, &Written { value, bytes: 8 }, |_, _| Ok(true))
            }
            Action::RenameTo(number) => {
                let Some(value) = self.renamed.get_mut(*number).and_then(Option::take) else {
                    return Ok(Effect::Same);
                };
                if within == Within::Arrays {
                    return Err(UpdateErrorKind::RenameElement);
                }
                if matches!(spot, Spot::There(_)) && leaf.path.split('.').next() == Some("_id") {
                    return Err(UpdateErrorKind::IdChanged);
                }
                // The old field has already been removed, so the document has changed in any case.
                self.put(spot, &Written { value, bytes: 0 }, |_, _| Ok(true)).map(|_| Effect::Changed)
            }
            Action::Unset => Ok(match spot {
                Spot::There(_) => Effect::Removed,
                Spot::Vacant(_) | Spot::Blocked => Effect::Same,
            }),
            Action::Inc(operand) => number(spot, operand, |old| arithmetic::add(old, operand)),
            Action::Mul(operand) => {
                let zero = arithmetic::multiply(&Bson::Int32(0), operand);
                match spot {
                    Spot::Vacant(_) => number(spot, &zero?, |old| Ok(old.clone())),
                    spot => number(spot, operand, |old| arithmetic::multiply(old, operand)),
                }
            }
            Action::Bit(parts) => {
                let fold = |old: &Bson| {
                    parts
                        .iter()
                        .try_fold(old.clone(), |value, (bits, operand)| arithmetic::bits(&value, *bits, operand))
                };
                match spot {
                    Spot::Vacant(_) => {
                        let made = fold(&Bson::Int32(0))?;
                        number(spot, &made, |old| Ok(old.clone()))
                    }
                    spot => number(spot, &Bson::Null, fold),
                }
            }
            Action::Push(_) | Action::AddToSet(_) | Action::Pull(_) | Action::PullAll(_) | Action::Pop(_) => {
                self.list(&leaf.action, spot)
            }
        }
    }

    /// Writes a value if there is none yet, or if `replaces` returns true for the existing and the new value.
    fn put(
        &mut self,
        spot: Spot<'_>,
        written: &Written,
        replaces: impl FnOnce(Option<ValueRef<'_>>, Option<ValueRef<'_>>) -> Result<bool, UpdateErrorKind>,
    ) -> Result<Effect, UpdateErrorKind> {
        let value = &written.value;
        match spot {
            Spot::Blocked => Err(UpdateErrorKind::NotViable),
            Spot::Vacant(slot) => {
                self.charge(written.bytes)?;
                *slot = Some(value.clone());
                Ok(Effect::Changed)
            }
            Spot::There(old) => {
                let (left, right) = (ValueRef::from(&*old), ValueRef::from(value));
                if identical(left, right)? || !replaces(Some(left), Some(right))? {
                    return Ok(Effect::Same);
                }
                self.charge(written.bytes)?;
                *old = value.clone();
                Ok(Effect::Changed)
            }
        }
    }

    fn now(&self, instant: Instant) -> Bson {
        match instant {
            Instant::Date => Bson::DateTime(self.moment.now),
            Instant::Timestamp => {
                let seconds = self.moment.now.timestamp_millis().div_euclid(1000);
                Bson::Timestamp(Timestamp { time: u32::try_from(seconds).unwrap_or(u32::MAX), increment: 1 })
            }
        }
    }

    fn list(&mut self, action: &Action, spot: Spot<'_>) -> Result<Effect, UpdateErrorKind> {
        match (action, spot) {
            (_, Spot::Blocked) => Err(UpdateErrorKind::NotViable),
            (Action::Push(push), Spot::There(Bson::Array(list))) => {
                self.charge(push.values.iter().map(|written| written.bytes + 8).sum())?;
                push.apply(list, self.errors.steps()).map(Effect::changed)
            }
            (Action::Push(push), Spot::Vacant(slot)) => {
                self.charge(push.values.iter().map(|written| written.bytes + 8).sum())?;
                let mut list = Vec::new();
                push.apply(&mut list, self.errors.steps())?;
                *slot = Some(Bson::Array(list));
                Ok(Effect::Changed)
            }
            (Action::AddToSet(values), Spot::There(Bson::Array(list))) => {
                let new = array::missing(list, values)?;
                self.charge(new.iter().map(|written| written.bytes + 8).sum())?;
                list.extend(new.iter().map(|written| written.value.clone()));
                Ok(Effect::changed(!new.is_empty()))
            }
            (Action::AddToSet(values), Spot::Vacant(slot)) => {
                let new = array::missing(&[], values)?;
                self.charge(new.iter().map(|written| written.bytes + 8).sum())?;
                *slot = Some(Bson::Array(new.iter().map(|written| written.value.clone()).collect()));
                Ok(Effect::Changed)
            }
            // Nothing is there to be removed.
            (_, Spot::Vacant(_)) => Ok(Effect::Same),
            (action, Spot::There(Bson::Array(list))) => {
                array::take_away(action, list, &self.errors).map(Effect::changed)
            }
            (action, Spot::There(other)) => {
                let code = if matches!(action, Action::Pop(_)) { 14 } else { 2 };
                Err(UpdateErrorKind::NotArray { found: ValueRef::from(&*other).kind().alias(), code })
            }
        }
    }
}

/// Writes a number: `made` if there is no value yet, otherwise the result of `change` on the existing value.
fn number(
    spot: Spot<'_>,
    made: &Bson,
    change: impl FnOnce(&Bson) -> Result<Bson, UpdateErrorKind>,
) -> Result<Effect, UpdateErrorKind> {
    match spot {
        Spot::Blocked => Err(UpdateErrorKind::NotViable),
        Spot::Vacant(slot) => {
            *slot = Some(made.clone());
            Ok(Effect::Changed)
        }
        Spot::There(old) => {
            let new = change(old)?;
            // As in MongoDB, NaN always counts as a change, but a change only in the sign of zero does not.
            let same = match (&*old, &new) {
                (Bson::Double(old), Bson::Double(new)) => old == new,
                (Bson::Decimal128(_), Bson::Decimal128(_)) => {
                    let (old, new) = (ValueRef::from(&*old), ValueRef::from(&new));
                    !new.number().is_some_and(Number::is_nan) && equal(old, new)?
                }
                (old, new) => identical(old.into(), new.into())?,
            };
            if same {
                return Ok(Effect::Same);
            }
            *old = new;
            Ok(Effect::Changed)
        }
    }
}
