use super::keys::{self, Keys};
use super::{DocumentFilters, FieldRule, Filter, PolicyError, PolicyErrorKind, Role, Rule, RulesFile};
use crate::expr::{self, Expr, PatternAllowance};
use crate::json::{Member, Node};
use crate::predicate::{self, Predicate, Scope};
use crate::projection::Projection;
use crate::schema::Schema;
use crate::text::{Located, Span, Spanned};

/// Compiles a collection's `rules.json`, a `default_rule.json`, or a rules file in an older format.
///
/// # Errors
/// All errors in the file, in source order.
///
/// ```
/// let text = r#"{"roles": [{"name": "Owner", "apply_when": {"owner": "%%user.id"}, "write": true}]}"#;
/// let rules = portcullis::policy::compile(&portcullis::json::parse(text).unwrap()).unwrap();
/// assert_eq!(&*rules.roles.unwrap()[0].name, "Owner");
///
/// let node = portcullis::json::parse(r#"{"roles": [{"name": "Owner", "aply_when": {}}]}"#).unwrap();
/// let errors = portcullis::policy::compile(&node).unwrap_err();
/// assert_eq!(errors[0].to_string(), "unknown key `aply_when` in a role");
/// ```
pub fn compile(node: &Node) -> Result<RulesFile, Vec<PolicyError>> {
    compile_within(node, &PatternAllowance::of_application())
}

/// Like [`compile`], with the pattern allowance of an application.
///
/// # Errors
/// Same as [`compile`].
pub(crate) fn compile_within(node: &Node, patterns: &PatternAllowance) -> Result<RulesFile, Vec<PolicyError>> {
    let RulesInPart { rules, mut errors, .. } = compile_in_part_within(node, patterns);
    if errors.is_empty() {
        return Ok(rules);
    }
    let more = errors.len().saturating_sub(MAX_ERRORS);
    if let (true, Some(last)) = (more > 0, errors.get(MAX_ERRORS)) {
        let span = last.span();
        errors.truncate(MAX_ERRORS);
        errors.push(PolicyError::new(PolicyErrorKind::More(more), span));
    }
    Err(errors)
}

/// Compiles the valid parts of a rules file. The result is meant for lints; never base decisions on it.
#[must_use]
pub fn compile_in_part(node: &Node) -> RulesInPart {
    compile_in_part_within(node, &PatternAllowance::of_application())
}

/// Like [`compile_in_part`], with the pattern allowance of an application.
pub(crate) fn compile_in_part_within(node: &Node, patterns: &PatternAllowance) -> RulesInPart {
    let mut compiler = Compiler { patterns, errors: Vec::new() };
    let rules = compiler.file(node);
    compiler.errors.sort_by_key(Located::span);
    let mut faults: Vec<Span> = compiler.errors.iter().map(Located::span).collect();
    // The positions are sorted, so duplicates are adjacent.
    faults.dedup();
    RulesInPart { rules, errors: compiler.errors, faults }
}

/// The valid parts of a rules file.
#[derive(Clone, Debug)]
pub struct RulesInPart {
    /// The rules. Invalid ones are replaced by `false`; roles and filters that are invalid as a whole are omitted.
    pub rules: RulesFile,
    /// All errors, in source order.
    pub errors: Vec<PolicyError>,
    faults: Vec<Span>,
}

impl RulesInPart {
    /// The rules, where those with any fault grant nothing.
    #[must_use]
    pub(crate) fn sound(&self) -> RulesFile {
        let mut rules = self.rules.clone();
        for role in rules.roles.iter_mut().flatten().filter(|role| self.has_fault(role.span)) {
            role.close(&|rule| self.has_fault(rule.expr.span));
        }
        // It is unknown what a faulty filter would restrict, so it is dropped.
        rules.filters.retain(|filter| !self.has_fault(filter.span));
        rules
    }

    /// Marks these positions as faulty, for other reasons.
    pub(crate) fn add_faults(&mut self, faults: impl IntoIterator<Item = Span>) {
        self.faults.extend(faults);
        self.faults.sort();
    }

    /// Whether there is a fault within this part of the file.
    #[must_use]
    pub fn has_fault(&self, part: Span) -> bool {
        let first = self.faults.partition_point(|fault| fault.start < part.start);
        self.faults.get(first).is_some_and(|fault| fault.start < part.end.max(part.start + 1))
    }
}

