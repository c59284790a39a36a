//! Findings about conflicts between rules and the schema of their collection: names that are not declared, and types
//! that never match.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson};

use super::catalogue::{COMPARISON_NEVER_HOLDS, FIELD_FORBIDDEN, FIELD_UNDESCRIBED};
use super::comparisons::{is_string, shown};
use super::report::Report;
use super::shape::{place_name, rights};
use crate::expr::Conversion;
use crate::path::{FieldPath, Segment};
use crate::policy::{FieldRule, RulesFile};
use crate::predicate::{DocumentRoot, Left, List, Predicate, Right, Test, TestKind};
use crate::schema::{Property, Schema};
use crate::text::{Span, closest};
use crate::value::ValueRef;

pub(super) fn lint(rules: &RulesFile, report: &mut Report) {
    let Some(schema) = &rules.schema else { return };
    let mut declared = Declared { schema, reported: HashSet::new(), report };
    for role in rules.roles.iter().flatten() {
        let halves = role.document_filters.as_ref();
        let own = [
            Some(&role.apply_when),
            halves.and_then(|halves| halves.read.as_ref()),
            halves.and_then(|halves| halves.write.as_ref()),
            role.read.as_ref(),
            role.write.as_ref(),
            role.insert.as_ref(),
            role.delete.as_ref(),
            role.search.as_ref(),
        ];
        own.into_iter().flatten().for_each(|rule| declared.predicate(&rule.predicate, None));
        role.fields.iter().for_each(|field| declared.field(field, ""));
        if let Some(others) = &role.additional_fields {
            [&others.read, &others.write]
                .into_iter()
                .flatten()
                .for_each(|rule| declared.predicate(&rule.predicate, None));
        }
    }
    for query in rules.filters.iter().filter_map(|filter| filter.query.as_ref()) {
        declared.predicate(&query.predicate, None);
    }
}

struct Declared<'a> {
    schema: &'a Schema,
    /// The names that have been reported so far.
    reported: HashSet<String>,
    report: &'a mut Report,
}

