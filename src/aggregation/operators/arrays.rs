use bson::{Bson, Document};

use super::sets::Member;
use super::{Args, null, some};
use crate::aggregation::failure::{Outcome, refusal, refused};
use crate::aggregation::number::Num;
use crate::aggregation::sort::Sort;
use crate::aggregation::value::{copy, equal, is_nullish, kind, weight};
use crate::value::Steps;

pub(crate) fn copies(values: &[Bson], steps: &Steps) -> Outcome<Vec<Bson>> {
    values.iter().map(|value| copy(value, steps)).collect()
}

/// Resolves an index, which counts from the end if it is negative.
fn place(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(at) => Some(at),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

pub(crate) fn elem_at(args: &Args<'_>) -> Outcome<Option<Bson>> {
    if args.is_nullish(0) || args.is_nullish(1) {
        return null();
    }
    let Some(elements) = args.array(0, 28689)? else { return null() };
    let Some(number) = args.get(1).and_then(Num::of) else {
        return refused(28690, format!("$arrayElemAt's second argument must be a number, not {}", kind(args.get(1))));
    };
    let Some(index) = number.integer().filter(|index| i32::try_from(*index).is_ok()) else {
        return refused(28691, "$arrayElemAt's second argument must be a 32-bit integer");
    };
    let found = place(index, elements.len()).and_then(|at| elements.get(at));
    found.map(|value| copy(value, args.steps)).transpose()
}

pub(crate) fn first(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(elements) = args.array(0, 28689)? else { return null() };
    elements.first().map(|value| copy(value, args.steps)).transpose()
}

pub(crate) fn last(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(elements) = args.array(0, 28689)? else { return null() };
    elements.last().map(|value| copy(value, args.steps)).transpose()
}

pub(crate) fn concat(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let mut all = Vec::new();
    for at in 0..args.values.len() {
        let Some(elements) = args.array(at, 28664)? else { return null() };
        all.extend(copies(elements, args.steps)?);
    }
    some(all)
}

pub(crate) fn contains(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(Bson::Array(elements)) = args.get(1) else {
        return refused(40081, format!("$in requires an array as a second argument, found: {}", kind(args.get(1))));
    };
    let Some(wanted) = args.get(0) else {
        return some(elements.contains(&Bson::Undefined));
    };
    let each = weight(wanted);
    for element in elements {
        args.steps.take(each.min(weight(element)))?;
        if equal(wanted, element)? {
            return some(true);
        }
    }
    some(false)
}

/// The range of indexes to search, from the optional start and end operands.
pub(super) fn bounds(args: &Args<'_>, length: usize) -> Outcome<(usize, usize)> {
    let bound = |at: usize, otherwise: usize| {
        if args.values.len() <= at {
            return Ok(otherwise);
        }
        let number = args.get(at).and_then(Num::of).and_then(Num::integer);
        let Some(number) = number.and_then(|number| i32::try_from(number).ok()) else {
            return refused(40096, format!("{} takes whole numbers as bounds", args.name));
        };
        usize::try_from(number).map_err(|_| refusal(40097, format!("{} takes bounds that are not negative", args.name)))
    };
    Ok((bound(2, 0)?, bound(3, length)?.min(length)))
}

pub(crate) fn index_of(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(elements) = args.array(0, 40090)? else { return null() };
    let (from, to) = bounds(args, elements.len())?;
    for (at, element) in elements.iter().enumerate().take(to).skip(from) {
        args.steps.take(weight(element))?;
        if args.get(1).is_some_and(|wanted| matches!(equal(wanted, element), Ok(true))) {
            return some(i32::try_from(at).unwrap_or(i32::MAX));
        }
    }
    some(-1)
}

pub(crate) fn is_array(args: &Args<'_>) -> Outcome<Option<Bson>> {
    some(matches!(args.get(0), Some(Bson::Array(_))))
}

pub(crate) fn range(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let number = |at: usize, code: i32| args.small(at, code);
    let (from, to) = (number(0, 34443)?, number(1, 34445)?);
    let step = if args.values.len() > 2 { number(2, 34447)? } else { 1 };
    if step == 0 {
        return refused(34449, "$range requires a non-zero step value");
    }
    let (mut list, mut at) = (Vec::new(), i64::from(from));
    while if step > 0 { at < i64::from(to) } else { at > i64::from(to) } {
        args.steps.take(8)?;
        list.push(Bson::Int32(i32::try_from(at).unwrap_or(i32::MAX)));
        at += i64::from(step);
    }
    some(list)
}

pub(crate) fn reverse(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(elements) = args.array(0, 34435)? else { return null() };
    let mut list = copies(elements, args.steps)?;
    list.reverse();
    some(list)
}

pub(crate) fn size(args: &Args<'_>) -> Outcome<Option<Bson>> {
    match args.get(0) {
        Some(Bson::Array(elements)) => some(i32::try_from(elements.len()).unwrap_or(i32::MAX)),
        other => refused(17124, format!("The argument to $size must be an array, but was of type: {}", kind(other))),
    }
}

pub(crate) fn slice(args: &Args<'_>) -> Outcome<Option<Bson>> {
    if (0..args.values.len()).any(|at| args.is_nullish(at)) {
        return null();
    }
    let Some(elements) = args.array(0, 28724)? else { return null() };
    let second = args.small(1, 28725)?;
    let length = elements.len();
    let (from, count) = if args.values.len() == 2 {
        match usize::try_from(second) {
            Ok(count) => (0, count),
            Err(_) => {
                let count = usize::try_from(second.unsigned_abs()).unwrap_or(length);
                (length.saturating_sub(count), count)
            }
        }
    } else {
        let count = args.small(2, 28727)?;
        let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) else {
            return refused(28729, "Third argument to $slice must be positive");
        };
        (place(i64::from(second), length).unwrap_or(0), count)
    };
    let to = from.saturating_add(count).min(length);
    some(copies(elements.get(from.min(length)..to).unwrap_or_default(), args.steps)?)
}

