//! Checks whether right operands can be resolved, without comparing them.

use super::Evaluation;
use super::bound_operand::{BoundLeft, BoundList, Unresolved};
use super::operand::{Absent, all};
use super::residual::{BoundCheck, BoundTest, Residual};

impl Evaluation<'_> {
    /// The Unknown or Error of the right operand of a check, if it cannot be resolved.
    pub(super) fn probe(&self, check: &BoundCheck) -> Result<(), Absent> {
        match check {
            BoundCheck::Equals(right) | BoundCheck::Order(_, right) => self.operand(right).map(|_| ()),
            BoundCheck::All(list) => all(list.iter().map(|right| self.operand(right))).map(|_| ()),
            BoundCheck::In(BoundList::Unknown) => Err(Absent::Unknown),
            BoundCheck::In(BoundList::Failed(error)) => Err((**error).clone().into()),
            BoundCheck::In(BoundList::Document(place)) => self.list(place).map(|_| ()),
            BoundCheck::In(BoundList::Elements { unknown, later, .. }) => {
                if let Unresolved::Failed(error) = unknown {
                    return Err((**error).clone().into());
                }
                all(later.iter().map(|right| self.operand(right)))?;
                if *unknown == Unresolved::Operand { Err(Absent::Unknown) } else { Ok(()) }
            }
            BoundCheck::ElemMatch { inner, operands, .. } => match inner {
                Residual::Failed(failures) => failures.first().map_or(Ok(()), |error| Err(error.clone().into())),
                _ => self.probe_all(operands),
            },
            _ => Ok(()),
        }
    }

    /// [`Self::probe`] for several tests, which also finds unknown left operands. An Error of any test takes precedence
    /// over Unknown.
    pub(super) fn probe_all(&self, tests: &[BoundTest]) -> Result<(), Absent> {
        let mut unknown = false;
        for test in tests {
            match self.probe(&test.check) {
                Err(Absent::Unknown) => unknown = true,
                outcome => outcome?,
            }
            unknown |= matches!(test.left, BoundLeft::Unknown);
        }
        if unknown { Err(Absent::Unknown) } else { Ok(()) }
    }
}
