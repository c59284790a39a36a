//! Tests of a context value against the document. They are reversed: the filter tests the document for the values that
//! would satisfy the condition, so that MongoDB can use an index.

use std::cell::Cell;

use bson::Bson;
use bson::oid::ObjectId;

use super::bounds::{Bounds, Range};
use super::field::Field;
use super::field_test::Operator;
use super::filter::Filter;
use super::path::Path;
use super::plan::MAX_LIST;
use super::residual::within;
use super::test::{Looking, one_of, ordered};
use super::union::{gather_all, gathered};
use crate::eval::{
    BoundCheck, BoundLeft, BoundList, BoundRight, BoundTemplate, BoundTest, KnownOperand, Place, Residual, Standing,
    Truth, Unresolved,
};
use crate::expr::{Comparison, Conversion};
use crate::predicate::Elements;
use crate::value::{Malformed, ValueRef, equal, order};

/// The maximum number of arrays to compare as a whole. With more of them, each document has to be checked.
const MAX_ARRAYS: usize = 100;

/// Replaces a list from the context with one test per element, up to a limit.
#[derive(Clone, Copy)]
pub(super) struct Unrolling<'f> {
    /// What `%%this` refers to.
    pub(super) field: Field<'f>,
    /// The number of values that may still be tested.
    left: &'f Cell<usize>,
}

impl<'f> Unrolling<'f> {
    fn spend(self, values: usize) -> bool {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    fn exact_place(self, place: &Place) -> Option<Path> {
        Path::of(place, self.field).filter(|path| !path.has_index)
    }
}

/// Bounds for a test of a context value.
pub(super) fn of_context(test: &BoundTest, field: Field<'_>) -> Bounds {
    of_test(test, None, Unrolling { field, left: &Cell::new(MAX_LIST) })
}

/// Bounds for a test of a context value, or of an element of one.
pub(super) fn of_test(test: &BoundTest, element: Option<ValueRef<'_>>, unrolling: Unrolling<'_>) -> Bounds {
    match KnownOperand::of(&test.left, element) {
        Ok(Some(known)) if unrolling.spend(1) => unrolling.check(known, &test.check).unwrap_or(Bounds::OPEN),
        _ => Bounds::OPEN,
    }
}

impl Unrolling<'_> {
    fn check(self, known: KnownOperand<'_>, check: &BoundCheck) -> Result<Bounds, Malformed> {
        if !check.asks_documents() {
            return Ok(settled(known, check));
        }
        Ok(match check {
            BoundCheck::Equals(right) => self.equals(known, right)?,
            BoundCheck::Order(comparison, BoundRight::Document(place, _)) => self.ordered(known, *comparison, place)?,
            BoundCheck::In(BoundList::Document(place)) => self.contained(known, place)?,
            BoundCheck::In(BoundList::Elements { known: values, null, unknown, later }) => {
                let values = values.clone();
                let listed =
                    BoundList::Elements { known: values, null: *null, unknown: Unresolved::No, later: Vec::new() };
                let mut parts = vec![settled(known, &BoundCheck::In(listed))];
                parts.extend((*unknown != Unresolved::No).then_some(Bounds::UNKNOWN));
                for right in later {
                    parts.push(self.equals(known, right)?);
                }
                Bounds::any(parts)
            }
            BoundCheck::All(list) => {
                Bounds::all(list.iter().map(|right| self.equals(known, right)).collect::<Result<_, _>>()?)
            }
            BoundCheck::ElemMatch { elements, inner, operands } => {
                self.elem_match(known, *elements, inner, operands)?
            }
            _ => Bounds::OPEN,
        })
    }

