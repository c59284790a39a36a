//! Adapts users and documents so that they satisfy a condition.

use std::cell::Cell;

use bson::{Bson, Document};

use super::draft::{Draft, Moment, Privilege, Reach};
use super::place::set;
use super::values::{element_operands, last, suggestions};
use crate::eval::{Truth, convert};
use crate::expr::Conversion;
use crate::lint::privilege::is_privilege;
use crate::lint::shape::{Polarity, references, rights};
use crate::path::FieldPath;
use crate::predicate::{ContextRoot, DocumentRoot, Left, List, Predicate, Reference, Right, Template, Test, TestKind};
use crate::schema::Schema;
use crate::value::ValueRef;

/// The maximum number of drafts to keep per condition.
const MAX_DRAFTS: usize = 8;
/// The number of fields of documents for which a test takes another step.
const FIELDS_PER_STEP: usize = 128;
/// The maximum number of values to keep per test.
const MAX_VALUES: usize = 3;

/// The occasion on which a condition is evaluated, and the field to whose rule it belongs.
#[derive(Clone, Copy)]
pub(in crate::lint) struct At<'f> {
    pub(in crate::lint) moment: Moment,
    pub(in crate::lint) field: Option<&'f FieldPath>,
}

/// Adapts drafts so that they satisfy conditions.
pub(in crate::lint) struct Solver<'s> {
    pub(in crate::lint) schema: Option<&'s Schema>,
    /// The number of steps that the search may still take; each test takes one, or more with large documents.
    pub(in crate::lint) steps: &'s Cell<usize>,
}

impl Solver<'_> {
    /// Adapts drafts so that they probably satisfy a condition. Drafts that need no privilege come first.
    pub(in crate::lint) fn meet(
        &self,
        drafts: Vec<Draft>,
        predicate: &Predicate,
        polarity: Polarity,
        at: At<'_>,
    ) -> Vec<Draft> {
        let mut met: Vec<Draft> =
            drafts.into_iter().flat_map(|draft| self.solve(draft, predicate, polarity, at)).collect();
        met.sort_by_key(|draft| draft.privilege);
        met.truncate(MAX_DRAFTS);
        met
    }

    fn solve(&self, draft: Draft, predicate: &Predicate, polarity: Polarity, at: At<'_>) -> Vec<Draft> {
        let wanted = polarity == Polarity::Asserted;
        match (predicate, polarity) {
            (Predicate::Constant(value), _) if *value == wanted => vec![draft],
            (Predicate::Constant(_), _) => Vec::new(),
            (Predicate::Not(inner), _) => self.solve(draft, inner, polarity.flipped(), at),
            (Predicate::All(parts), Polarity::Asserted) | (Predicate::Any(parts), Polarity::Denied) => {
                parts.iter().fold(vec![draft], |drafts, part| self.meet(drafts, part, polarity, at))
            }
            (Predicate::Any(parts), Polarity::Asserted) | (Predicate::All(parts), Polarity::Denied) => {
                let each = parts.iter().flat_map(|part| self.solve(draft.clone(), part, polarity, at));
                let mut drafts: Vec<Draft> = each.collect();
                drafts.sort_by_key(|draft| draft.privilege);
                drafts.truncate(MAX_DRAFTS);
                drafts
            }
            (Predicate::Test(test), _) => self.test(draft, predicate, test, polarity, at),
        }
    }

    fn test(&self, mut draft: Draft, predicate: &Predicate, test: &Test, polarity: Polarity, at: At<'_>) -> Vec<Draft> {
        // A step copies the documents, which may have as many fields as there are conditions.
        let cost = 1 + (draft.stored.len() + draft.new.len()) / FIELDS_PER_STEP;
        let Some(steps) = self.steps.get().checked_sub(cost) else {
            self.steps.set(0);
            return Vec::new();
        };
        self.steps.set(steps);
        let truth = if polarity == Polarity::Asserted { Truth::True } else { Truth::False };
        let holds = |draft: &Draft| draft.truth(predicate, at.moment, at.field) == truth;
        if polarity == Polarity::Asserted && is_privilege(test) {
            let of_custom_data = |reference: &Reference| {
                reference.root == ContextRoot::User && reference.path.first() == Some("custom_data")
            };
            let needed = match &test.left {
                Left::Context(reference) if of_custom_data(reference) => Privilege::CustomData,
                _ => Privilege::Granted,
            };
            draft.privilege = draft.privilege.max(needed);
        }
        if holds(&draft) {
            return vec![draft];
        }
        let places = Places { at, schema: self.schema };
        places.prepare(&mut draft, test);
        if holds(&draft) {
            return vec![draft];
        }
        let mut found = Vec::new();
        let mut keep = |candidate: Option<Draft>| {
            found.extend(candidate.filter(|draft| holds(draft)));
            found.len() >= MAX_VALUES
        };
        let operands = places.operands(&draft, test);
        match &test.left {
            Left::Document(root, path) => {
                let path = places.whole(*root, path);
                let mut values = suggestions(test, &operands);
                if let TestKind::ElemMatch(_, inner) = &test.check {
                    values.insert(0, Some(vec![places.element(&draft, inner)].into()));
                }
                for value in &values {
                    for reach in [Reach::Both, Reach::One] {
                        if keep(places.written(&draft, *root, &path, value.as_ref(), reach)) {
                            return found;
                        }
                    }
                }
            }
            Left::Context(reference) => {
                // A right operand in a document can be adapted as well.
                for (root, path) in documents(test) {
                    let path = places.whole(root, path);
                    for value in draft.look_up(reference).iter().flat_map(fitting) {
                        for reach in [Reach::Both, Reach::One] {
                            if keep(places.written(&draft, root, &path, value.as_ref(), reach)) {
                                return found;
                            }
                        }
                    }
                }
                let mut values = suggestions(test, &operands);
                if let TestKind::ElemMatch(_, inner) = &test.check {
                    values.insert(0, Some(vec![places.element(&draft, inner)].into()));
                }
                for value in values {
                    let mut candidate = draft.clone();
                    let supplied = candidate.supply(reference, value);
                    if keep(supplied.then_some(candidate)) {
                        return found;
                    }
                }
            }
            Left::Boolean(value) => {
                if let TestKind::Equals(Right::Function(call)) = &test.check {
                    draft.functions.insert(call.name.clone(), (*value == (polarity == Polarity::Asserted)).into());
                    keep(Some(draft));
                }
            }
            Left::Element(_) => {}
        }
        found
    }
}

