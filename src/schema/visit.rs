use std::collections::{HashMap, HashSet};

use super::failure::Shown;
use super::report::{Place, Report};
use super::rule::MAX_LINEAR_NAMES;
use super::shape::{Combination, Items, Others, Properties, Shape};
use crate::eval::Truth;
use crate::expr::Pattern;
use crate::value::{ArrayRef, DocumentRef, Malformed, Steps, ValueRef};

/// The outcome for a value; `None` if the value is removed and no `validate` applies to that.
type Verdict = Option<Truth>;

type Value<'d> = Option<ValueRef<'d>>;

/// Evaluates the `validate` expression with this index, given the new and the old value of its field.
type Ask<'v, 'd> = &'v dyn Fn(usize, Value<'d>, Value<'d>) -> Truth;

/// A simultaneous traversal of the new and the old document, as the schema prescribes.
pub(super) struct Visit<'v, 'd> {
    ask: Ask<'v, 'd>,
    steps: &'v Steps,
}

/// The conjunction of two outcomes.
fn both(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.and(b)),
        (a, b) => a.or(b),
    }
}

fn document(value: Value<'_>) -> Option<DocumentRef<'_>> {
    match value {
        Some(ValueRef::Document(document)) => Some(document),
        _ => None,
    }
}

fn array(value: Value<'_>) -> Option<ArrayRef<'_>> {
    match value {
        Some(ValueRef::Array(array)) => Some(array),
        _ => None,
    }
}

/// The fields, in order. Of duplicate keys, the first counts.
fn fields(document: Option<DocumentRef<'_>>) -> Result<Vec<(&str, ValueRef<'_>)>, Malformed> {
    let Some(document) = document else { return Ok(Vec::new()) };
    let mut fields = document.iter().collect::<Result<Vec<_>, _>>()?;
    if document.may_repeat_keys() {
        let mut seen = HashSet::with_capacity(fields.len());
        fields.retain(|(name, _)| seen.insert(*name));
    }
    Ok(fields)
}

/// The fields by name. This pays off for many fields.
fn table(document: Option<DocumentRef<'_>>) -> Result<HashMap<&str, ValueRef<'_>>, Malformed> {
    Ok(fields(document)?.into_iter().collect())
}

impl<'v, 'd> Visit<'v, 'd> {
    /// Creates a traversal within a step budget.
    pub(super) const fn new(ask: Ask<'v, 'd>, steps: &'v Steps) -> Self {
        Self { ask, steps }
    }

    fn field(&self, document: Option<DocumentRef<'d>>, name: &str) -> Result<Value<'d>, Malformed> {
        document.map_or(Ok(None), |document| self.steps.get(document, name))
    }

    /// Applies a schema to the value at `place`, which changes from `before` to `after`.
    pub(super) fn visit(
        &self,
        shape: &Shape,
        place: &Place<'_>,
        before: Value<'d>,
        after: Value<'d>,
        report: &mut Report,
    ) -> Result<Verdict, Malformed> {
        if after.is_none() && (before.is_none() || !shape.validates) {
            return Ok(None);
        }
        self.steps.take(1)?;
        let mut verdict = None;
        if let Some(value) = after {
            let mut holds = true;
            for rule in &shape.rules {
                self.steps.take(rule.steps(value))?;
                rule.check(value, &mut |message| {
                    holds = false;
                    report.fail(place, message);
                })?;
            }
            verdict = Some(holds.into());
        }
        if let Some(index) = shape.validate {
            let truth = (self.ask)(index, after, before);
            match truth {
                Truth::True => {}
                Truth::False | Truth::Unknown => report.fail(place, format_args!("validate does not hold")),
                Truth::Error => report.fail(place, format_args!("validate failed")),
            }
            verdict = both(verdict, Some(truth));
        }
        let documents = (document(before), document(after));
        if documents.0.is_some() || documents.1.is_some() {
            verdict = both(verdict, self.named(&shape.properties, place, documents, report)?);
            if !shape.properties.is_free() {
                verdict = both(verdict, self.others(&shape.properties, place, documents, report)?);
            }
            for (name, inner) in &shape.dependencies {
                // If the whole document is removed, its old content counts.
                if self.field(documents.1.or(documents.0), name)?.is_some() {
                    verdict = both(verdict, self.visit(inner, place, before, after, report)?);
                }
            }
        }
        if !shape.items.is_free() {
            verdict = both(verdict, self.items(&shape.items, place, (array(before), array(after)), report)?);
        }
        for combination in &shape.combinations {
            verdict = both(verdict, self.combination(combination, place, before, after, report)?);
        }
        Ok(verdict)
    }

    /// Checks the fields named in `properties`.
    fn named(
        &self,
        properties: &Properties,
        place: &Place<'_>,
        (before, after): (Option<DocumentRef<'d>>, Option<DocumentRef<'d>>),
        report: &mut Report,
    ) -> Result<Verdict, Malformed> {
        let mut verdict = None;
        let many = properties.named.len() > MAX_LINEAR_NAMES;
        let old_values = if many { table(before)? } else { HashMap::new() };
        let new_values = if many { table(after)? } else { HashMap::new() };
        for (name, inner) in &properties.named {
            let (old, new) = if many {
                (old_values.get(&**name).copied(), new_values.get(&**name).copied())
            } else {
                (if inner.validates { self.field(before, name)? } else { None }, self.field(after, name)?)
            };
            verdict = both(verdict, self.visit(inner, &Place::Field(place, name), old, new, report)?);
        }
        Ok(verdict)
    }

    /// Checks the fields that match a pattern, and those that match neither a pattern nor a name.
    fn others(
        &self,
        properties: &Properties,
        place: &Place<'_>,
        (before, after): (Option<DocumentRef<'d>>, Option<DocumentRef<'d>>),
        report: &mut Report,
    ) -> Result<Verdict, Malformed> {
        let new = fields(after)?;
        let old = if properties.others_validate() { fields(before)? } else { Vec::new() };
        let old_values: HashMap<_, _> = old.iter().copied().collect();
        let mut verdict = None;
        for (name, value) in &new {
            let old = old_values.get(name).copied();
            verdict = both(verdict, self.other(properties, place, name, (old, Some(*value)), report)?);
        }
        if !old.is_empty() {
            let kept: HashSet<_> = new.iter().map(|(name, _)| *name).collect();
            for (name, value) in old.iter().filter(|(name, _)| !kept.contains(name)) {
                verdict = both(verdict, self.other(properties, place, name, (Some(*value), None), report)?);
            }
        }
        Ok(verdict)
    }

    fn other(
        &self,
        properties: &Properties,
        place: &Place<'_>,
        name: &str,
        (before, after): (Value<'d>, Value<'d>),
        report: &mut Report,
    ) -> Result<Verdict, Malformed> {
        let mut verdict = None;
        let mut known = properties.names.contains(name);
        let inside = Place::Field(place, name);
        let steps = |steps: usize, (pattern, _): &(Pattern, Shape)| steps.saturating_add(pattern.steps(name.len()) + 1);
        self.steps.take(properties.patterns.iter().fold(1, steps))?;
        for (_, inner) in properties.patterns.iter().filter(|(pattern, _)| pattern.is_match(name)) {
            known = true;
            verdict = both(verdict, self.visit(inner, &inside, before, after, report)?);
        }
        Ok(match &properties.others {
            Others::Shape(inner) if !known => both(verdict, self.visit(inner, &inside, before, after, report)?),
            Others::Forbidden if !known && after.is_some() => {
                report.fail(place, format_args!("additional property {} is not allowed", Shown(name)));
                Some(Truth::False)
            }
            _ => verdict,
        })
    }

    /// Checks the elements of an array. Each is compared with the old element at the same index.
    fn items(
        &self,
        items: &Items,
        place: &Place<'_>,
        (before, after): (Option<ArrayRef<'d>>, Option<ArrayRef<'d>>),
        report: &mut Report,
    ) -> Result<Verdict, Malformed> {
        let mut old = before.into_iter().flat_map(ArrayRef::iter);
        let mut new = after.into_iter().flat_map(ArrayRef::iter);
        let mut verdict = None;
        for index in 0.. {
            let (old, new) = (old.next().transpose()?, new.next().transpose()?);
            if old.is_none() && new.is_none() {
                break;
            }
            let inner = match (items.first.get(index), &items.others) {
                (Some(inner), _) => inner,
                (None, Others::Shape(inner)) => inner,
                (None, Others::Free) => break,
                (None, Others::Forbidden) => {
                    if new.is_some() {
                        report.fail(place, format_args!("additional item {index} is not allowed"));
                        verdict = Some(Truth::False);
                    }
                    continue;
                }
            };
            verdict = both(verdict, self.visit(inner, &Place::Element(place, index), old, new, report)?);
        }
        Ok(verdict)
    }

    /// Combines schemas for one value. If the value is removed, those that do not apply to that are skipped.
    fn combination(
        &self,
        combination: &Combination,
        place: &Place<'_>,
        before: Value<'d>,
        after: Value<'d>,
        report: &mut Report,
    ) -> Result<Verdict, Malformed> {
        let silent = |shape| self.visit(shape, place, before, after, &mut Report::Silent);
        let mut verdict = None;
        match combination {
            Combination::All(shapes) => {
                for shape in shapes {
                    verdict = both(verdict, self.visit(shape, place, before, after, report)?);
                }
                return Ok(verdict);
            }
            Combination::Any(shapes) => {
                for shape in shapes {
                    verdict = match (verdict, silent(shape)?) {
                        (Some(a), Some(b)) => Some(a.or(b)),
                        (a, b) => a.or(b),
                    };
                    if verdict == Some(Truth::True) {
                        break;
                    }
                }
                if verdict.is_some_and(|truth| !truth.is_true()) {
                    report.fail(place, format_args!("must match at least one schema of anyOf"));
                }
            }
            Combination::One(shapes) => {
                // Whether exactly one holds so far, and whether more than one does.
                let (mut one, mut more) = (None, Truth::False);
                for shape in shapes {
                    let Some(truth) = silent(shape)? else { continue };
                    let before = one.unwrap_or(Truth::False);
                    more = more.or(before.and(truth));
                    one = Some(before.or(truth));
                }
                verdict = one.map(|one| one.and(!more));
                if verdict.is_some_and(|truth| !truth.is_true()) {
                    report.fail(place, format_args!("must match exactly one schema of oneOf"));
                }
            }
            Combination::Not(shape) => {
                verdict = silent(shape)?.map(|truth| !truth);
                if verdict.is_some_and(|truth| !truth.is_true()) {
                    report.fail(place, format_args!("must not match the schema of not"));
                }
            }
        }
        Ok(verdict)
    }
}