    fn equals(self, known: KnownOperand<'_>, right: &BoundRight) -> Result<Bounds, Malformed> {
        Ok(match right {
            BoundRight::Unknown => Bounds::UNKNOWN,
            BoundRight::Value(_) => settled(known, &BoundCheck::Equals(right.clone())),
            BoundRight::Document(place, standing) => {
                let Some(path) = self.exact_place(place) else { return Ok(Bounds::OPEN) };
                let values = known.values()?;
                let holds = match standing {
                    Standing::Alone => is_at(&path, &values)?,
                    // In a list, an operand that is an array, or whose path leads through one, is Unknown.
                    Standing::Listed => plainly(&path, &values)?,
                };
                resolved(self.is_resolved(right), holds)
            }
            BoundRight::Template(template) if template.is_unknown() => Bounds::UNKNOWN,
            BoundRight::Template(template) => {
                let mut alternatives = Vec::new();
                for value in known.values()? {
                    let mut parts = Vec::new();
                    if !self.spend(1) {
                        return Ok(Bounds::OPEN);
                    }
                    if self.is_built(template, value, &mut parts)? {
                        alternatives.push(Range::all(parts));
                    }
                }
                let is_resolved = self.is_resolved(right);
                let holds = Range::all([is_resolved.clone(), gathered(alternatives)]).without_needless_exists();
                resolved(is_resolved, holds)
            }
            BoundRight::Convert(conversion, place) => match self.exact_place(place) {
                Some(path) => converted(&path, *conversion, &known.values()?)?,
                None => Bounds::OPEN,
            },
            BoundRight::Function(_) | BoundRight::Failed(_) => Bounds::OPEN,
        })
    }

    /// Whether a template may result in this value. The documents for which it does are added to `parts`.
    fn is_built(
        self,
        template: &BoundTemplate,
        value: ValueRef<'_>,
        parts: &mut Vec<Range>,
    ) -> Result<bool, Malformed> {
        Ok(match (template, value) {
            (BoundTemplate::Literal(literal), value) => equal(value, literal.into())?,
            (BoundTemplate::Document(place), value) => {
                parts.push(match self.exact_place(place) {
                    Some(path) => is_at(&path, &[value])?,
                    None => Range::OPEN,
                });
                true
            }
            (BoundTemplate::Fields(fields), ValueRef::Document(document)) => {
                let mut stored = document.iter();
                for (key, inner) in fields {
                    let Some((name, value)) = stored.next().transpose()? else { return Ok(false) };
                    if name != key || !self.is_built(inner, value, parts)? {
                        return Ok(false);
                    }
                }
                stored.next().is_none()
            }
            (BoundTemplate::Elements(elements), ValueRef::Array(array)) => {
                let mut stored = array.iter();
                for inner in elements {
                    let Some(value) = stored.next().transpose()? else { return Ok(false) };
                    if !self.is_built(inner, value, parts)? {
                        return Ok(false);
                    }
                }
                stored.next().is_none()
            }
            _ => false,
        })
    }

    /// Reverses an order comparison, such as `{"%%user.data.level": {"$gte": "%%root.level"}}`. Arrays, and paths
    /// through arrays, have no order.
    fn ordered(self, known: KnownOperand<'_>, comparison: Comparison, place: &Place) -> Result<Bounds, Malformed> {
        let Some(path) = self.exact_place(place) else { return Ok(Bounds::OPEN) };
        let (opposite, wanted) = match comparison {
            Comparison::Gt => (Comparison::Lt, std::cmp::Ordering::Greater),
            Comparison::Gte => (Comparison::Lte, std::cmp::Ordering::Greater),
            Comparison::Lt => (Comparison::Gt, std::cmp::Ordering::Less),
            Comparison::Lte => (Comparison::Gte, std::cmp::Ordering::Less),
            Comparison::Eq | Comparison::Ne => return Ok(Bounds::OPEN),
        };
        let values = known.values()?;
        // Among values of the same type, only the least or the greatest matters.
        let mut least: Vec<ValueRef<'_>> = Vec::new();
        for value in values.into_iter().filter(|value| order(*value, *value).is_some()) {
            match least.iter_mut().find(|kept| order(**kept, value).is_some()) {
                Some(kept) if order(value, *kept) == Some(wanted) => *kept = value,
                Some(_) => {}
                None => least.push(value),
            }
        }
        let least = least.into_iter().map(|value| Ok(ordered(&path, opposite, &value.to_bson()?).holds));
        let holds = Range::any(least.collect::<Result<Vec<_>, Malformed>>()?);
        let holds = Range::all([holds, Range::exact(path.without_arrays())]);
        Ok(resolved(Range::exact(path.exists()), holds))
    }

