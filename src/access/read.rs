use bson::RawDocument;

use super::bound::{BoundField, BoundFields, BoundRole};
use super::bound_policy::{BoundFilters, BoundRules, Entrance};
use super::buffer::{Buffer, Page};
use super::decision::{Decision, Half, Reason, Visible};
use super::guard::{Guard, Refusal, assign, decide, require, truth};
use crate::eval::{Context, DocumentPair, Errors, Evaluation, Residual, Truth};
use crate::value::{
    ArrayRef, Container, DocumentRef, Empty, Field, Fields, Lookup, Malformed, Place, ValueRef, Writer,
};

/// Whether a document is read directly or was found by a search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    Read,
    Search,
}

impl Guard {
    /// The part of a stored document that the user may read. Raw documents are redacted without decoding them.
    pub fn read<'d>(&self, stored: impl Into<DocumentRef<'d>>) -> Decision<'_, Visible<'d>> {
        self.see(stored.into(), Request::Read)
    }

    /// Like [`Guard::read`], for a document that was found by a search.
    pub fn search<'d>(&self, stored: impl Into<DocumentRef<'d>>) -> Decision<'_, Visible<'d>> {
        self.see(stored.into(), Request::Search)
    }

    /// Like [`Guard::read`], for raw documents. The result is either `stored` itself or written to `buffer`, so that
    /// reading many documents needs no allocations.
    ///
    /// ```
    /// use portcullis::{access::Buffer, Guard, Context, policy};
    /// let rules = portcullis::json::parse(r#"{"roles": [{
    ///     "name": "Reader", "apply_when": {}, "fields": {"title": {"read": true}}
    /// }]}"#).unwrap();
    /// let rules = policy::compile(&rules).unwrap();
    /// let guard = Guard::new(policy::RulesFile::effective(Some(&rules), None), Context::new());
    ///
    /// let mut buffer = Buffer::new();
    /// for stored in [bson::rawdoc! { "title": "a", "audit": "x" }, bson::rawdoc! { "audit": "y", "title": "b" }] {
    ///     let visible = guard.read_into(&stored, &mut buffer).allowed().unwrap();
    ///     assert_eq!(visible.iter().count(), 1);
    ///     assert!(visible.get_str("title").is_ok());
    /// }
    /// ```
    pub fn read_into<'d>(&self, stored: &'d RawDocument, buffer: &'d mut Buffer) -> Decision<'_, &'d RawDocument> {
        self.see_into(stored, Request::Read, buffer)
    }

    /// Like [`Guard::read_into`], for a document that was found by a search.
    pub fn search_into<'d>(&self, stored: &'d RawDocument, buffer: &'d mut Buffer) -> Decision<'_, &'d RawDocument> {
        self.see_into(stored, Request::Search, buffer)
    }

    fn see<'d>(&self, stored: DocumentRef<'d>, request: Request) -> Decision<'_, Visible<'d>> {
        let errors = Errors::default();
        let result = match stored {
            DocumentRef::Decoded(_) => {
                let mut document = None;
                self.see_on(stored, request, &mut document, &errors).map(|(extent, role)| {
                    let part = || Visible::Part(document.unwrap_or_default());
                    (if extent == Extent::Whole { Visible::Whole(stored) } else { part() }, role)
                })
            }
            DocumentRef::Raw(_) | DocumentRef::Prepared(_) => {
                let mut buffer: Option<Buffer> = None;
                self.see_on(stored, request, &mut buffer, &errors).and_then(|(extent, role)| match extent {
                    Extent::Whole => Ok((Visible::Whole(stored), role)),
                    Extent::Part => match buffer.unwrap_or_default().into_document() {
                        Ok(document) => Ok((Visible::RawPart(document), role)),
                        Err(error) => Err(failed(role, error, &errors)),
                    },
                })
            }
        };
        decide(result, errors)
    }

    fn see_into<'d>(
        &self,
        stored: &'d RawDocument,
        request: Request,
        buffer: &'d mut Buffer,
    ) -> Decision<'_, &'d RawDocument> {
        let errors = Errors::default();
        let result = match self.see_on(stored.into(), request, buffer, &errors) {
            Ok((Extent::Whole, role)) => Ok((stored, role)),
            Ok((Extent::Part, role)) => {
                buffer.document().map(|part| (part, role)).map_err(|error| failed(role, error, &errors))
            }
            Err(refusal) => Err(refusal),
        };
        decide(result, errors)
    }

    /// Decides, and writes the visible part to `page` unless the whole document is visible.
    #[inline]
    fn see_on(
        &self,
        stored: DocumentRef<'_>,
        request: Request,
        page: &mut impl Page,
        errors: &Errors,
    ) -> Result<(Extent, Option<&BoundRole>), Refusal<'_>> {
        match &self.bound.entrance {
            Entrance::Bypass => Ok((Extent::Whole, None)),
            Entrance::Closed(reason) => Err(reason.clone().into()),
            Entrance::Rules(rules) => see_by_rules(stored, request, rules, &self.context, errors, page),
        }
    }
}

