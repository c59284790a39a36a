//! Determines what a user may see of a document.

use bson::{Bson, Document};
use serde_json::Value as Json;

use super::{Refusal, Request, denied, projection_of, shown};
use crate::naive::name::Scope;
use crate::naive::projection::Projection;
use crate::naive::truth::Truth;

impl Request<'_> {
    /// Applies the filters to a stored document; returns the remaining projection if the document passes.
    pub(super) fn filter(&self, stored: &Document) -> Result<Projection, Refusal> {
        let mut remaining = Projection::everything();
        let mut seen = Truth::True;
        for filter in self.rules.get("filters").and_then(Json::as_array).into_iter().flatten() {
            match self.on(None, None).in_scope(Scope::Filter).truth(&filter["apply_when"]) {
                Truth::Error(text) => return Err(Refusal::error(text)),
                Truth::False => continue,
                Truth::True | Truth::Unknown => {}
            }
            let on_stored = self.on(Some(stored), None);
            match on_stored.in_scope(Scope::Query).optional(filter, "query", Truth::True) {
                Truth::Error(text) => return Err(Refusal::error(text)),
                truth => seen = seen.and(truth),
            }
            if let Some(projection) = filter.as_object().and_then(projection_of) {
                remaining = remaining.and(projection).map_err(Refusal::error)?;
            }
        }
        if seen.holds() { Ok(remaining) } else { Err(Refusal::default()) }
    }

    /// Decides a read or a search.
    pub fn read(&self, stored: &Document, searching: bool) -> Json {
        if self.is_system() {
            return shown(&Json::Null, stored.clone());
        }
        let none = Json::Null;
        if !self.has_roles() {
            return denied(&none, Refusal::default());
        }
        let projection = match self.filter(stored) {
            Ok(projection) => projection,
            Err(refusal) => return denied(&none, refusal),
        };
        let role = match self.role(stored, Some(stored)) {
            Ok(role) => role,
            Err((name, refusal)) => return denied(name, refusal),
        };
        let seeing = self.on(Some(stored), Some(stored));
        if searching {
            let search = seeing.optional(role, "search", Truth::True);
            if !search.holds() {
                return denied(&role["name"], Refusal::of(search));
            }
        }
        match seeing.visible(role, stored) {
            Err(refusal) => denied(&role["name"], refusal),
            Ok(document) => {
                let document = projection.apply(&document);
                if document.is_empty() {
                    return denied(&role["name"], Refusal::default());
                }
                shown(&role["name"], document)
            }
        }
    }

    fn visible(&self, role: &Json, stored: &Document) -> Result<Document, Refusal> {
        if let Some(filters) = role.get("document_filters") {
            let read = self.optional(filters, "read", Truth::True);
            let write = self.optional(filters, "write", Truth::False);
            let either = read.or(write);
            if !either.holds() {
                return Err(Refusal::of(either));
            }
        }
        let read = self.optional(role, "read", Truth::False);
        let either = read.or(self.optional(role, "write", Truth::False));
        match either {
            Truth::True => return Ok(stored.clone()),
            Truth::Error(text) => return Err(Refusal::error(text)),
            _ if role.get("read").is_some() => return Err(Refusal::default()),
            _ => {}
        }
        let mut visible = Document::new();
        for (name, value) in stored {
            let entry = role.get("fields").and_then(|fields| fields.get(name));
            let part = match (entry, role.get("additional_fields")) {
                (Some(entry), _) => self.part(entry, value)?,
                (None, Some(additional)) => {
                    let seeing = self.at_field(Some(value), Some(value));
                    seeing.readable(additional)?.then(|| value.clone())
                }
                (None, None) => None,
            };
            if let Some(part) = part {
                visible.insert(name, part);
            }
        }
        Ok(visible)
    }

    /// Whether `read` or `write` of an entry permits reading.
    fn readable(&self, entry: &Json) -> Result<bool, Refusal> {
        let read = self.optional(entry, "read", Truth::False);
        match read.or(self.optional(entry, "write", Truth::False)) {
            Truth::Error(text) => Err(Refusal::error(text)),
            truth => Ok(truth.holds()),
        }
    }

    /// The visible part of a value under an entry; `None` if nothing is visible.
    fn part(&self, entry: &Json, value: &Bson) -> Result<Option<Bson>, Refusal> {
        if entry.get("read").is_some() || entry.get("write").is_some() {
            return Ok(self.at_field(Some(value), Some(value)).readable(entry)?.then(|| value.clone()));
        }
        match value {
            Bson::Document(document) => Ok(self.part_of_document(entry, document)?.map(Bson::Document)),
            Bson::Array(elements) => {
                let mut shown = Vec::new();
                for element in elements {
                    if let Bson::Document(document) = element {
                        shown.extend(self.part_of_document(entry, document)?.map(Bson::Document));
                    }
                }
                Ok((!shown.is_empty()).then_some(Bson::Array(shown)))
            }
            _ => Ok(None),
        }
    }

    fn part_of_document(&self, entry: &Json, document: &Document) -> Result<Option<Document>, Refusal> {
        let mut shown = Document::new();
        for (name, value) in document {
            let Some(inner) = entry.get("fields").and_then(|fields| fields.get(name)) else {
                continue;
            };
            if let Some(part) = self.part(inner, value)? {
                shown.insert(name, part);
            }
        }
        Ok((!shown.is_empty()).then_some(shown))
    }
}