    /// Reverses a test such as `{"%%user.id": {"$in": "%%root.members"}}`.
    fn contained(self, known: KnownOperand<'_>, place: &Place) -> Result<Bounds, Malformed> {
        let Some(path) = self.exact_place(place) else { return Ok(Bounds::OPEN) };
        let values = owned(&known.values()?)?;
        let element = one_of(&Path::element(), &values).holds;
        if element.lower != element.upper {
            return Ok(Bounds::OPEN);
        }
        let has = element.lower.alternatives().iter().filter(|test| **test != Filter::Never);
        let has = has.map(|test| Some(path.test(Operator::ElemMatch, test.to_operators()?)));
        let Some(has) = has.collect::<Option<Vec<_>>>().map(Filter::any) else { return Ok(Bounds::OPEN) };
        let is_array = path.test(Operator::Type, "array");
        let Some(straight) = path.straight() else {
            return Ok(resolved(Range::exact(is_array), Range::exact(has)));
        };
        // If the path leads through an array, the values along it form the list.
        let crossing = straight.negate();
        let anywhere = one_of(&path, &values).holds;
        let met = one_of(&path, values.iter().filter(|value| **value != Bson::Null)).holds.lower;
        let met = Filter::all([crossing.clone(), met, is_array.negate()]);
        let listed = Filter::any([Filter::all([straight.clone(), is_array]), Filter::all([crossing, path.exists()])]);
        let holds = Range { lower: Filter::any([Filter::all([straight, has]), met]), upper: anywhere.upper };
        Ok(resolved(Range::exact(listed), holds))
    }

    fn elem_match(
        self,
        known: KnownOperand<'_>,
        asked: Elements,
        inner: &Residual,
        operands: &[BoundTest],
    ) -> Result<Bounds, Malformed> {
        let is_resolved = Range::all(operands.iter().map(|operand| match operand.left {
            BoundLeft::Unknown => Range::NEVER,
            _ => self.is_check_resolved(&operand.check),
        }));
        let elements = known.elements(asked)?;
        let mut each = Vec::new();
        // Every test is repeated for every element.
        if self.left.get() >= elements.len() {
            each.extend(elements.iter().map(|element| within(inner, Looking::Known(*element, self))));
        }
        if each.len() < elements.len() || self.left.get() == 0 {
            let some = Range { lower: Filter::Never, upper: is_resolved.upper };
            return Ok(Bounds { holds: some.clone(), fails: some });
        }
        let (holds, fails): (Vec<_>, Vec<_>) = each.into_iter().map(|bounds| (bounds.holds, bounds.fails)).unzip();
        let is_exact = fails.iter().all(|range| range.lower == range.upper);
        let (lowers, uppers): (Vec<_>, Vec<_>) = fails.into_iter().map(|range| (range.lower, range.upper)).unzip();
        let lower = gather_all(lowers);
        let upper = if is_exact { lower.clone() } else { gather_all(uppers) };
        Ok(Bounds {
            holds: Range::all([is_resolved.clone(), gathered(holds)]).without_needless_exists(),
            fails: Range::all([is_resolved, Range { lower, upper }]),
        })
    }

