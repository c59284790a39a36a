use std::sync::Arc;

use crate::expr::Expr;
use crate::predicate::Predicate;
use crate::projection::Projection;
use crate::schema::Schema;
use crate::text::{Span, Spanned};

/// The rules for the documents of one collection.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The roles; the first that applies to a document decides.
    pub roles: Vec<Role>,
    /// The filters; all that apply restrict.
    pub filters: Vec<Filter>,
    /// The schema that written documents must satisfy.
    pub schema: Option<Schema>,
    /// Whether there are rules.
    pub presence: Presence,
}

/// Whether a policy has rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// The collection or the defaults have the key `roles`, even if the list is empty.
    #[default]
    Ruled,
    /// Neither has it: there is only a schema, which also applies to the system user.
    Unruled,
}

/// A rules file as written, which may leave the roles to the defaults.
#[derive(Clone, Debug, Default)]
pub struct RulesFile {
    /// The roles; `None` if the file has no such key.
    pub roles: Option<Vec<Role>>,
    /// The filters.
    pub filters: Vec<Filter>,
    /// The schema, if the file contains it.
    pub schema: Option<Schema>,
}

impl RulesFile {
    /// The policy of a collection: its own roles and filters if it defines roles, otherwise those of the defaults. Its
    /// own filters combined with default roles apply in addition to the default filters. If neither defines roles,
    /// there is at most a schema.
    #[must_use]
    pub fn effective(own: Option<&Self>, default: Option<&Self>) -> Option<Policy> {
        let schema = own.and_then(|own| own.schema.clone());
        if let Some(roles) = own.and_then(|own| own.roles.clone()) {
            let filters = own.map(|own| own.filters.clone()).unwrap_or_default();
            return Some(Policy { roles, filters, schema, presence: Presence::Ruled });
        }
        let Some((default, roles)) = default.and_then(|default| Some((default, default.roles.clone()?))) else {
            return schema.map(|schema| Policy {
                schema: Some(schema),
                presence: Presence::Unruled,
                ..Policy::default()
            });
        };
        let own = own.map(|own| own.filters.as_slice()).unwrap_or_default();
        let filters = default.filters.iter().chain(own).cloned().collect();
        Some(Policy { roles, filters, schema, presence: Presence::Ruled })
    }
}

/// An expression with its meaning in its scope.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The expression as written.
    pub expr: Spanned<Expr>,
    /// Its meaning.
    pub predicate: Predicate,
}

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// The position of the name.
    pub name_span: Span,
    /// The condition under which the role applies to a user and a document.
    pub apply_when: Rule,
    /// The conditions for reading or writing a document at all.
    pub document_filters: Option<DocumentFilters>,
    /// Whether every field may be read.
    pub read: Option<Rule>,
    /// Whether every field may be written.
    pub write: Option<Rule>,
    /// Whether documents may be inserted; true if absent.
    pub insert: Option<Rule>,
    /// Whether documents may be deleted; true if absent.
    pub delete: Option<Rule>,
    /// Whether documents may be searched; true if absent.
    pub search: Option<Rule>,
    /// The rules for top-level fields, in order.
    pub fields: Vec<FieldRule>,
    /// The rule for all top-level fields without one of their own.
    pub additional_fields: Option<FieldRule>,
    /// The position of the role.
    pub span: Span,
}

/// `document_filters`. Without `read`, every document passes; without `write`, writes are not restricted.
#[derive(Clone, Debug)]
pub struct DocumentFilters {
    /// For reading; `write` is sufficient as well.
    pub read: Option<Rule>,
    /// For writing.
    pub write: Option<Rule>,
    /// Their position.
    pub span: Span,
}

/// The rule for a field, or for all fields without one of their own.
#[derive(Clone, Debug)]
pub struct FieldRule {
    /// The field's name; empty for `additional_fields`.
    pub name: Box<str>,
    /// Whether the field may be read.
    pub read: Option<Rule>,
    /// Whether the field may be written.
    pub write: Option<Rule>,
    /// The rules for the fields of an embedded document, or of each document in an array.
    pub fields: Option<Vec<FieldRule>>,
    /// Its position.
    pub span: Span,
}

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Its name, if it has one.
    pub name: Arc<str>,
    /// The condition under which the filter applies to a user.
    pub apply_when: Rule,
    /// The condition on documents.
    pub query: Option<Rule>,
    /// The fields that remain visible.
    pub projection: Option<Projection>,
    /// Its position.
    pub span: Span,
}

impl Role {
    /// All rules of the role, including field rules, each with its JSON pointer relative to the role.
    #[must_use]
    pub fn rules(&self) -> Vec<(String, &Rule)> {
        let mut rules = vec![("/apply_when".to_owned(), &self.apply_when)];
        let halves = self.document_filters.as_ref();
        let optional = [
            ("/document_filters/read", halves.and_then(|halves| halves.read.as_ref())),
            ("/document_filters/write", halves.and_then(|halves| halves.write.as_ref())),
            ("/read", self.read.as_ref()),
            ("/write", self.write.as_ref()),
            ("/insert", self.insert.as_ref()),
            ("/delete", self.delete.as_ref()),
            ("/search", self.search.as_ref()),
        ];
        rules.extend(optional.into_iter().filter_map(|(pointer, rule)| Some((pointer.to_owned(), rule?))));
        for field in &self.fields {
            field.collect(&format!("/fields/{}", field.name), &mut rules);
        }
        if let Some(additional) = &self.additional_fields {
            additional.collect("/additional_fields", &mut rules);
        }
        rules
    }
}

impl FieldRule {
    fn collect<'r>(&'r self, pointer: &str, rules: &mut Vec<(String, &'r Rule)>) {
        rules.extend(self.read.as_ref().map(|rule| (format!("{pointer}/read"), rule)));
        rules.extend(self.write.as_ref().map(|rule| (format!("{pointer}/write"), rule)));
        for field in self.fields.iter().flatten() {
            field.collect(&format!("{pointer}/fields/{}", field.name), rules);
        }
    }
}

impl Role {
    /// Replaces rules by `false`.
    pub(super) fn close(&mut self, is_closed: &dyn Fn(&Rule) -> bool) {
        let halves = self.document_filters.iter_mut().flat_map(|halves| [&mut halves.read, &mut halves.write]);
        let own = [&mut self.read, &mut self.write, &mut self.insert, &mut self.delete, &mut self.search];
        let rules = own.into_iter().chain(halves).flatten().chain([&mut self.apply_when]);
        rules.filter(|rule| is_closed(rule)).for_each(|rule| rule.predicate = Predicate::Constant(false));
        self.fields.iter_mut().chain(&mut self.additional_fields).for_each(|field| field.close(is_closed));
    }
}

impl FieldRule {
    fn close(&mut self, is_closed: &dyn Fn(&Rule) -> bool) {
        let rules = [&mut self.read, &mut self.write].into_iter().flatten();
        rules.filter(|rule| is_closed(rule)).for_each(|rule| rule.predicate = Predicate::Constant(false));
        self.fields.iter_mut().flatten().for_each(|field| field.close(is_closed));
    }
}

impl Rule {
    /// The value of a constant rule: `true`, `{}`, `false`.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        match &self.predicate {
            Predicate::Constant(value) => Some(*value),
            _ => None,
        }
    }
}