/// `$firstN`, `$lastN`, `$maxN` and `$minN` on an array.
pub(crate) fn some_of(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let count = args.get(1).and_then(Num::of).and_then(Num::integer);
    let Some(count) = count.filter(|count| *count > 0).and_then(|count| usize::try_from(count).ok()) else {
        return refused(5787903, format!("{} takes an `n` that is a whole number above 0", args.name));
    };
    let Some(Bson::Array(elements)) = args.get(0) else {
        return refused(5788200, format!("{} takes an array, not a value of type {}", args.name, kind(args.get(0))));
    };
    let taken = match args.name {
        "$firstN" => elements.get(..count.min(elements.len())).unwrap_or_default(),
        "$lastN" => elements.get(elements.len().saturating_sub(count)..).unwrap_or_default(),
        name => {
            let mut all: Vec<&Bson> = elements.iter().filter(|value| !is_nullish(Some(value))).collect();
            args.steps.take(all.iter().map(|value| weight(value)).sum::<usize>().saturating_mul(16))?;
            all.sort_by(|a, b| match name {
                "$minN" => Member(a).cmp(&Member(b)),
                _ => Member(b).cmp(&Member(a)),
            });
            return some(
                all.into_iter().take(count).map(|value| copy(value, args.steps)).collect::<Outcome<Vec<_>>>()?,
            );
        }
    };
    some(copies(taken, args.steps)?)
}

pub(crate) fn zip(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let longest = matches!(args.get(1), Some(Bson::Boolean(true)));
    if args.is_given(1) && !matches!(args.get(1), Some(Bson::Boolean(_))) {
        return refused(34463, "useLongestLength must be a bool");
    }
    let inputs = match args.get(0) {
        Some(Bson::Array(inputs)) if !inputs.is_empty() => inputs,
        value if is_nullish(value) => return null(),
        _ => return refused(34461, "inputs must be an array of at least one expression"),
    };
    let defaults: &[Bson] = match args.get(2) {
        Some(Bson::Array(defaults)) if longest && defaults.len() == inputs.len() => defaults,
        None if !args.is_given(2) => &[],
        _ => return refused(34467, "defaults and inputs must have the same length, with useLongestLength"),
    };
    let mut columns = Vec::new();
    for input in inputs {
        match input {
            Bson::Array(elements) => columns.push(elements),
            input if is_nullish(Some(input)) => return null(),
            other => {
                return refused(34468, format!("$zip found a non-array expression in input: {}", kind(Some(other))));
            }
        }
    }
    let lengths = columns.iter().map(|column| column.len());
    let rows = if longest { lengths.max() } else { lengths.min() }.unwrap_or(0);
    let mut list = Vec::new();
    for row in 0..rows {
        let cell = |(at, column): (usize, &&Vec<Bson>)| {
            let value = column.get(row).or_else(|| defaults.get(at)).unwrap_or(&Bson::Null);
            copy(value, args.steps)
        };
        args.steps.take(8)?;
        list.push(Bson::Array(columns.iter().enumerate().map(cell).collect::<Outcome<_>>()?));
    }
    some(list)
}

/// Sorts an array like `$sortArray`.
pub(crate) fn sorted(elements: &[Bson], order: &Bson, steps: &Steps) -> Outcome<Bson> {
    let mut list = copies(elements, steps)?;
    steps.take(list.iter().map(weight).sum::<usize>().saturating_mul(16))?;
    match order {
        Bson::Document(order) => {
            let sort = Sort::compile(order)?;
            let nothing = Document::new();
            let mut keyed = Vec::new();
            for value in list {
                let key = sort.key_within(value.as_document().unwrap_or(&nothing), steps)?;
                keyed.push((key, value));
            }
            keyed.sort_by(|(a, _), (b, _)| sort.compare(a, b));
            Ok(Bson::Array(keyed.into_iter().map(|(_, value)| value).collect()))
        }
        order => {
            list.sort_by(|a, b| Member(a).cmp(&Member(b)));
            if Num::of(order).and_then(Num::integer) == Some(-1) {
                list.sort_by(|a, b| Member(b).cmp(&Member(a)));
            }
            Ok(Bson::Array(list))
        }
    }
}
