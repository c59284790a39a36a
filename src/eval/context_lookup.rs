//! Resolves references into the context.

use bson::{Bson, Document};

use super::{Context, ContextPart, Environment, Request};
use crate::path::Segment;
use crate::predicate::{ContextRoot, Reference};
use crate::user::CustomData;
use crate::value::{ArrayRef, DocumentRef, ValueRef};

/// The start of a lookup.
enum Start<'c> {
    /// The context object has no such property.
    Unknown,
    /// The part of the context was not supplied.
    NotSupplied(ContextPart),
    /// The value to start from, Missing if `None`, and the number of path segments that it already covers.
    Known(Option<ValueRef<'c>>, usize),
}

/// A value, Missing if `None`, and the path to follow from it.
pub(crate) type Walk<'c, 'r> = (Option<ValueRef<'c>>, &'r [Segment]);

impl Context {
    /// Resolves a reference used as a left operand; `None` if it is Unknown.
    pub(crate) fn left<'r>(&self, reference: &'r Reference) -> Result<Option<Walk<'_, 'r>>, ContextPart> {
        match self.start(reference) {
            Start::NotSupplied(part) => Err(part),
            Start::Unknown => Ok(None),
            Start::Known(value, used) => Ok(Some((value, reference.path.segments().get(used..).unwrap_or_default()))),
        }
    }

    /// Explains why the value of a reference cannot be compared with anything.
    pub(super) fn why_unknown(&self, reference: &Reference) -> String {
        let why = match self.left(reference) {
            Ok(Some(_)) => match self.right(reference) {
                Ok(None) => "there is no such value".to_owned(),
                Ok(Some(value)) => format!("its value is {}", ValueRef::from(&value).kind().alias()),
                Err(error) => error.to_string(),
            },
            Ok(None) => "there is no such property".to_owned(),
            Err(part) => part.to_string(),
        };
        format!("unknown: {why}")
    }

    /// The entire context object that a reference names, as a function argument.
    pub(crate) fn whole(&self, reference: &Reference) -> Result<Option<Bson>, ContextPart> {
        if !reference.path.is_root() {
            return Ok(None);
        }
        match reference.root {
            ContextRoot::User => match &self.user {
                None => Err(ContextPart::User),
                Some(user) if user.custom_data == CustomData::NotLoaded => Err(ContextPart::CustomData),
                Some(user) => Ok(Some(user.to_document().into())),
            },
            ContextRoot::Environment => match &self.environment {
                None => Err(ContextPart::Environment),
                Some(Environment { tag, values }) => {
                    Ok(Some(bson::doc! { "tag": tag, "values": values.clone() }.into()))
                }
            },
            _ => Ok(None),
        }
    }

    fn start(&self, reference: &Reference) -> Start<'_> {
        match reference.root {
            ContextRoot::User => self.user_start(reference),
            ContextRoot::Request => self.request_start(reference),
            ContextRoot::Environment => match (&self.environment, reference.path.first()) {
                (None, _) => Start::NotSupplied(ContextPart::Environment),
                (Some(environment), Some("tag")) => Start::Known(Some(ValueRef::String(&environment.tag)), 1),
                (Some(environment), Some("values")) => known_document(&environment.values, 1),
                (Some(_), _) => Start::Unknown,
            },
            ContextRoot::Values => self.values_start(reference),
            ContextRoot::Args => match &self.args {
                None => Start::NotSupplied(ContextPart::Args),
                Some(args) => known_document(args, 0),
            },
            ContextRoot::Partition => match &self.partition {
                None => Start::NotSupplied(ContextPart::Partition),
                Some(value) => Start::Known(Some(value.into()), 0),
            },
            ContextRoot::Now => match self.now {
                None => Start::NotSupplied(ContextPart::Now),
                Some(now) => Start::Known(Some(ValueRef::DateTime(now.timestamp_millis())), 0),
            },
        }
    }

    fn values_start(&self, reference: &Reference) -> Start<'_> {
        let first = reference.path.first();
        let Some(values) = &self.values else {
            let secret = first.filter(|name| self.secrets.contains(*name));
            return Start::NotSupplied(secret.map_or(ContextPart::Values, |name| ContextPart::Secret(name.into())));
        };
        match first {
            Some(name) if values.contains_key(name) => known_document(values, 0),
            Some(name) if self.secrets.contains(name) => Start::NotSupplied(ContextPart::Secret(name.into())),
            Some(name) if self.values_partial => Start::NotSupplied(ContextPart::Value(name.into())),
            Some(_) => known_document(values, 0),
            None if self.values_partial => Start::NotSupplied(ContextPart::Values),
            None => match self.secrets.iter().filter(|name| !values.contains_key(name)).min() {
                Some(secret) => Start::NotSupplied(ContextPart::Secret(secret.as_str().into())),
                None => known_document(values, 0),
            },
        }
    }

    fn user_start(&self, reference: &Reference) -> Start<'_> {
        let Some(user) = &self.user else { return Start::NotSupplied(ContextPart::User) };
        match reference.path.first() {
            Some("id") => Start::Known(Some(ValueRef::String(&user.id)), 1),
            Some("type") => Start::Known(Some(ValueRef::String(user.kind.name())), 1),
            Some("data") => known_document(&user.data, 1),
            Some("identities") => Start::Known(Some(ValueRef::Array(ArrayRef::Decoded(&user.identities))), 1),
            Some("custom_data") => match &user.custom_data {
                CustomData::NotLoaded => Start::NotSupplied(ContextPart::CustomData),
                CustomData::Loaded(data) if !data.is_empty() => known_document(data, 1),
                CustomData::Loaded(_) | CustomData::Absent => Start::Known(None, 1),
            },
            _ => Start::Unknown,
        }
    }

    fn request_start(&self, reference: &Reference) -> Start<'_> {
        let Some(request) = &self.request else { return Start::NotSupplied(ContextPart::Request) };
        match reference.path.segments() {
            [] => known_document(request.fields(), 0),
            [headers, name, ..] if headers.name() == "requestHeaders" => {
                Start::Known(request.headers().get(&name.name().to_lowercase()).map(ValueRef::from), 2)
            }
            [field, ..] if request.fields().contains_key(field.name()) => known_document(request.fields(), 0),
            [field, ..] if Request::FIELDS.contains(&field.name()) => {
                Start::NotSupplied(ContextPart::RequestProperty(field.name().into()))
            }
            _ => Start::Unknown,
        }
    }
}

fn known_document(document: &Document, used: usize) -> Start<'_> {
    Start::Known(Some(ValueRef::Document(DocumentRef::Decoded(document))), used)
}
