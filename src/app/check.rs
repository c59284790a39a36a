use std::sync::Arc;

use super::applied_rules::{in_part, overlap, unresolved};
use super::reader::located;
use super::{App, Collection, ConfigFile, ConfigPart, FileFinding, Loaded, Policies};
use crate::expr::PatternAllowance;
use crate::json::parse;
use crate::lint::{
    Names, lint_portable, lint_portable_templates, lint_references, lint_rules, lint_rules_in_part, lint_schema,
    lint_unruled,
};
use crate::policy::{self, Role, Rule, RulesFile};
use crate::predicate::Predicate;
use crate::schema::Schema;
use crate::text::{Code, Finding, Located, Severity, Source};

impl App {
    /// Checks the whole application: errors in rules, schemas, expressions and configuration, and lints. Problems that
    /// occurred while reading files are in [`App::findings`].
    #[must_use]
    pub fn check(&self) -> Vec<FileFinding> {
        self.checked(false)
    }

    /// Like [`check`](Self::check), but also reports what App Services does not support: `%%now`, and all `%()`
    /// templates other than values that consist of a single `%(%%environment.values.name)`.
    #[must_use]
    pub fn check_portable(&self) -> Vec<FileFinding> {
        self.checked(true)
    }

    fn checked(&self, portable: bool) -> Vec<FileFinding> {
        let policies = self.policies();
        let mut check = Check {
            app: self,
            names: self.names(),
            portable,
            findings: policies.findings().to_vec(),
            patterns: PatternAllowance::of_application(),
        };
        check.rules(&policies);
        check.together(&policies);
        check.configuration();
        check.sync();
        check.triggers();
        check.named();
        check.keys();
        if portable {
            check.templates();
        }
        check.findings = located(check.findings);
        check.without_functions();
        located(check.findings)
    }
}

/// The code of the finding that is reported once, and the code of those that it replaces.
const FUNCTIONS_ABSENT: (&str, &str) = ("functions-absent", "function-unknown");

pub(super) struct Check<'a> {
    pub(super) app: &'a App,
    pub(super) names: Names,
    /// Whether to report extensions that App Services does not support.
    portable: bool,
    findings: Vec<FileFinding>,
    /// The pattern allowance for parts that are compiled again.
    pub(super) patterns: PatternAllowance,
}

impl<'a> Check<'a> {
    pub(super) fn add(&mut self, file: &ConfigFile, finding: Finding) {
        self.add_to(&file.source, finding);
    }

    pub(super) fn add_to(&mut self, source: &Arc<Source>, finding: Finding) {
        self.findings.push(FileFinding { source: Arc::clone(source), pointer: None, finding });
    }

    pub(super) fn add_errors<K: Code + std::fmt::Display>(&mut self, file: &ConfigFile, errors: Vec<Located<K>>) {
        errors.into_iter().for_each(|error| self.add(file, error.into()));
    }

    /// Each part of a file is checked independently, so that an error in one does not suppress findings about another.
    fn rules(&mut self, policies: &Policies) {
        for source in &self.app.data_sources {
            self.lint(&source.default_rule, policies.default_of(&source.name), &ConfigPart::Absent);
        }
        for collection in &self.app.collections {
            let compiled = match policies.synced(&collection.namespace, &collection.service) {
                None => policies.own(&collection.namespace, &collection.service).cloned(),
                // The roles that apply are in a different file.
                Some(_) => collection
                    .rules
                    .present()
                    .and_then(|file| policy::compile(&file.node).ok().map(|rules| Loaded::Rules(Arc::new(rules)))),
            };
            self.lint(&collection.rules, compiled.as_ref(), &collection.schema);
            self.unruled(policies, collection);
            if collection.schema_in_rules {
                continue;
            }
            if let Some((file, templates)) = unresolved(&collection.schema) {
                let (_, mut errors) = Schema::compile_in_part_within(&file.node, &self.patterns);
                errors.retain(|error| !templates.iter().any(|template| overlap(error.span(), *template)));
                self.add_errors(&file, errors);
            }
            for file in collection.schema.files() {
                let (schema, _) = Schema::compile_in_part_within(&file.node, &self.patterns);
                lint_schema(&schema).into_iter().for_each(|finding| self.add(file, finding));
                self.references(&file.source, schema.validates());
            }
        }
    }

