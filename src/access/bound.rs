//! A policy's parts with the context settled in each.

use std::collections::HashMap;
use std::sync::Arc;

use crate::eval::{Context, Residual, bind};
use crate::policy::{FieldRule, Role, Rule};

/// A role, bound.
#[derive(Debug)]
pub(super) struct BoundRole {
    pub(super) name: Arc<str>,
    pub(super) apply_when: Residual,
    pub(super) document_filters: Option<(Option<Residual>, Option<Residual>)>,
    pub(super) read: Option<Residual>,
    pub(super) write: Option<Residual>,
    pub(super) insert: Option<Residual>,
    pub(super) delete: Option<Residual>,
    pub(super) search: Option<Residual>,
    pub(super) fields: BoundFields,
    pub(super) additional_fields: Option<BoundField>,
}

/// The rule of a field, bound.
#[derive(Debug, Default)]
pub(super) struct BoundField {
    pub(super) read: Option<Residual>,
    pub(super) write: Option<Residual>,
    pub(super) fields: Option<BoundFields>,
}

/// The rules of several fields, bound.
pub(super) type BoundFields = HashMap<Box<str>, BoundField>;

impl BoundRole {
    pub(super) fn new(role: &Role, context: &Context) -> Self {
        let rule = |rule: &Option<Rule>| settled(rule.as_ref(), context);
        Self {
            name: role.name.clone(),
            apply_when: bind(&role.apply_when.predicate, context).settle(),
            document_filters: role.document_filters.as_ref().map(|halves| (rule(&halves.read), rule(&halves.write))),
            read: rule(&role.read),
            write: rule(&role.write),
            insert: rule(&role.insert),
            delete: rule(&role.delete),
            search: rule(&role.search),
            fields: bound_fields(&role.fields, context),
            additional_fields: role.additional_fields.as_ref().map(|field| BoundField::new(field, context)),
        }
    }
}

impl BoundField {
    fn new(field: &FieldRule, context: &Context) -> Self {
        Self {
            read: settled(field.read.as_ref(), context),
            write: settled(field.write.as_ref(), context),
            fields: field.fields.as_ref().map(|fields| bound_fields(fields, context)),
        }
    }
}

fn bound_fields(fields: &[FieldRule], context: &Context) -> BoundFields {
    fields.iter().map(|field| (field.name.clone(), BoundField::new(field, context))).collect()
}

/// Only True grants in every one of these places, so what the context leaves Unknown is settled.
fn settled(rule: Option<&Rule>, context: &Context) -> Option<Residual> {
    rule.map(|rule| bind(&rule.predicate, context).settle())
}