    /// The documents for which the right operand of a check can be resolved.
    fn is_check_resolved(self, check: &BoundCheck) -> Range {
        match check {
            BoundCheck::Equals(right) | BoundCheck::Order(_, right) => self.is_resolved(right),
            BoundCheck::All(list) => Range::all(list.iter().map(|right| self.is_resolved(right))),
            BoundCheck::In(BoundList::Unknown) => Range::NEVER,
            BoundCheck::In(BoundList::Document(place)) => match self.exact_place(place) {
                None => Range::OPEN,
                Some(path) => {
                    let is_array = path.test(Operator::Type, "array");
                    Range::exact(match path.straight() {
                        None => is_array,
                        Some(straight) => Filter::any([
                            Filter::all([straight.clone(), is_array]),
                            Filter::all([straight.negate(), path.exists()]),
                        ]),
                    })
                }
            },
            BoundCheck::In(BoundList::Elements { unknown: Unresolved::Operand, .. }) => Range::NEVER,
            BoundCheck::In(BoundList::Elements { later, .. }) => {
                Range::all(later.iter().map(|right| self.is_resolved(right)))
            }
            BoundCheck::ElemMatch { operands, .. } => {
                Range::all(operands.iter().map(|operand| self.is_check_resolved(&operand.check)))
            }
            _ => Range::ALWAYS,
        }
    }

    fn is_resolved(self, right: &BoundRight) -> Range {
        match right {
            BoundRight::Unknown => Range::NEVER,
            BoundRight::Value(_) => Range::ALWAYS,
            BoundRight::Document(place, standing) => match (self.exact_place(place), standing) {
                (None, _) => Range::OPEN,
                (Some(path), Standing::Alone) => Range::exact(path.exists()),
                (Some(path), Standing::Listed) => Range::exact(Filter::all([path.exists(), path.without_arrays()])),
            },
            BoundRight::Template(template) => self.is_template_resolved(template),
            BoundRight::Convert(conversion, place) => {
                self.exact_place(place).map_or(Range::OPEN, |path| convertible(&path, *conversion))
            }
            BoundRight::Function(_) | BoundRight::Failed(_) => Range::OPEN,
        }
    }

    fn is_template_resolved(self, template: &BoundTemplate) -> Range {
        match template {
            BoundTemplate::Unknown => Range::NEVER,
            BoundTemplate::Failed(_) => Range::OPEN,
            BoundTemplate::Literal(_) => Range::ALWAYS,
            BoundTemplate::Document(place) => {
                self.exact_place(place).map_or(Range::OPEN, |path| Range::exact(path.exists()))
            }
            BoundTemplate::Fields(fields) => {
                Range::all(fields.iter().map(|(_, inner)| self.is_template_resolved(inner)))
            }
            BoundTemplate::Elements(elements) => {
                Range::all(elements.iter().map(|inner| self.is_template_resolved(inner)))
            }
        }
    }
}

/// Bounds for a check that does not depend on the document.
fn settled(known: KnownOperand<'_>, check: &BoundCheck) -> Bounds {
    match known.truth(check) {
        // The check fails for every document. Plans do not account for such errors.
        Truth::Error => Bounds::OPEN,
        truth => Bounds::constant(truth),
    }
}

/// Bounds for a condition that is True or False if its operands can be resolved, and otherwise Unknown.
fn resolved(is_resolved: Range, holds: Range) -> Bounds {
    let fails = Range::all([is_resolved, holds.negate()]);
    Bounds { holds, fails }
}

