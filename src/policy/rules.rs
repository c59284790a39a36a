use std::sync::Arc;

use crate::expr::Expr;
use crate::predicate::Predicate;
use crate::projection::Projection;
use crate::schema::Schema;
use crate::text::{Span, Spanned};

/// The rules for the documents of a collection.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The roles. The first one that applies to a document decides.
    pub roles: Vec<Role>,
    /// The filters. All those that apply restrict access.
    pub filters: Vec<Filter>,
    /// The schema that documents must satisfy when they are written.
    pub schema: Option<Schema>,
    /// Whether there are rules.
    pub presence: Presence,
}

/// Whether a policy has rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// The key `roles` is present for the collection or as a default, even if the list is empty.
    #[default]
    Ruled,
    /// There are no `roles`. A schema, if there is one, applies even to the system user.
    Unruled,
}

/// The rules in a file, which may leave roles to the defaults.
#[derive(Clone, Debug, Default)]
pub struct RulesFile {
    /// The roles; `None` if the key is absent.
    pub roles: Option<Vec<Role>>,
    /// The filters.
    pub filters: Vec<Filter>,
    /// The schema, if the file contains it.
    pub schema: Option<Schema>,
}

impl RulesFile {
    /// Combines the rules of a collection and the default rules. If the collection has roles, only its own roles and
    /// filters apply. Otherwise the default roles apply, with the default filters and the collection's own. If neither
    /// has roles, there is at most a schema.
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

/// An expression, with its meaning.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The expression as written.
    pub expr: Spanned<Expr>,
    /// The predicate that it stands for in its scope.
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
    /// Whether all fields may be read.
    pub read: Option<Rule>,
    /// Whether all fields may be written.
    pub write: Option<Rule>,
    /// Whether documents may be inserted; absent means true.
    pub insert: Option<Rule>,
    /// Whether documents may be deleted; absent means true.
    pub delete: Option<Rule>,
    /// Whether documents may be searched; absent means true.
    pub search: Option<Rule>,
    /// The rules for top-level fields, in order.
    pub fields: Vec<FieldRule>,
    /// The rule for all other top-level fields.
    pub additional_fields: Option<FieldRule>,
    /// The position of the role.
    pub span: Span,
}

/// `document_filters`. If `read` is absent, reading is not restricted; if `write` is absent, writing is not restricted.
#[derive(Clone, Debug)]
pub struct DocumentFilters {
    /// The condition for reading; satisfying `write` suffices as well.
    pub read: Option<Rule>,
    /// The condition for writing.
    pub write: Option<Rule>,
    /// Their position.
    pub span: Span,
}

/// The rule for a field, or for all fields that have none.
#[derive(Clone, Debug)]
pub struct FieldRule {
    /// The name of the field; empty for `additional_fields`.
    pub name: Box<str>,
    /// Whether the field may be read.
    pub read: Option<Rule>,
    /// Whether the field may be written.
    pub write: Option<Rule>,
    /// The rules for nested fields: those of an embedded document, or of each document in an array.
    pub fields: Option<Vec<FieldRule>>,
    /// Its position.
    pub span: Span,
}

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The name, which may be empty.
    pub name: Arc<str>,
    /// The condition under which the filter applies to a user.
    pub apply_when: Rule,
    /// The condition that documents must satisfy.
    pub query: Option<Rule>,
    /// The fields that remain visible.
    pub projection: Option<Projection>,
    /// Its position.
    pub span: Span,
}

impl Policy {
    /// Whether the policy depends on no part of the context but the user.
    pub(crate) fn asks_only_the_user(&self) -> bool {
        let of_roles = self.roles.iter().flat_map(Role::rules).map(|(_, rule)| rule);
        let of_filters = self.filters.iter().flat_map(|filter| [Some(&filter.apply_when), filter.query.as_ref()]);
        let mut rules = of_roles.chain(of_filters.flatten()).map(|rule| &rule.predicate);
        let mut validates = self.schema.iter().flat_map(Schema::validates);
        rules.all(Predicate::asks_only_the_user) && validates.all(Predicate::asks_only_the_user)
    }
}

impl Role {
    /// All rules of the role, including field rules, with JSON pointers relative to the role.
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
    /// Replaces the rules for which `is_closed` returns true with `false`.
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
    /// The value of a rule that is constant: `true`, `{}` or `false`.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        match &self.predicate {
            Predicate::Constant(value) => Some(*value),
            _ => None,
        }
    }
}