#[cold]
fn failed<'r>(role: Option<&'r BoundRole>, error: Malformed, errors: &Errors) -> Refusal<'r> {
    errors.add(error.into());
    Refusal { role, reason: Reason::Failed }
}

/// How much of a document its role shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

#[inline]
fn see_by_rules<'r>(
    stored: DocumentRef<'_>,
    request: Request,
    BoundRules { filters, roles, fields, .. }: &'r BoundRules,
    context: &Context,
    errors: &Errors,
    page: &mut impl Page,
) -> Result<(Extent, Option<&'r BoundRole>), Refusal<'r>> {
    let lookup = Lookup::new(stored, fields);
    let seen = DocumentPair::new(Some(&lookup), Some(&lookup));
    let evaluation = Evaluation::of(&seen, context, errors);
    filters.admit(&evaluation, errors)?;
    let role = assign(roles, &evaluation)?;
    if request == Request::Search {
        require(truth(role.search.as_ref(), Truth::True, &evaluation), Reason::Search)
            .map_err(|reason| Refusal::by(role, reason))?;
    }
    let extent = extent(role, &evaluation).map_err(|reason| Refusal::by(role, reason))?;
    let written = write(role, extent, stored, &evaluation, page).and_then(|()| project(extent, stored, filters, page));
    let extent = written.map_err(|stop| Refusal::by(role, stop.reason(errors)))?;
    let is_empty = match extent {
        Extent::Whole => stored.is_empty(),
        Extent::Part => page.is_empty(),
    };
    if is_empty {
        return Err(Refusal::by(role, Reason::NothingVisible));
    }
    Ok((extent, Some(role)))
}

/// Why writing the visible part was aborted.
enum Stop {
    Failed,
    Malformed(Malformed),
}

impl From<Malformed> for Stop {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl Stop {
    fn reason(self, errors: &Errors) -> Reason {
        if let Self::Malformed(error) = self {
            errors.add(error.into());
        }
        Reason::Failed
    }
}

fn project(
    mut extent: Extent,
    stored: DocumentRef<'_>,
    filters: &BoundFilters,
    page: &mut impl Page,
) -> Result<Extent, Stop> {
    for projection in &filters.projections {
        match extent {
            Extent::Whole => page.write(|writer| projection.write(stored, writer))?,
            Extent::Part => page.rewrite(|document, writer| projection.write(document, writer))?,
        }
        extent = Extent::Part;
    }
    Ok(extent)
}

/// How much of a document a role shows, before its field rules are applied.
#[inline(always)]
fn extent(role: &BoundRole, evaluation: &Evaluation<'_>) -> Result<Extent, Reason> {
    match (&role.document_filters, &role.read) {
        // A shortcut: most roles show either all or nothing of a document.
        (None, Some(Residual::Constant(Truth::True))) => Ok(Extent::Whole),
        _ => extent_by_rules(role, evaluation),
    }
}

fn extent_by_rules(role: &BoundRole, evaluation: &Evaluation<'_>) -> Result<Extent, Reason> {
    // Without `read`, the document filters admit every document, and `write` is ignored.
    if let Some((Some(read), write)) = &role.document_filters {
        let half = either(Some(read), write.as_ref(), evaluation);
        require(half, Reason::DocumentFilters(Half::Read))?;
    }
    match either(role.read.as_ref(), role.write.as_ref(), evaluation) {
        Truth::True => Ok(Extent::Whole),
        Truth::Error => Err(Reason::Failed),
        Truth::False | Truth::Unknown if role.read.is_some() => Err(Reason::Read),
        Truth::False | Truth::Unknown => Ok(Extent::Part),
    }
}

#[inline]
fn write(
    role: &BoundRole,
    extent: Extent,
    stored: DocumentRef<'_>,
    evaluation: &Evaluation<'_>,
    page: &mut impl Page,
) -> Result<(), Stop> {
    match extent {
        Extent::Whole => Ok(()),
        Extent::Part => page.write(|writer| {
            Reader { evaluation: *evaluation }.fields(stored, &role.fields, role.additional_fields.as_ref(), writer)
        }),
    }
}

/// Applies field rules to a document.
struct Reader<'e> {
    evaluation: Evaluation<'e>,
}

impl<'e> Reader<'e> {
    /// Writes the visible fields. Of duplicate keys, the first counts.
    fn fields(
        &self,
        document: DocumentRef<'e>,
        rules: &BoundFields,
        others: Option<&BoundField>,
        writer: &mut impl Writer,
    ) -> Result<(), Stop> {
        let mut fields = Fields::of(document);
        while let Some(field) = fields.next() {
            let (key, value) = field?;
            if let Some(rule) = rules.get(key).or(others)
                && !fields.repeats(key)
            {
                self.field(key, value, rule, writer)?;
            }
        }
        Ok(())
    }

    fn field(&self, key: &str, field: Field<'e>, rule: &BoundField, writer: &mut impl Writer) -> Result<(), Stop> {
        let place = Place::Key(key);
        if rule.read.is_some() || rule.write.is_some() {
            let value = Some(field.value()?);
            let evaluation = self.evaluation.at(value, value);
            return match either(rule.read.as_ref(), rule.write.as_ref(), &evaluation) {
                Truth::True => Ok(writer.whole(place, field)?),
                Truth::Error => Err(Stop::Failed),
                Truth::False | Truth::Unknown => Ok(()),
            };
        }
        let (Some(fields), true) = (&rule.fields, field.is_container()) else { return Ok(()) };
        match field.value()? {
            ValueRef::Document(document) => {
                self.embedded(place, document, fields, writer)?;
            }
            ValueRef::Array(array) => {
                writer.container(place, Container::Array, Empty::LeftOut, |writer| {
                    self.elements(array, fields, writer)
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes the visible parts of the documents in an array. Elements of other types are hidden.
    fn elements(&self, array: ArrayRef<'e>, rules: &BoundFields, writer: &mut impl Writer) -> Result<(), Stop> {
        let mut index = 0;
        for element in array.iter() {
            if let ValueRef::Document(document) = element?
                && self.embedded(Place::Index(index), document, rules, writer)?
            {
                index += 1;
            }
        }
        Ok(())
    }

    /// Writes the visible part of an embedded document. Returns whether there is any.
    fn embedded(
        &self,
        place: Place<'_>,
        document: DocumentRef<'e>,
        rules: &BoundFields,
        writer: &mut impl Writer,
    ) -> Result<bool, Stop> {
        let fill = |writer: &mut _| self.fields(document, rules, None, writer);
        writer.container(place, Container::Document, Empty::LeftOut, fill)
    }
}

/// Whether `read` or `write` holds.
fn either(read: Option<&Residual>, write: Option<&Residual>, evaluation: &Evaluation<'_>) -> Truth {
    let read = truth(read, Truth::False, evaluation);
    if read == Truth::True { read } else { read.or(truth(write, Truth::False, evaluation)) }
}