fn owned(values: &[ValueRef<'_>]) -> Result<Vec<Bson>, Malformed> {
    values.iter().map(|value| value.to_bson()).collect()
}

/// The documents in which a path has one of the values. An array at the path is compared as a whole, and the value of a
/// path through an array is a list.
fn is_at(path: &Path, values: &[ValueRef<'_>]) -> Result<Range, Malformed> {
    let arrays: Vec<_> = values.iter().copied().filter(|value| matches!(value, ValueRef::Array(_))).collect();
    let plain = plainly(path, values)?;
    if arrays.is_empty() {
        return Ok(plain);
    }
    let arrays = owned(&arrays)?;
    let straight = path.straight();
    let wholes = if arrays.len() <= MAX_ARRAYS {
        let wholes = arrays.iter().map(|array| {
            // The array itself, as opposed to an array that contains it.
            let contains = path.test(Operator::ElemMatch, bson::doc! { "$eq": array });
            Filter::all([path.test(Operator::Eq, array.clone()), contains.negate()])
        });
        Range::exact(Filter::any(wholes))
    } else {
        Range { lower: Filter::Never, upper: path.test(Operator::Type, "array") }
    };
    let Some(straight) = straight else { return Ok(Range::any([plain, wholes])) };
    let lower = Filter::any([plain.lower, Filter::all([straight, wholes.lower])]);
    // If the path leads through an array, its value is a list. It can equal one of these arrays only if the first
    // elements are equal.
    let firsts = arrays.iter().filter_map(|array| array.as_array()?.first());
    let values = owned(values)?;
    Ok(Range { lower, upper: one_of(path, values.iter().chain(firsts)).holds.upper })
}

/// The documents in which a path has one of the values and does not lead through an array.
fn plainly(path: &Path, values: &[ValueRef<'_>]) -> Result<Range, Malformed> {
    let values = values.iter().copied().filter(|value| !matches!(value, ValueRef::Array(_)));
    let values = owned(&values.collect::<Vec<_>>())?;
    let (nulls, others): (Vec<_>, Vec<_>) = values.iter().partition(|value| **value == Bson::Null);
    // A null that does not come from a literal does not equal Missing.
    let null = nulls.first().map(|_| Range::exact(path.test(Operator::Type, "null")));
    let found = Range::any([one_of(path, others).holds].into_iter().chain(null));
    Ok(Range::all([found, Range::exact(path.without_arrays())]))
}

/// Reverses a test such as `{"%%user.id": {"%oidToString": "%%root.owner"}}`: the filter tests for the values whose
/// conversions are the known values.
fn converted(path: &Path, conversion: Conversion, values: &[ValueRef<'_>]) -> Result<Bounds, Malformed> {
    let mut sources = Vec::new();
    for value in values {
        match (conversion, *value) {
            (Conversion::OidToString, ValueRef::String(text) | ValueRef::Symbol(text)) => {
                sources.push(Bson::from(text));
                let id = ObjectId::parse_str(text).ok().filter(|id| id.to_hex() == text);
                sources.extend(id.map(Bson::ObjectId));
            }
            (Conversion::UuidToString, ValueRef::String(text) | ValueRef::Symbol(text)) => {
                sources.push(Bson::from(text));
                let uuid = bson::Uuid::parse_str(text).ok().filter(|uuid| uuid.to_string() == text);
                sources.extend(uuid.map(|uuid| Bson::Binary(uuid.into())));
            }
            (Conversion::StringToOid, ValueRef::ObjectId(_))
            | (
                Conversion::StringToUuid,
                ValueRef::Binary { subtype: 4, bytes: [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] },
            ) => {
                sources.push(value.to_bson()?);
            }
            _ => {}
        }
    }
    let convertible = convertible(path, conversion);
    let found = one_of(path, &sources).holds;
    let found = match conversion {
        Conversion::OidToString | Conversion::UuidToString => found,
        // The case of a string's digits does not matter for its conversion.
        Conversion::StringToOid | Conversion::StringToUuid => {
            let text = path.test(Operator::Type, "string");
            Range { lower: found.lower, upper: Filter::any([found.upper, text]) }
        }
    };
    let holds = Range::all([found, Range { lower: convertible.upper.clone(), upper: convertible.upper.clone() }]);
    Ok(resolved(convertible, holds))
}

/// The documents whose value at a path can be converted.
fn convertible(path: &Path, conversion: Conversion) -> Range {
    let of = |types: &[&str]| {
        let types: Vec<Bson> = types.iter().map(|name| Bson::from(*name)).collect();
        Filter::all([path.test(Operator::Type, types), path.without_arrays()])
    };
    match conversion {
        Conversion::OidToString => Range::exact(of(&["string", "objectId"])),
        // Binary data can be converted only if it is a UUID.
        Conversion::UuidToString => Range { lower: of(&["string"]), upper: of(&["string", "binData"]) },
        // Strings can be converted only if they have the right form.
        Conversion::StringToOid => Range { lower: of(&["objectId"]), upper: of(&["string", "objectId"]) },
        Conversion::StringToUuid => Range { lower: Filter::Never, upper: of(&["string", "binData"]) },
    }
}
