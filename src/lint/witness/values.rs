//! Values that a test itself suggests: those that occur in it, and values just outside of these.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document};
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::expr::{Conversion, Pattern};
use crate::lint::shape::rights;
use crate::path::{FieldPath, Segment};
use crate::predicate::{Left, Predicate, Right, Template, Test, TestKind};
use crate::value::Type;

/// An arbitrary string.
const ANY: &str = "other";
const DAY: i64 = 86_400_000;

/// Values close to another one: above, below or otherwise different from it.
fn near(value: &Bson) -> Vec<Bson> {
    match value {
        Bson::Int32(n) => vec![n.saturating_add(1).into(), n.saturating_sub(1).into()],
        Bson::Int64(n) => vec![n.saturating_add(1).into(), n.saturating_sub(1).into()],
        Bson::Double(n) => vec![(n + 1.0).into(), (n - 1.0).into()],
        Bson::String(text) => vec![format!("{text}a").into(), ANY.into()],
        Bson::Boolean(value) => vec![(!value).into()],
        Bson::DateTime(date) => [DAY, -DAY]
            .into_iter()
            .map(|by| DateTime::from_millis(date.timestamp_millis().saturating_add(by)).into())
            .collect(),
        Bson::ObjectId(_) | Bson::Binary(_) => vec![another(value)],
        _ => Vec::new(),
    }
}

/// A different value of the same form: for an id, another id; for a list, another list.
pub(in crate::lint) fn another(value: &Bson) -> Bson {
    match value {
        Bson::String(text) => text_of_another(text).into(),
        Bson::ObjectId(id) => {
            let mut bytes = id.bytes();
            bytes.iter_mut().rev().take(1).for_each(|last| *last = last.wrapping_add(1));
            ObjectId::from_bytes(bytes).into()
        }
        Bson::Binary(binary) => {
            let mut binary = binary.clone();
            binary.bytes.iter_mut().rev().take(1).for_each(|last| *last = last.wrapping_add(1));
            binary.into()
        }
        Bson::Int32(n) => n.wrapping_add(1).into(),
        Bson::Int64(n) => n.wrapping_add(1).into(),
        Bson::Double(n) => (n + 1.0).into(),
        Bson::Boolean(value) => (!value).into(),
        Bson::Array(elements) => elements.iter().map(another).collect::<Vec<_>>().into(),
        Bson::Document(document) => {
            document.iter().map(|(key, value)| (key.clone(), another(value))).collect::<Document>().into()
        }
        other => other.clone(),
    }
}

/// If the text is an id in string form, so is the result.
fn text_of_another(text: &str) -> String {
    let hexadecimal = text.len() >= 24 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let mut other = text.to_owned();
    match (hexadecimal, other.pop()) {
        (true, Some(last)) => other.push(if last == '2' { '3' } else { '2' }),
        (_, Some(last)) if last.is_ascii_digit() => other.push(if last == '2' { '3' } else { '2' }),
        (_, Some(last)) => other.extend([last, '2']),
        (_, None) => other.push_str(ANY),
    }
    other
}

/// Whether rules convert strings such that they need the form of an ObjectId or UUID.
pub(super) fn is_convertible(predicate: &Predicate, kind: Conversion) -> bool {
    let mut found = false;
    predicate.each_test(&mut |test| {
        found |= rights(test).into_iter().any(|right| matches!(right, Right::Convert(other, _) if *other == kind));
    });
    found
}

/// A sample value of each common type.
pub(in crate::lint) fn samples() -> Vec<Bson> {
    let kinds =
        [Type::String, Type::Int, Type::Bool, Type::ObjectId, Type::Date, Type::Double, Type::Long, Type::BinData];
    kinds.into_iter().filter_map(of_type).collect()
}

/// A sample value of a type.
pub(super) fn of_type(kind: Type) -> Option<Bson> {
    Some(match kind {
        Type::Double => 1.5.into(),
        Type::String => ANY.into(),
        Type::Object => Document::new().into(),
        Type::Array => Vec::<Bson>::new().into(),
        Type::BinData => bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![1; 16] }.into(),
        Type::ObjectId => ObjectId::from_bytes([1; 12]).into(),
        Type::Bool => true.into(),
        Type::Date => DateTime::from_millis(DAY).into(),
        Type::Null => Bson::Null,
        Type::Int => 1.into(),
        Type::Long => 1_i64.into(),
        Type::Timestamp => bson::Timestamp { time: 1, increment: 1 }.into(),
        _ => return None,
    })
}

