//! Upper bounds on what a role can grant.

use super::shape::settled;
use crate::path::Segment;
use crate::policy::{FieldRule, Role, Rule};

/// How much of a document a role may grant access to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    Nothing,
    SomeFields,
    Everything,
}

/// What decides whether a path may be written.
pub(super) enum Writing<'r> {
    Never,
    By(&'r Rule),
}

/// Whether a rule exists and may hold.
pub(super) fn possible(rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| settled(&rule.predicate) != Some(false))
}

pub(super) fn always(rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| settled(&rule.predicate) == Some(true))
}

pub(super) fn never(rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| settled(&rule.predicate) == Some(false))
}

/// The rules of a role for top-level fields, of which `additional_fields` comes last.
pub(super) fn top_level(role: &Role) -> impl Iterator<Item = &FieldRule> {
    role.fields.iter().chain(&role.additional_fields)
}

pub(super) fn reading(role: &Role) -> Extent {
    if let Some(halves) = &role.document_filters
        && never(halves.read.as_ref())
        && !possible(halves.write.as_ref())
    {
        return Extent::Nothing;
    }
    reading_unfiltered(role)
}

/// Like [`reading`], disregarding `document_filters`.
pub(super) fn reading_unfiltered(role: &Role) -> Extent {
    if possible(role.read.as_ref()) || possible(role.write.as_ref()) {
        return Extent::Everything;
    }
    if role.read.is_none() && top_level(role).any(shows) { Extent::SomeFields } else { Extent::Nothing }
}

fn shows(field: &FieldRule) -> bool {
    if field.read.is_some() || field.write.is_some() {
        return possible(field.read.as_ref()) || possible(field.write.as_ref());
    }
    field.fields.iter().flatten().any(shows)
}

pub(super) fn writing(role: &Role) -> Extent {
    if let Some(halves) = &role.document_filters
        && never(halves.write.as_ref())
    {
        return Extent::Nothing;
    }
    writing_unfiltered(role)
}

/// Like [`writing`], disregarding `document_filters`.
pub(super) fn writing_unfiltered(role: &Role) -> Extent {
    match &role.write {
        Some(write) if settled(&write.predicate) == Some(false) => Extent::Nothing,
        Some(_) => Extent::Everything,
        None if never(role.read.as_ref()) => Extent::Nothing,
        None if top_level(role).any(takes) => Extent::SomeFields,
        None => Extent::Nothing,
    }
}

/// Whether a role permits writing the document, or some field of it, without a condition.
pub(super) fn writes_plainly(role: &Role) -> bool {
    fn open(field: &FieldRule) -> bool {
        match &field.write {
            Some(write) => always(Some(write)),
            None => field.fields.iter().flatten().any(open),
        }
    }
    match &role.write {
        Some(write) => always(Some(write)),
        None => writing(role) != Extent::Nothing && top_level(role).any(open),
    }
}

/// Whether a field may be writable, at least in part.
pub(super) fn takes(field: &FieldRule) -> bool {
    match &field.write {
        Some(write) => settled(&write.predicate) != Some(false),
        None => field.fields.iter().flatten().any(takes),
    }
}

/// What decides whether a path may be written, disregarding `document_filters`.
pub(super) fn writing_of<'r>(role: &'r Role, path: &[Segment]) -> Writing<'r> {
    if writing_unfiltered(role) == Extent::Nothing {
        return Writing::Never;
    }
    if let Some(write) = &role.write {
        return Writing::By(write);
    }
    let Some((first, rest)) = path.split_first() else { return Writing::Never };
    let entry = role.fields.iter().find(|field| &*field.name == first.name());
    let found = match entry {
        Some(field) => within(field, rest),
        None => role.additional_fields.as_ref().and_then(|others| others.write.as_ref()),
    };
    found.filter(|rule| settled(&rule.predicate) != Some(false)).map_or(Writing::Never, Writing::By)
}

fn within<'r>(field: &'r FieldRule, path: &[Segment]) -> Option<&'r Rule> {
    if field.write.is_some() {
        return field.write.as_ref();
    }
    let fields = field.fields.as_deref()?;
    match path.split_first() {
        Some((first, rest)) => match fields.iter().find(|inner| &*inner.name == first.name()) {
            Some(inner) => within(inner, rest),
            // The field rules for documents in an array have no level for the indexes.
            None => first.index().and_then(|_| within(field, rest)),
        },
        None => fields.iter().find_map(|inner| within(inner, path)),
    }
}