/// The places in documents to which the right operands of a test refer.
fn documents(test: &Test) -> Vec<(DocumentRoot, &FieldPath)> {
    let place = |right| match right {
        &Right::Document(root, ref path) => Some((root, path)),
        Right::Convert(_, inner) => match &**inner {
            Right::Document(root, path) => Some((*root, path)),
            _ => None,
        },
        _ => None,
    };
    rights(test).into_iter().filter_map(place).collect()
}

/// Values for the right operand that equal the left one, after a conversion if there is one.
fn fitting(left: &Bson) -> Vec<Option<Bson>> {
    let mut values = vec![left.clone()];
    let kinds = [Conversion::StringToOid, Conversion::OidToString, Conversion::StringToUuid, Conversion::UuidToString];
    values.extend(kinds.into_iter().filter_map(|kind| convert(kind, ValueRef::from(left))));
    values.push(vec![left.clone()].into());
    if let Bson::Array(elements) = left {
        values.extend(elements.first().cloned());
    }
    values.into_iter().map(Some).collect()
}

/// The documents in which values are read and written.
struct Places<'a> {
    at: At<'a>,
    schema: Option<&'a Schema>,
}

impl Places<'_> {
    /// The path within the document. For `%%this`, it starts with the path of the field.
    fn whole(&self, root: DocumentRoot, path: &FieldPath) -> FieldPath {
        match (root, self.at.field) {
            (DocumentRoot::This | DocumentRoot::Prev, Some(field)) => {
                let segments: Vec<_> = field.segments().iter().chain(path.segments()).cloned().collect();
                FieldPath::from_segments(&segments)
            }
            _ => path.clone(),
        }
    }

    fn written(
        &self,
        draft: &Draft,
        root: DocumentRoot,
        path: &FieldPath,
        value: Option<&Bson>,
        reach: Reach,
    ) -> Option<Draft> {
        if let (Some(schema), Some(value)) = (self.schema, value)
            && !schema.takes(path.segments(), value)
        {
            return None;
        }
        let mut draft = draft.clone();
        draft.assign((root, path), value, self.at.moment, reach).then_some(draft)
    }

    /// Provides values for right operands that have none.
    fn prepare(&self, draft: &mut Draft, test: &Test) {
        let mut rights = rights(test);
        if let TestKind::ElemMatch(_, inner) = &test.check {
            rights.extend(element_operands(inner).into_iter().map(|(_, right)| right));
        }
        let listed = matches!(test.check, TestKind::In(List::Place(_)));
        for right in rights {
            let conversion = match right {
                Right::Convert(kind, _) => Some(*kind),
                _ => None,
            };
            for reference in references(right) {
                if draft.look_up(reference).is_none() {
                    let value = fresh(last(reference.path.segments()), conversion);
                    let value = if listed { vec![value].into() } else { value };
                    draft.supply(reference, Some(value));
                }
            }
            match right {
                Right::Document(root, path) => {
                    let path = self.whole(*root, path);
                    let left = match &test.left {
                        Left::Context(_) if !matches!(test.check, TestKind::ElemMatch(..)) => None,
                        _ => Some(fresh(last(path.segments()), None)),
                    };
                    if let Some(value) = left
                        && draft.find(*root, &path, self.at.moment).is_none()
                    {
                        let value = if listed { vec![value].into() } else { value };
                        draft.assign((*root, &path), Some(&value), self.at.moment, Reach::Both);
                    }
                }
                Right::Function(call) => {
                    draft.functions.entry(call.name.clone()).or_insert_with(|| "granted".into());
                    draft.privilege = Privilege::Granted;
                }
                _ => {}
            }
        }
    }

    /// The values of the right operands of a test.
    fn operands(&self, draft: &Draft, test: &Test) -> Vec<Bson> {
        rights(test).into_iter().filter_map(|right| self.value(draft, right)).collect()
    }

    fn value(&self, draft: &Draft, right: &Right) -> Option<Bson> {
        match right {
            Right::Literal(value) => Some(value.clone()),
            Right::Context(reference) => draft.look_up(reference),
            Right::Document(root, path) => draft.find(*root, &self.whole(*root, path), self.at.moment).cloned(),
            Right::Template(template) => self.template(draft, template),
            Right::Convert(kind, inner) => match self.value(draft, inner)? {
                Bson::Array(elements) => elements
                    .iter()
                    .map(|element| convert(*kind, element.into()))
                    .collect::<Option<Vec<_>>>()
                    .map(Into::into),
                value => convert(*kind, ValueRef::from(&value)),
            },
            Right::Function(call) => draft.functions.get(&call.name).cloned(),
        }
    }

    fn template(&self, draft: &Draft, template: &Template) -> Option<Bson> {
        match template {
            Template::Literal(value) => Some(value.clone()),
            Template::Context(reference) => draft.look_up(reference),
            Template::Document(root, path) => draft.find(*root, &self.whole(*root, path), self.at.moment).cloned(),
            Template::Fields(fields) => fields
                .iter()
                .map(|(key, value)| Some((key.clone(), self.template(draft, value)?)))
                .collect::<Option<Document>>()
                .map(Into::into),
            Template::Elements(elements) => {
                elements.iter().map(|value| self.template(draft, value)).collect::<Option<Vec<_>>>().map(Into::into)
            }
        }
    }

    /// An array element that probably satisfies an `$elemMatch`.
    fn element(&self, draft: &Draft, inner: &Predicate) -> Bson {
        let mut fields = Document::new();
        for (path, right) in element_operands(inner) {
            let Some(value) = self.value(draft, right) else { continue };
            if path.is_root() {
                return value;
            }
            set(&mut fields, path.segments(), Some(value));
        }
        fields.into()
    }
}

/// A value for something about which nothing but the name is known.
fn fresh(name: &str, conversion: Option<Conversion>) -> Bson {
    match conversion {
        Some(Conversion::StringToOid) => "64b000000000000000000009".into(),
        Some(Conversion::OidToString) => bson::oid::ObjectId::from_bytes([9; 12]).into(),
        Some(Conversion::StringToUuid | Conversion::UuidToString) => "01234567-89ab-cdef-0123-000000000009".into(),
        None if name.is_empty() => "mine".into(),
        None => format!("{name}1").into(),
    }
}
