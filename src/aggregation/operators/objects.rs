use bson::{Bson, Document, RawDocumentBuf};

use super::{Args, null, some};
use crate::aggregation::failure::{Outcome, refused};
use crate::aggregation::value::{copy, is_nullish, kind};
use crate::value::Malformed;

pub(crate) fn array_to_object(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(elements) = args.array(0, 40386)? else { return null() };
    let mut made = Document::new();
    let mut pairs = None;
    for element in elements {
        let (key, value) = match element {
            Bson::Array(pair) => {
                if !*pairs.get_or_insert(true) {
                    return refused(40391, "$arrayToObject requires a consistent input format");
                }
                match pair.as_slice() {
                    [key, value] => (key, value),
                    _ => return refused(40397, "$arrayToObject requires arrays of size 2"),
                }
            }
            Bson::Document(pair) => {
                if *pairs.get_or_insert(false) {
                    return refused(40391, "$arrayToObject requires a consistent input format");
                }
                match (pair.get("k"), pair.get("v"), pair.len()) {
                    (Some(key), Some(value), 2) => (key, value),
                    _ => return refused(40392, "$arrayToObject requires objects of `k` and `v`"),
                }
            }
            other => {
                return refused(40398, format!("unrecognised input type {} for $arrayToObject", kind(Some(other))));
            }
        };
        let Bson::String(key) = key else {
            return refused(40394, format!("$arrayToObject requires string keys, not {}", kind(Some(key))));
        };
        if key.contains('\0') {
            return refused(4940400, "a key must not contain the character U+0000");
        }
        made.insert(key.clone(), copy(value, args.steps)?);
    }
    some(made)
}

pub(crate) fn object_to_array(args: &Args<'_>) -> Outcome<Option<Bson>> {
    match args.get(0) {
        value if is_nullish(value) => null(),
        Some(Bson::Document(fields)) => {
            let pair = |(key, value): (&String, &Bson)| {
                args.steps.take(16)?;
                Ok(Bson::Document(bson::doc! { "k": key.clone(), "v": copy(value, args.steps)? }))
            };
            some(fields.iter().map(pair).collect::<Outcome<Vec<_>>>()?)
        }
        other => refused(40390, format!("$objectToArray requires a document input, found: {}", kind(other))),
    }
}

pub(crate) fn merge(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let mut merged = Document::new();
    let mut add = |value: Option<&Bson>| match value {
        value if is_nullish(value) => Ok(()),
        Some(Bson::Document(fields)) => {
            for (name, value) in fields {
                merged.insert(name.clone(), copy(value, args.steps)?);
            }
            Ok(())
        }
        other => refused(40400, format!("$mergeObjects requires object inputs, not {}", kind(other))),
    };
    match args.values {
        // An array as the only operand contains the objects.
        [Some(only)] if matches!(**only, Bson::Array(_)) => {
            let Bson::Array(elements) = &**only else { return null() };
            elements.iter().try_for_each(|element| add(Some(element)))?;
        }
        _ => args.iter().try_for_each(add)?,
    }
    some(merged)
}

/// `$setField` and `$unsetField`.
pub(crate) fn set_field(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let Some(Bson::String(field)) = args.get(0) else {
        return refused(4161107, format!("{} requires a constant string as its field", args.name));
    };
    let mut fields = match args.get(1) {
        value if is_nullish(value) => return null(),
        Some(Bson::Document(_)) => match copy(args.get(1).unwrap_or(&Bson::Null), args.steps)? {
            Bson::Document(fields) => fields,
            _ => return null(),
        },
        other => {
            return refused(4161105, format!("{} requires a document as its input, not {}", args.name, kind(other)));
        }
    };
    match args.get(2) {
        Some(value) if args.name == "$setField" => {
            fields.insert(field.clone(), copy(value, args.steps)?);
        }
        _ => {
            fields.remove(field);
        }
    }
    some(fields)
}

pub(crate) fn binary_size(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let size = match args.get(0) {
        value if is_nullish(value) => return null(),
        Some(Bson::String(text)) => text.len(),
        Some(Bson::Binary(binary)) => binary.bytes.len(),
        other => {
            return refused(
                51276,
                format!("$binarySize requires a string or BinData argument, found: {}", kind(other)),
            );
        }
    };
    some(i32::try_from(size).unwrap_or(i32::MAX))
}

pub(crate) fn bson_size(args: &Args<'_>) -> Outcome<Option<Bson>> {
    match args.get(0) {
        value if is_nullish(value) => null(),
        Some(value @ Bson::Document(fields)) => {
            args.steps.take(crate::aggregation::value::weight(value))?;
            let raw = RawDocumentBuf::try_from(fields).map_err(Malformed::from)?;
            some(i32::try_from(raw.as_bytes().len()).unwrap_or(i32::MAX))
        }
        other => refused(31393, format!("$bsonSize requires a document input, found: {}", kind(other))),
    }
}
