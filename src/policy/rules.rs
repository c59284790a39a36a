use std::sync::Arc;

use crate::expr::Expr;
use crate::predicate::Predicate;
use crate::projection::Projection;
use crate::schema::Schema;
use crate::text::{Span, Spanned};

/// What applies to the documents of one collection.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Tried in order.
    pub roles: Vec<Role>,
    /// All of them apply.
    pub filters: Vec<Filter>,
    /// What every written document must satisfy.
    pub schema: Option<Schema>,
    /// Whether there are roles to try.
    pub presence: Presence,
}

/// Whether there are any rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// The collection or the defaults have the key `roles`, be the list empty.
    #[default]
    Ruled,
    /// Neither has: there is only a schema, which holds for the system user too.
    Unruled,
}

/// A rules file as it stands, which may leave roles to the defaults.
#[derive(Clone, Debug, Default)]
pub struct RulesFile {
    /// The roles; `None` if the file has no such key.
    pub roles: Option<Vec<Role>>,
    /// The filters.
    pub filters: Vec<Filter>,
    /// The schema, where the file holds it.
    pub schema: Option<Schema>,
}

impl RulesFile {
    /// What applies to a collection: its own roles and filters if it defines roles, else those of the defaults. Its own
    /// filters beside default roles restrict in addition to the defaults'. Where neither defines roles, there is at most a
    /// schema.
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

/// An expression in its place.
#[derive(Clone, Debug)]
pub struct Rule {
    /// As written.
    pub expr: Spanned<Expr>,
    /// As meant.
    pub predicate: Predicate,
}

/// One role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// For whom, and for which documents, it is the role.
    pub apply_when: Rule,
    /// What must hold for a document to be read or written at all.
    pub document_filters: Option<DocumentFilters>,
    /// Whether every field may be read.
    pub read: Option<Rule>,
    /// Whether every field may be written.
    pub write: Option<Rule>,
    /// Whether documents may be inserted; absent: they may.
    pub insert: Option<Rule>,
    /// Whether documents may be deleted; absent: they may.
    pub delete: Option<Rule>,
    /// Whether documents may be searched; absent: they may.
    pub search: Option<Rule>,
    /// The rules of top-level fields, in order.
    pub fields: Vec<FieldRule>,
    /// The rule of every top-level field that has none of its own.
    pub additional_fields: Option<FieldRule>,
    /// Where the role stands.
    pub span: Span,
}

/// `document_filters`. An absent `read` lets every document pass; an absent `write` does not restrict writes.
#[derive(Clone, Debug)]
pub struct DocumentFilters {
    /// For reading; `write` is enough too.
    pub read: Option<Rule>,
    /// For writing.
    pub write: Option<Rule>,
    /// Where they stand.
    pub span: Span,
}

/// The rule of one field, or of all fields without one.
#[derive(Clone, Debug)]
pub struct FieldRule {
    /// The field's name; empty for `additional_fields`.
    pub name: Box<str>,
    /// Whether the field may be read.
    pub read: Option<Rule>,
    /// Whether the field may be written.
    pub write: Option<Rule>,
    /// The rules of the fields of an embedded document, or of each document in an array.
    pub fields: Option<Vec<FieldRule>>,
    /// Where it stands.
    pub span: Span,
}

/// One filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Its name, if it has one.
    pub name: Arc<str>,
    /// For whom it applies.
    pub apply_when: Rule,
    /// What a document must satisfy.
    pub query: Option<Rule>,
    /// Which fields are left of it.
    pub projection: Option<Projection>,
    /// Where it stands.
    pub span: Span,
}

impl Role {
    /// Every rule of the role with its JSON pointer from the role, those of fields included.
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
    /// Puts `false` in the place of rules.
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
    /// The truth of a rule that asks nothing: `true`, `{}`, `false`.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        match &self.predicate {
            Predicate::Constant(value) => Some(*value),
            _ => None,
        }
    }
}
