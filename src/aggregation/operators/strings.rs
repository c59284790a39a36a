use bson::Bson;

use super::convert::coerced_text;
use super::{Args, null, some};
use crate::aggregation::failure::{Outcome, refusal, refused};
use crate::aggregation::value::{is_nullish, kind, take_text};

pub(crate) fn concat(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let mut all = String::new();
    for at in 0..args.values.len() {
        let Some(text) = args.text(at, 16702)? else { return null() };
        take_text(text.len(), args.steps)?;
        all.push_str(text);
    }
    some(all)
}

/// `$toLower` and `$toUpper`, which affect only ASCII letters.
pub(crate) fn case(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let text = coerced_text(args.get(0))?;
    take_text(text.len(), args.steps)?;
    some(if args.name == "$toLower" { text.to_ascii_lowercase() } else { text.to_ascii_uppercase() })
}

pub(crate) fn case_compare(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let text = |at: usize| coerced_text(args.get(at)).map(|text| text.to_ascii_uppercase());
    let (a, b) = (text(0)?, text(1)?);
    take_text(a.len() + b.len(), args.steps)?;
    some(a.as_bytes().cmp(b.as_bytes()) as i32)
}

pub(crate) fn length(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(Bson::String(text)) = args.get(0) else {
        let code = if args.name == "$strLenCP" { 34471 } else { 34473 };
        return refused(code, format!("{} requires a string argument, found: {}", args.name, kind(args.get(0))));
    };
    take_text(text.len(), args.steps)?;
    let length = if args.name == "$strLenCP" { text.chars().count() } else { text.len() };
    some(i32::try_from(length).unwrap_or(i32::MAX))
}

fn number(args: &Args<'_>, at: usize, code: i32) -> Outcome<i64> {
    let number = args.get(at).and_then(crate::aggregation::number::Num::of);
    let number =
        number.ok_or_else(|| refusal(code, format!("{} takes numbers, not {}", args.name, kind(args.get(at)))))?;
    number.truncated().ok_or_else(|| refusal(code, format!("{} takes whole numbers", args.name)))
}

pub(crate) fn sub_bytes(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let text = coerced_text(args.get(0))?;
    let (from, length) = (number(args, 1, 16034)?, number(args, 2, 16035)?);
    let Ok(from) = usize::try_from(from) else {
        return refused(50752, "$substrBytes: starting index must be non-negative");
    };
    let to = usize::try_from(length).map_or(text.len(), |length| from.saturating_add(length).min(text.len()));
    if from < text.len() && !text.is_char_boundary(from) {
        return refused(28656, "$substrBytes: Invalid range, starting index is a UTF-8 continuation byte.");
    }
    if from < text.len() && !text.is_char_boundary(to) {
        return refused(28657, "$substrBytes: Invalid range, ending index is in the middle of a UTF-8 character.");
    }
    take_text(text.len(), args.steps)?;
    some(text.get(from..to).unwrap_or_default())
}

pub(crate) fn sub_points(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let text = coerced_text(args.get(0))?;
    let whole = |at: usize, code: i32, negative: i32| {
        let number = args.small(at, code)?;
        usize::try_from(number).map_err(|_| refusal(negative, "$substrCP takes numbers that are not negative"))
    };
    let (from, length) = (whole(1, 34450, 34455)?, whole(2, 34452, 34454)?);
    take_text(text.len(), args.steps)?;
    some(text.chars().skip(from).take(length).collect::<String>())
}

pub(crate) fn index_of(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let is_bytes = args.name == "$indexOfBytes";
    let Some(text) = args.text(0, if is_bytes { 40091 } else { 40093 })? else { return null() };
    let Some(Bson::String(token)) = args.get(1) else {
        let code = if is_bytes { 40092 } else { 40094 };
        return refused(
            code,
            format!("{} requires a string as the second argument, found: {}", args.name, kind(args.get(1))),
        );
    };
    take_text(text.len() + token.len(), args.steps)?;
    let length = if is_bytes { text.len() } else { text.chars().count() };
    let (from, to) = super::arrays::bounds(args, length)?;
    if from > length || to < from {
        return some(-1);
    }
    let byte = |point: usize| text.char_indices().nth(point).map_or(text.len(), |(at, _)| at);
    let (first, last) = if is_bytes { (from, to) } else { (byte(from), byte(to)) };
    let part = text.as_bytes().get(first..last).unwrap_or_default();
    let found = match token.len() {
        0 => Some(0),
        size => part.windows(size).position(|window| window == token.as_bytes()),
    };
    let Some(at) = found.map(|at| at + first) else { return some(-1) };
    let at = if is_bytes { at } else { text.get(..at).map_or(0, |before| before.chars().count()) };
    some(i32::try_from(at).unwrap_or(i32::MAX))
}

pub(crate) fn split(args: &Args<'_>) -> Outcome<Option<Bson>> {
    if args.is_nullish(0) || args.is_nullish(1) {
        return null();
    }
    let (Some(text), Some(separator)) = (args.text(0, 40085)?, args.text(1, 40086)?) else { return null() };
    if separator.is_empty() {
        return refused(40087, "$split requires a non-empty separator");
    }
    take_text(text.len(), args.steps)?;
    let mut parts = Vec::new();
    for part in text.split(separator) {
        args.steps.take(8)?;
        parts.push(Bson::from(part));
    }
    some(parts)
}

/// The characters that are trimmed by default.
const BLANK: [char; 20] = [
    '\0', ' ', '\t', '\n', '\u{b}', '\u{c}', '\r', '\u{a0}', '\u{1680}', '\u{2000}', '\u{2001}', '\u{2002}',
    '\u{2003}', '\u{2004}', '\u{2005}', '\u{2006}', '\u{2007}', '\u{2008}', '\u{2009}', '\u{200a}',
];

pub(crate) fn trim(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(text) = args.text(0, 50699)? else { return null() };
    let chars: Vec<char> = if args.is_given(1) {
        let Some(chars) = args.text(1, 50700)? else { return null() };
        chars.chars().collect()
    } else {
        BLANK.to_vec()
    };
    take_text(text.len().saturating_mul(chars.len()), args.steps)?;
    let is_one = |c: char| chars.contains(&c);
    some(match args.name {
        "$ltrim" => text.trim_start_matches(is_one),
        "$rtrim" => text.trim_end_matches(is_one),
        _ => text.trim_matches(is_one),
    })
}

pub(crate) fn replace(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let texts = (args.text(0, 51746)?, args.text(1, 51745)?, args.text(2, 51744)?);
    let (Some(text), Some(find), Some(replacement)) = texts else { return null() };
    let count = if args.name == "$replaceOne" { 1 } else { usize::MAX };
    // The result grows by the replacement for each occurrence.
    let found = text.matches(find).take(count).count();
    take_text(text.len().saturating_add(found.saturating_mul(replacement.len())), args.steps)?;
    debug_assert!(!is_nullish(args.get(0)));
    some(text.replacen(find, replacement, count))
}
