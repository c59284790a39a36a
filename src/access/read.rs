use bson::{Bson, Document};

use super::bound::{BoundField, BoundFields, BoundRole};
use super::decision::{Decision, Half, Reason, Visible};
use super::guard::{BoundFilters, BoundRules, Entrance, Guard, Refusal, assign, decide, require, truth};
use crate::eval::{Context, Errors, Evaluation, Seen, Truth};
use crate::value::{DocumentRef, Lookup, Malformed, ValueRef};

/// Whether a document is asked for by a plain read or by a search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    Read,
    Search,
}

impl Guard {
    /// What of a stored document the user may read.
    pub fn read<'d>(&self, stored: impl Into<DocumentRef<'d>>) -> Decision<Visible<'d>> {
        self.see(stored.into(), Request::Read)
    }

    /// As [`Guard::read`], for a document that a search found.
    pub fn search<'d>(&self, stored: impl Into<DocumentRef<'d>>) -> Decision<Visible<'d>> {
        self.see(stored.into(), Request::Search)
    }

    fn see<'d>(&self, stored: DocumentRef<'d>, request: Request) -> Decision<Visible<'d>> {
        let errors = Errors::default();
        let result = match &self.entrance {
            Entrance::Bypass => Ok((Visible::Whole(stored), None)),
            Entrance::Closed(reason) => Err(reason.clone().into()),
            Entrance::Rules(rules) => see_by_rules(stored, request, rules, &self.context, &errors),
        };
        decide(result, errors)
    }
}

fn see_by_rules<'d, 'r>(
    stored: DocumentRef<'d>,
    request: Request,
    BoundRules { filters, roles, fields }: &'r BoundRules,
    context: &Context,
    errors: &Errors,
) -> Result<(Visible<'d>, Option<&'r BoundRole>), Refusal<'r>> {
    let lookup = Lookup::new(stored, fields);
    let seen = Seen::new(Some(&lookup), Some(&lookup));
    let evaluation = Evaluation::of(&seen, context, errors);
    filters.admit(&evaluation, errors)?;
    let role = assign(roles, &evaluation)?;
    if request == Request::Search {
        require(truth(role.search.as_ref(), Truth::True, &evaluation), Reason::Search)
            .map_err(|reason| Refusal::by(role, reason))?;
    }
    let reader = Reader { evaluation, errors };
    let visible = reader
        .visible(role, stored)
        .map_err(|reason| Refusal::by(role, reason))
        .and_then(|visible| project(visible, filters).map_err(|error| failed(role, error, errors)))?;
    if is_empty(&visible) {
        return Err(Refusal::by(role, Reason::NothingVisible));
    }
    Ok((visible, Some(role)))
}

fn failed<'r>(role: &'r BoundRole, error: Malformed, errors: &Errors) -> Refusal<'r> {
    errors.add(error.into());
    Refusal::by(role, Reason::Failed)
}

fn is_empty(visible: &Visible<'_>) -> bool {
    match visible {
        Visible::Whole(document) => document.is_empty(),
        Visible::Part(document) => document.is_empty(),
    }
}

fn project<'d>(visible: Visible<'d>, filters: &BoundFilters) -> Result<Visible<'d>, Malformed> {
    if filters.projections.is_empty() {
        return Ok(visible);
    }
    let document = filters.projections.iter().fold(visible.to_document()?, |left, projection| projection.apply(left));
    Ok(Visible::Part(document))
}

struct Reader<'e> {
    evaluation: Evaluation<'e>,
    errors: &'e Errors,
}

impl<'e> Reader<'e> {
    fn visible<'d: 'e>(&self, role: &BoundRole, stored: DocumentRef<'d>) -> Result<Visible<'d>, Reason> {
        let evaluation = &self.evaluation;
        if let Some((read, write)) = &role.document_filters {
            let half = either(read.as_ref(), write.as_ref(), evaluation);
            require(half, Reason::DocumentFilters(Half::Read))?;
        }
        match either(role.read.as_ref(), role.write.as_ref(), evaluation) {
            Truth::True => return Ok(Visible::Whole(stored)),
            Truth::Error => return Err(Reason::Failed),
            Truth::False | Truth::Unknown if role.read.is_some() => return Err(Reason::Read),
            Truth::False | Truth::Unknown => {}
        }
        self.fields(stored, &role.fields, role.additional_fields.as_ref()).map(Visible::Part)
    }

    /// The fields that may be seen. Of a key that stands twice the first counts.
    fn fields(
        &self,
        document: DocumentRef<'e>,
        rules: &BoundFields,
        others: Option<&BoundField>,
    ) -> Result<Document, Reason> {
        let mut visible = Document::new();
        let mut hidden_twice = std::collections::HashSet::new();
        for field in document.iter() {
            let (key, value) = field.map_err(|error| self.malformed(error))?;
            if visible.contains_key(key) || hidden_twice.contains(key) {
                continue;
            }
            let shown = match rules.get(key).or(others) {
                Some(rule) => self.field(value, rule)?,
                None => None,
            };
            match shown {
                Some(shown) => {
                    visible.insert(key, shown);
                }
                None => {
                    hidden_twice.insert(key);
                }
            }
        }
        Ok(visible)
    }

    fn field(&self, value: ValueRef<'e>, rule: &BoundField) -> Result<Option<Bson>, Reason> {
        if rule.read.is_some() || rule.write.is_some() {
            let evaluation = self.evaluation.at(Some(value), Some(value));
            return match either(rule.read.as_ref(), rule.write.as_ref(), &evaluation) {
                Truth::True => value.to_bson().map(Some).map_err(|error| self.malformed(error)),
                Truth::Error => Err(Reason::Failed),
                Truth::False | Truth::Unknown => Ok(None),
            };
        }
        let Some(fields) = &rule.fields else { return Ok(None) };
        match value {
            ValueRef::Document(document) => Ok(not_empty(self.fields(document, fields, None)?)),
            ValueRef::Array(array) => {
                let mut visible = Vec::new();
                for element in array.iter() {
                    if let ValueRef::Document(document) = element.map_err(|error| self.malformed(error))? {
                        visible.extend(not_empty(self.fields(document, fields, None)?));
                    }
                }
                Ok((!visible.is_empty()).then_some(Bson::Array(visible)))
            }
            _ => Ok(None),
        }
    }

    fn malformed(&self, error: Malformed) -> Reason {
        self.errors.add(error.into());
        Reason::Failed
    }
}

fn not_empty(document: Document) -> Option<Bson> {
    (!document.is_empty()).then_some(Bson::Document(document))
}

/// `read` holds or `write` does.
fn either(
    read: Option<&crate::eval::Residual>,
    write: Option<&crate::eval::Residual>,
    evaluation: &Evaluation<'_>,
) -> Truth {
    let read = truth(read, Truth::False, evaluation);
    if read == Truth::True { read } else { read.or(truth(write, Truth::False, evaluation)) }
}