/// Values for the left side of a test, `None` being Missing. Those most likely to satisfy it come first. `operands` are
/// the values of its right side.
pub(in crate::lint) fn suggestions(test: &Test, operands: &[Bson]) -> Vec<Option<Bson>> {
    let mut found: Vec<Option<Bson>> = Vec::new();
    let mut add = |value: Option<Bson>| {
        if !found.contains(&value) {
            found.push(value);
        }
    };
    let list = matches!(test.check, TestKind::In(_));
    for value in operands.iter().take(MAX_OPERANDS) {
        match value {
            Bson::Array(elements) if list => elements.iter().take(MAX_ELEMENTS).for_each(|one| add(Some(one.clone()))),
            _ => add(Some(value.clone())),
        }
    }
    match &test.check {
        TestKind::All(_) => add(Some(operands.to_vec().into())),
        TestKind::Exists => add(Some(ANY.into())),
        TestKind::Size(size) => {
            add(usize::try_from(*size).ok().filter(|size| *size <= 100).map(|size| vec![Bson::from(ANY); size].into()));
        }
        TestKind::Type(set) => set.iter().for_each(|kind| {
            if let Some(value) = of_type(kind) {
                add(Some(value));
            }
        }),
        TestKind::Mod { divisor, remainder } => {
            add(Some((*remainder).into()));
            add(Some(divisor.saturating_add(*remainder).into()));
        }
        TestKind::Regex(pattern) => add(matching(pattern).map(Bson::String)),
        TestKind::ElemMatch(_, inner) => {
            add(Some(vec![element(inner)].into()));
        }
        TestKind::Equals(_) | TestKind::Order(..) | TestKind::In(_) | TestKind::Client(_) => {}
    }
    for value in operands.iter().take(MAX_ELEMENTS) {
        near(value).into_iter().for_each(|value| add(Some(value)));
        add(Some(vec![value.clone()].into()));
    }
    add(None);
    for value in [ANY.into(), true.into(), false.into(), 1.into(), Bson::Null] {
        add(Some(value));
    }
    found
}

/// The maximum number of elements of a list to try, and of operands whose neighbours are tried.
const MAX_ELEMENTS: usize = 6;
/// The maximum number of operands to try.
const MAX_OPERANDS: usize = 24;

/// A string that matches a pattern, if one is easy to find.
fn matching(pattern: &Pattern) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern.pattern()).ok()?;
    let mut text = String::new();
    spell(&hir, &mut text);
    pattern.is_match(&text).then_some(text)
}

fn spell(hir: &Hir, text: &mut String) {
    if text.len() > 200 {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let letter = class.iter().find(|range| range.start() <= 'a' && 'a' <= range.end()).map(|_| 'a');
            text.extend(letter.or_else(|| class.iter().next().map(regex_syntax::hir::ClassUnicodeRange::start)));
        }
        HirKind::Class(Class::Bytes(class)) => text.extend(class.iter().next().map(|range| char::from(range.start()))),
        HirKind::Repetition(repetition) => {
            let times = repetition.min.clamp(u32::from(repetition.max != Some(0)), 100);
            (0..times).for_each(|_| spell(&repetition.sub, text));
        }
        HirKind::Capture(capture) => spell(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| spell(part, text)),
        HirKind::Alternation(parts) => parts.iter().take(1).for_each(|part| spell(part, text)),
    }
}

/// An array element that probably satisfies an `$elemMatch`, provided that it compares with literals.
pub(in crate::lint) fn element(predicate: &Predicate) -> Bson {
    let mut fields = Document::new();
    let mut whole = None;
    predicate.each_test(&mut |test| {
        let Left::Element(path) = &test.left else { return };
        let literals: Vec<Bson> = rights(test).into_iter().filter_map(literal).collect();
        let Some(value) = suggestions(test, &literals).into_iter().flatten().find(|_| true) else { return };
        if path.is_root() {
            whole = Some(value);
        } else {
            super::place::set(&mut fields, path.segments(), Some(value));
        }
    });
    whole.unwrap_or_else(|| fields.into())
}

fn literal(right: &Right) -> Option<Bson> {
    match right {
        Right::Literal(value) | Right::Template(Template::Literal(value)) => Some(value.clone()),
        _ => None,
    }
}

/// The fields of elements that an `$elemMatch` tests, each with the right operand.
pub(super) fn element_operands(predicate: &Predicate) -> Vec<(&FieldPath, &Right)> {
    let mut found = Vec::new();
    predicate.each_test(&mut |test| {
        if let Left::Element(path) = &test.left {
            found.extend(rights(test).into_iter().map(|right| (path, right)));
        }
    });
    found
}

/// The last segment of a path.
pub(super) fn last(path: &[Segment]) -> &str {
    path.last().map_or("", Segment::name)
}