impl Declared<'_> {
    fn field(&mut self, field: &FieldRule, within: &str) {
        let name = if within.is_empty() { field.name.to_string() } else { format!("{within}.{}", field.name) };
        let Ok(path) = FieldPath::parse(&name) else { return };
        self.name(&path, field.span);
        for rule in [&field.read, &field.write].into_iter().flatten() {
            self.predicate(&rule.predicate, Some(&path));
        }
        field.fields.iter().flatten().for_each(|inner| self.field(inner, &name));
    }

    fn predicate(&mut self, predicate: &Predicate, field: Option<&FieldPath>) {
        predicate.each_test(&mut |test| self.test(test, field));
    }

    fn test(&mut self, test: &Test, field: Option<&FieldPath>) {
        let whole = |root: DocumentRoot, path: &FieldPath| match (root, field) {
            (DocumentRoot::This | DocumentRoot::Prev, Some(field)) => {
                let segments: Vec<_> = field.segments().iter().chain(path.segments()).cloned().collect();
                Some(FieldPath::from_segments(&segments))
            }
            (DocumentRoot::This | DocumentRoot::Prev, None) => None,
            _ => Some(path.clone()),
        };
        let mut places: Vec<FieldPath> = Vec::new();
        if let Left::Document(root, path) = &test.left
            && let Some(path) = whole(*root, path)
        {
            self.compared(test, *root, &path);
            places.push(path);
        }
        for right in rights(test) {
            let right = if let Right::Convert(_, inner) = right { inner } else { right };
            if let Right::Document(root, path) = right {
                places.extend(whole(*root, path));
            }
        }
        if let (Left::Context(left), TestKind::Equals(Right::Document(root, path))) = (&test.left, &test.check)
            && is_string(left)
            && let Some(path) = whole(*root, path)
            && let Some(types) = self.never_holds(&path, &Bson::String(String::new()))
        {
            let message =
                format!("`{left}` is a string and never equals `{path}`, which the schema declares as {types}");
            let help = match self.never_holds(&path, &an_object_id()) {
                None => format!("write {{\"{}\": {{\"%stringToOid\": \"{left}\"}}}}", place_name(*root, &path)),
                Some(_) => "compare it with a field that is a string".to_owned(),
            };
            self.report.add(COMPARISON_NEVER_HOLDS, test.span, message, help);
        }
        places.iter().for_each(|path| self.name(path, test.span));
    }

    /// The types declared for a path, if no value of these types equals or contains `value`.
    fn never_holds(&self, path: &FieldPath, value: &Bson) -> Option<&str> {
        let types = self.schema.type_names_at(path.segments())?;
        (!self.schema.may_hold(path.segments(), ValueRef::from(value))).then_some(types)
    }

    /// Reports comparisons of a field with a value of a type that the field never has.
    fn compared(&mut self, test: &Test, root: DocumentRoot, path: &FieldPath) {
        let operands: Vec<&Right> = match &test.check {
            TestKind::Equals(right) | TestKind::Order(_, right) => vec![right],
            TestKind::In(List::Elements(rights)) => rights.iter().collect(),
            _ => return,
        };
        let mut found = None;
        for right in operands {
            let Some(value) = value(right) else { return };
            let Some(types) = self.never_holds(path, &value) else { return };
            found = found.or(Some((right, value, types.to_owned())));
        }
        let Some((right, value, types)) = found else { return };
        let what = kind(&value);
        let operand = match right {
            Right::Literal(value) => shown(value),
            Right::Context(reference) => reference.to_string(),
            _ => what.to_owned(),
        };
        let message = match matches!(right, Right::Convert(..)) {
            true => format!("the schema declares `{path}` as {types}, which never equals {what}"),
            false => format!("the schema declares `{path}` as {types}, which never equals `{operand}`, {what}"),
        };
        let name = place_name(root, path);
        let takes = |value: &Bson| self.never_holds(path, value).is_none();
        let help = match (right, &value) {
            (Right::Context(reference), _) if takes(&an_object_id()) => {
                format!("write {{\"{name}\": {{\"%stringToOid\": \"{reference}\"}}}}")
            }
            (Right::Context(reference), _) if takes(&a_uuid()) => {
                format!("write {{\"{name}\": {{\"%stringToUuid\": \"{reference}\"}}}}")
            }
            (Right::Convert(..), _) if takes(&Bson::String(String::new())) => {
                "remove the conversion, or correct the type in the schema".to_owned()
            }
            (Right::Literal(Bson::String(text)), _) if takes(&an_object_id()) && ObjectId::parse_str(text).is_ok() => {
                format!("write {{\"{name}\": {{\"$oid\": \"{text}\"}}}}")
            }
            _ => format!("compare it with a value of type {types}, or correct the type in the schema"),
        };
        self.report.add(COMPARISON_NEVER_HOLDS, test.span, message, help);
    }

    fn name(&mut self, path: &FieldPath, span: Span) {
        if path.first() == Some("_id") {
            return;
        }
        let Property::Absent { length, names, closed } = self.schema.property(path.segments()) else { return };
        let absent = FieldPath::from_segments(path.segments().get(..length).unwrap_or_default());
        if !self.reported.insert(absent.to_string()) {
            return;
        }
        let name = absent.segments().last().map_or("", Segment::name);
        let near = closest(name, names).map(|near| format!("did you mean `{near}`?"));
        if closed {
            let message = format!("the schema rejects documents with a field `{absent}`");
            let help = near.unwrap_or_else(|| "correct the name, or describe the field under `properties`".to_owned());
            self.report.add(FIELD_FORBIDDEN, span, message, help);
        } else {
            let message = format!("the schema does not describe a field `{absent}`");
            let help = near.unwrap_or_else(|| "correct the name, or describe the field under `properties`".to_owned());
            self.report.add(FIELD_UNDESCRIBED, span, message, help);
        }
    }
}

fn an_object_id() -> Bson {
    ObjectId::from_bytes([1; 12]).into()
}

fn a_uuid() -> Bson {
    Binary { subtype: BinarySubtype::Uuid, bytes: vec![1; 16] }.into()
}

/// A sample value, if the type of the operand is known.
fn value(right: &Right) -> Option<Bson> {
    match right {
        // A literal null also equals Missing.
        Right::Literal(Bson::Null) => None,
        Right::Literal(value) => Some(value.clone()),
        Right::Context(reference) if is_string(reference) => Some(Bson::String(String::new())),
        Right::Convert(Conversion::StringToOid, _) => Some(an_object_id()),
        Right::Convert(Conversion::StringToUuid, _) => Some(a_uuid()),
        Right::Convert(Conversion::OidToString | Conversion::UuidToString, _) => Some(Bson::String(String::new())),
        _ => None,
    }
}

/// The type of a value, for messages.
fn kind(value: &Bson) -> &'static str {
    match value {
        Bson::String(_) => "a string",
        Bson::ObjectId(_) => "an ObjectId",
        Bson::Boolean(_) => "a boolean",
        Bson::DateTime(_) => "a date",
        Bson::Binary(_) => "a UUID or other binary data",
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => "a number",
        Bson::Array(_) => "an array",
        Bson::Document(_) => "a document",
        _ => "a value of another type",
    }
}
