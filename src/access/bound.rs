//! Parts of a policy, bound to a context.

use std::collections::HashMap;
use std::sync::Arc;

use crate::eval::{Binder, Residual, Truth};
use crate::policy::{FieldRule, Role, Rule};

/// A role, bound to a context.
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

/// A field rule, bound to a context.
#[derive(Debug, Default)]
pub(super) struct BoundField {
    pub(super) read: Option<Residual>,
    pub(super) write: Option<Residual>,
    pub(super) fields: Option<BoundFields>,
}

/// Field rules by name, bound to a context.
pub(super) type BoundFields = HashMap<Box<str>, BoundField>;

impl BoundRole {
    /// Binds a role; `None` if it applies to no document.
    pub(super) fn new<'p>(role: &'p Role, binder: &mut Binder<'p>) -> Option<Self> {
        let apply_when = binder.bind(&role.apply_when.predicate).settle();
        if apply_when.constant().is_some_and(|truth| matches!(truth, Truth::False | Truth::Unknown)) {
            return None;
        }
        let mut rule = |rule: &'p Option<Rule>| settled(rule.as_ref(), binder);
        Some(Self {
            name: role.name.clone(),
            apply_when,
            document_filters: role.document_filters.as_ref().map(|halves| (rule(&halves.read), rule(&halves.write))),
            read: rule(&role.read),
            write: rule(&role.write),
            insert: rule(&role.insert),
            delete: rule(&role.delete),
            search: rule(&role.search),
            fields: bound_fields(&role.fields, binder),
            additional_fields: role.additional_fields.as_ref().map(|field| BoundField::new(field, binder)),
        })
    }
}

impl BoundField {
    fn new<'p>(field: &'p FieldRule, binder: &mut Binder<'p>) -> Self {
        Self {
            read: settled(field.read.as_ref(), binder),
            write: settled(field.write.as_ref(), binder),
            fields: field.fields.as_ref().map(|fields| bound_fields(fields, binder)),
        }
    }
}

fn bound_fields<'p>(fields: &'p [FieldRule], binder: &mut Binder<'p>) -> BoundFields {
    fields.iter().map(|field| (field.name.clone(), BoundField::new(field, binder))).collect()
}

/// Binds a rule. Each of these rules grants only if it is True, so Unknowns that stem from the context are replaced,
/// see [`Residual::settle`].
fn settled<'p>(rule: Option<&'p Rule>, binder: &mut Binder<'p>) -> Option<Residual> {
    rule.map(|rule| binder.bind(&rule.predicate).settle())
}