/// The maximum number of errors to report for a file.
const MAX_ERRORS: usize = 1000;

/// The rule that takes the place of an invalid one.
fn never(span: Span) -> Rule {
    Rule { expr: Spanned::new(Expr::Boolean(false), span), predicate: Predicate::Constant(false) }
}

struct Compiler<'p> {
    patterns: &'p PatternAllowance,
    errors: Vec<PolicyError>,
}

impl Compiler<'_> {
    fn file(&mut self, node: &Node) -> RulesFile {
        if node.as_object().is_none() {
            self.errors.push(PolicyError::new(PolicyErrorKind::NotObject(node.describe()), node.span));
            return RulesFile::default();
        }
        if let Some(error) = keys::first_stitch(node) {
            self.errors.push(error);
            return RulesFile::default();
        }
        keys::FILE.check(node, &mut self.errors);
        let roles = self.list(&keys::FILE, node, "roles");
        // If `roles` is invalid, it must not seem to be absent, since default roles would then apply.
        let broken = (roles.is_none() && !self.errors.is_empty() && node.get("roles").is_some()).then(Vec::new);
        let filters = self.list(&keys::FILE, node, "filters");
        let schema = self.find(&keys::FILE, node, "schema").map(|member| &member.value);
        RulesFile {
            roles: roles.map(|roles| roles.iter().filter_map(|role| self.role(role)).collect()).or(broken),
            filters: filters.unwrap_or_default().iter().filter_map(|filter| self.filter(filter)).collect(),
            // In exports, the schema is an empty object if there is none.
            schema: schema
                .filter(|schema| !matches!(schema.as_object(), Some([])))
                .and_then(|schema| self.schema(schema)),
        }
    }

    fn schema(&mut self, node: &Node) -> Option<Schema> {
        match Schema::compile_within(node, self.patterns) {
            Ok(schema) => Some(schema),
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| error.map(PolicyErrorKind::Schema)));
                None
            }
        }
    }

    fn find<'n>(&mut self, keys: &Keys, node: &'n Node, key: &str) -> Option<&'n Member> {
        keys.find(node, key, &mut self.errors)
    }

    fn wrong_type(&mut self, member: &Member, expected: &'static str) {
        let kind = PolicyErrorKind::Type { key: member.key.clone(), expected, found: member.value.describe() };
        self.errors.push(PolicyError::new(kind, member.value.span));
    }

    fn list<'n>(&mut self, keys: &Keys, node: &'n Node, key: &str) -> Option<&'n [Node]> {
        let member = self.find(keys, node, key)?;
        let list = member.value.as_array();
        if list.is_none() {
            self.wrong_type(member, "an array");
        }
        list
    }

    /// The members of an object with known keys. Unknown keys are reported.
    fn object<'n>(&mut self, keys: &Keys, node: &'n Node, name: &str) -> Option<&'n [Member]> {
        let members = node.as_object();
        if members.is_none() {
            let kind = PolicyErrorKind::Type { key: name.to_owned(), expected: "an object", found: node.describe() };
            self.errors.push(PolicyError::new(kind, node.span));
        }
        keys.check(node, &mut self.errors);
        members
    }

    fn missing(&mut self, keys: &Keys, key: &'static str, node: &Node) {
        // The misspelt key was reported, with the same help.
        if keys.has_near_miss(key, node) {
            return;
        }
        self.errors.push(PolicyError::new(PolicyErrorKind::KeyMissing { key, place: keys.place }, node.span));
    }

    fn rule(&mut self, node: &Node, key: &str, scope: Scope) -> Rule {
        let expr = match expr::parse_at_within(node, &format!("`{key}`"), self.patterns) {
            Ok(expr) => expr,
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| error.map(PolicyErrorKind::Expr)));
                return never(node.span);
            }
        };
        match predicate::lower(&expr, scope) {
            Ok(predicate) => Rule { expr, predicate },
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| error.map(PolicyErrorKind::Lower)));
                never(node.span)
            }
        }
    }

    fn optional(&mut self, keys: &Keys, node: &Node, key: &str, scope: Scope) -> Option<Rule> {
        let member = self.find(keys, node, key)?;
        Some(self.rule(&member.value, &member.key, scope))
    }

    fn apply_when(&mut self, keys: &Keys, node: &Node, scope: Scope) -> Option<Rule> {
        let rule = self.optional(keys, node, "apply_when", scope);
        if rule.is_none() {
            self.missing(keys, "apply_when", node);
        }
        rule
    }

    fn role(&mut self, node: &Node) -> Option<Role> {
        let keys = &keys::ROLE;
        self.object(keys, node, "roles")?;
        let name = self.find(keys, node, "name");
        if name.is_none() {
            self.missing(keys, "name", node);
        }
        let name = name.and_then(|member| {
            let text = member.value.as_str().filter(|text| !text.is_empty());
            if text.is_none() {
                self.wrong_type(member, "a string that is not empty");
            }
            text.map(|text| (text, member.value.span))
        });
        let apply_when = self.apply_when(keys, node, Scope::Role);
        let document_filters =
            self.find(keys, node, "document_filters").map(|member| self.document_filters(&member.value));
        let read = self.optional(keys, node, "read", Scope::Role);
        let write = self.optional(keys, node, "write", Scope::Role);
        let insert = self.optional(keys, node, "insert", Scope::Role);
        let delete = self.optional(keys, node, "delete", Scope::Role);
        let search = self.optional(keys, node, "search", Scope::Role);
        let fields = self.find(keys, node, "fields").map(|member| self.fields(member)).unwrap_or_default();
        let additional_fields = self.find(keys, node, "additional_fields").map(|member| {
            self.object(&keys::ADDITIONAL_FIELDS, &member.value, &member.key);
            self.field_rule("", &member.value, &keys::ADDITIONAL_FIELDS)
        });
        let (name, name_span) = name.unwrap_or(("", Span::new(node.span.start, node.span.start)));
        Some(Role {
            name: name.into(),
            name_span,
            apply_when: apply_when.unwrap_or_else(|| never(node.span)),
            document_filters,
            read,
            write,
            insert,
            delete,
            search,
            fields,
            additional_fields,
            span: node.span,
        })
    }

    fn document_filters(&mut self, node: &Node) -> DocumentFilters {
        let keys = &keys::DOCUMENT_FILTERS;
        self.object(keys, node, "document_filters");
        DocumentFilters {
            read: self.optional(keys, node, "read", Scope::Role),
            write: self.optional(keys, node, "write", Scope::Role),
            span: node.span,
        }
    }

    fn fields(&mut self, member: &Member) -> Vec<FieldRule> {
        let Some(members) = member.value.as_object() else {
            self.wrong_type(member, "an object of field rules");
            return Vec::new();
        };
        let mut fields = Vec::with_capacity(members.len());
        for field in members {
            if field.key.contains('.') {
                let kind = PolicyErrorKind::FieldDotted(field.key.clone());
                let help = "nest a rule for each level: {\"address\": {\"fields\": {\"zip\": {…}}}}";
                self.errors.push(PolicyError::new(kind, field.key_span).help(help));
            }
            self.object(&keys::FIELD, &field.value, &field.key);
            fields.push(self.field_rule(&field.key, &field.value, &keys::FIELD));
        }
        fields
    }

    fn field_rule(&mut self, name: &str, node: &Node, keys: &Keys) -> FieldRule {
        FieldRule {
            name: name.into(),
            read: self.optional(keys, node, "read", Scope::Field),
            write: self.optional(keys, node, "write", Scope::Field),
            fields: match keys.known.iter().any(|(key, _)| *key == "fields") {
                true => self.find(keys, node, "fields").map(|member| self.fields(member)),
                false => None,
            },
            span: node.span,
        }
    }

    fn filter(&mut self, node: &Node) -> Option<Filter> {
        let keys = &keys::FILTER;
        self.object(keys, node, "filters")?;
        let name = self.find(keys, node, "name").and_then(|member| {
            let name = member.value.as_str();
            if name.is_none() {
                self.wrong_type(member, "a string");
            }
            name
        });
        let apply_when = self.apply_when(keys, node, Scope::Filter);
        let query = self.optional(keys, node, "query", Scope::Query);
        let projection = self.find(keys, node, "projection").and_then(|member| {
            let projection = Projection::compile(&member.value);
            projection
                .map_err(|errors| {
                    self.errors.extend(errors.into_iter().map(|error| error.map(PolicyErrorKind::Projection)));
                })
                .ok()
        });
        Some(Filter {
            name: name.unwrap_or_default().into(),
            apply_when: apply_when.unwrap_or_else(|| never(node.span)),
            query,
            projection,
            span: node.span,
        })
    }
}