    /// Reports a rules file without roles if no default roles apply to its collection either.
    fn unruled(&mut self, policies: &Policies, collection: &Collection) {
        let (namespace, service) = (&collection.namespace, &collection.service);
        let has_roles = |loaded: Option<&Loaded>| match loaded {
            Some(Loaded::Rules(rules)) => rules.roles.is_some(),
            Some(Loaded::Invalid) => true,
            Some(Loaded::Absent) | None => false,
        };
        let ruled = has_roles(policies.own(namespace, service)) || has_roles(policies.default_of(service));
        if let (Some(file), false, None) = (collection.rules.present(), ruled, policies.synced(namespace, service)) {
            lint_unruled(&file.node).into_iter().for_each(|finding| self.add(file, finding));
        }
    }

    fn lint(&mut self, part: &ConfigPart, loaded: Option<&Loaded>, schema: &ConfigPart) {
        if let (Some(file), Some(Loaded::Rules(rules))) = (part.present(), loaded) {
            lint_rules(rules, &file.node).into_iter().for_each(|finding| self.add(file, finding));
            return self.names_in(file, rules, &|_| true);
        }
        for (file, mut found) in in_part(part, &self.patterns) {
            if found.rules.schema.is_none() {
                found.rules.schema =
                    schema.present().and_then(|file| Schema::compile_within(&file.node, &self.patterns).ok());
            }
            // The errors of a single file are reported when it is loaded.
            if part.present().is_none() {
                self.add_errors(&file, found.errors.clone());
            }
            lint_rules_in_part(&found, &file.node).into_iter().for_each(|finding| self.add(&file, finding));
            self.names_in(&file, &found.rules, &|rule| !found.has_fault(rule.expr.span));
        }
    }

    fn names_in(&mut self, file: &ConfigFile, rules: &RulesFile, is_sound: &dyn Fn(&Rule) -> bool) {
        // The schema comes from a file of its own, so its positions do not refer to this one.
        let schema = rules.schema.iter().filter(|_| file.node.get("schema").is_some());
        let roles = rules.roles.iter().flatten().flat_map(Role::rules).map(|(_, rule)| rule);
        let filters = rules.filters.iter();
        let filters = filters.flat_map(|filter| std::iter::once(&filter.apply_when).chain(&filter.query));
        let predicates = roles.chain(filters).filter(|rule| is_sound(rule)).map(|rule| &rule.predicate);
        self.references(&file.source, predicates.chain(schema.flat_map(Schema::validates)));
    }

    pub(super) fn references<'p>(&mut self, source: &Arc<Source>, predicates: impl IntoIterator<Item = &'p Predicate>) {
        let predicates: Vec<&Predicate> = predicates.into_iter().collect();
        let mut found = lint_references(predicates.iter().copied(), &self.names);
        if self.portable {
            found.extend(lint_portable(predicates));
        }
        found.into_iter().for_each(|finding| self.add_to(source, finding));
    }

    /// Checks templates in the source of all files, since the parsed files do not contain them any more.
    fn templates(&mut self) {
        let mut sources: Vec<Arc<Source>> = Vec::new();
        for file in self.app.config_files() {
            if !sources.iter().any(|known| known.name() == file.source.name()) {
                sources.push(Arc::clone(&file.source));
            }
        }
        for source in sources {
            let Ok(node) = parse(source.text()) else { continue };
            lint_portable_templates(&node).into_iter().for_each(|finding| self.add_to(&source, finding));
        }
    }

    /// Replaces the findings about unknown functions with a single one if the application has no functions, because
    /// programs that embed the engine may supply them.
    fn without_functions(&mut self) {
        if !self.app.functions.is_empty() || self.app.directory.join("functions").is_dir() {
            return;
        }
        let is_call = |found: &FileFinding| found.finding.code == FUNCTIONS_ABSENT.1;
        let (calls, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.findings).into_iter().partition(is_call);
        self.findings = others;
        let count = calls.len();
        if let Some(FileFinding { source, pointer, finding }) = calls.into_iter().next() {
            let others = match count.saturating_sub(1) {
                0 => String::new(),
                1 => ", and in one more place".to_owned(),
                more => format!(", and in {more} more places"),
            };
            let message = format!("the application has no functions, but calls one here{others}");
            let help = Some("put their configuration into `functions/`; until then these calls fail".to_owned());
            let finding = Finding { severity: Severity::Warning, code: FUNCTIONS_ABSENT.0, message, help, ..finding };
            self.findings.push(FileFinding { source, pointer, finding });
        }
    }
}
