use super::bound_operand::BoundLeft;
use super::operand::{Absent, Outcome};
use super::residual::{BoundCheck, BoundTest, Residual};
use super::subject::{Kind, Subject};
use super::{EvalError, Evaluation, Truth};
use crate::path::Segment;
use crate::value::{FIELD_OF_ELEMENT, ValueRef};

impl<'e> Evaluation<'e> {
    /// Evaluates a residual.
    #[must_use]
    #[inline]
    pub fn truth(&self, residual: &Residual) -> Truth {
        match residual {
            // This part is inlined, so that a constant costs no call.
            Residual::Constant(truth) => *truth,
            _ => self.within::<false>(residual, None),
        }
    }

    /// Evaluates a residual on the documents or, if `INSIDE`, on an element that `$elemMatch` examines. Only elements
    /// take steps here, because an array may have many of them.
    pub(super) fn within<const INSIDE: bool>(&self, residual: &Residual, element: Option<ValueRef<'_>>) -> Truth {
        if INSIDE && let Err(error) = self.steps().take(FIELD_OF_ELEMENT) {
            return self.settle(Err(error.into()));
        }
        let (parts, any) = match residual {
            Residual::Constant(truth) => return *truth,
            Residual::Failed(failures) => return self.fail(failures),
            Residual::Not(inner) => return !self.within::<INSIDE>(inner, element),
            Residual::Test(test) => return self.test(test, element),
            Residual::All(parts) => (parts, false),
            Residual::Any(parts) => (parts, true),
        };
        // By De Morgan, `any(p)` is evaluated as `!all(!p)`.
        let turned = |truth: Truth| if any { !truth } else { truth };
        let mut truth = Truth::True;
        for part in parts {
            let part = match part {
                Residual::Test(test) if !INSIDE => match self.quick_answer(test) {
                    Some(holds) if holds == any => return holds.into(),
                    // This part does not affect the outcome.
                    Some(_) => continue,
                    None => self.slow_test(test, element),
                },
                part => self.within::<INSIDE>(part, element),
            };
            truth = truth.and(turned(part));
            if truth == Truth::False {
                break;
            }
        }
        turned(truth)
    }

    #[cold]
    pub(super) fn fail(&self, failures: &[EvalError]) -> Truth {
        failures.iter().for_each(|error| self.errors.add(error.clone()));
        Truth::Error
    }

    pub(super) fn test(&self, test: &BoundTest, element: Option<ValueRef<'_>>) -> Truth {
        match self.quick_answer(test) {
            Some(holds) => holds.into(),
            None => self.slow_test(test, element),
        }
    }

    #[inline(always)]
    fn quick_answer(&self, test: &BoundTest) -> Option<bool> {
        test.quick.as_ref()?.answer(self.seen?)
    }

    #[inline(never)]
    fn slow_test(&self, test: &BoundTest, element: Option<ValueRef<'_>>) -> Truth {
        let inside = test.quick_inside.as_ref().zip(self.seen).and_then(|(inside, seen)| inside.answer(seen));
        match inside.or_else(|| self.glance(test)) {
            Some(found) => found.into(),
            None => self.look(test, element),
        }
    }

    /// The general evaluation of a test. The outcome is cached for this pair of documents.
    #[inline(never)]
    fn look(&self, test: &BoundTest, element: Option<ValueRef<'_>>) -> Truth {
        if let Some(truth) = self.seen.and_then(|seen| seen.answer(test.number)) {
            return truth;
        }
        let truth = self.outcome(test, element);
        if let Some(seen) = self.seen {
            seen.note(test.number, truth);
        }
        truth
    }

    fn outcome(&self, test: &BoundTest, element: Option<ValueRef<'_>>) -> Truth {
        self.settle(self.ask(test, element))
    }

    fn settle(&self, outcome: Outcome) -> Truth {
        match outcome {
            Ok(truth) => truth,
            Err(Absent::Unknown) => Truth::Unknown,
            Err(Absent::Failed(error)) => {
                self.errors.add(error);
                Truth::Error
            }
        }
    }

    /// Evaluates a check whose left operand is a context value.
    pub(super) fn of_context(&self, start: Option<ValueRef<'_>>, path: &[Segment], check: &BoundCheck) -> Truth {
        self.settle(self.check(Subject { start, path, kind: Kind::Context }, check))
    }

    fn ask(&self, test: &BoundTest, element: Option<ValueRef<'_>>) -> Outcome {
        let left = match &test.left {
            BoundLeft::Failed(error) => {
                // Errors of both sides are reported.
                if let Err(Absent::Failed(other)) = self.probe(&test.check) {
                    self.errors.add(other);
                }
                return Err((**error).clone().into());
            }
            BoundLeft::Unknown => {
                // An Error on the right takes precedence over Unknown on the left.
                self.probe(&test.check)?;
                return Ok(Truth::Unknown);
            }
            BoundLeft::Value(value, path) => {
                Subject { start: value.as_deref().map(ValueRef::from), path: path.segments(), kind: Kind::Context }
            }
            BoundLeft::Document(place) => {
                let (start, path) = self.start(place)?;
                Subject { start, path, kind: Kind::Document }
            }
            BoundLeft::Element(path, origin) => Subject::element(element, path.segments(), *origin, self.steps())?,
        };
        self.check(left, &test.check)
    }
}
