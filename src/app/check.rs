use std::sync::Arc;

use super::policies::rules;
use super::reader::located;
use super::{App, Collection, ConfigFile, ConfigPart, Endpoint, FileFinding, Function, Loaded, Policies};
use crate::auth::{ConfigError, CustomDataConfig, Provider};
#[cfg(feature = "jwt")]
use crate::auth::{ProviderType, token::TokenProviderConfig};
use crate::expr::{self, PatternAllowance};
use crate::json::{Kind, Node, parse};
use crate::lint::{
    CollectionRules, Names, lint_anonymous, lint_application, lint_portable, lint_portable_templates, lint_references,
    lint_rule, lint_rules, lint_rules_in_part, lint_schema,
};
use crate::policy::{self, Policy, Role, Rule, RulesFile, RulesInPart};
use crate::predicate::{self, Predicate, Scope};
use crate::schema::Schema;
use crate::text::{Code, Finding, Located, Severity, Source, Span};

impl App {
    /// Everything that is wrong, or probably not meant, with the application as a whole: errors of rules, schemas,
    /// expressions and configuration, and lints. What reading the files showed is in [`App::findings`].
    #[must_use]
    pub fn check(&self) -> Vec<FileFinding> {
        self.checked(false)
    }

    /// As [`check`](Self::check), and also reports extensions that App Services does not support: `%%now`, and `%()`
    /// templates other than values that are wholly one `%(%%environment.values.name)`.
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

/// The code of what is said once, in place of what.
const FUNCTIONS_ABSENT: (&str, &str) = ("functions-absent", "function-unknown");

pub(super) struct Check<'a> {
    pub(super) app: &'a App,
    pub(super) names: Names,
    /// Whether what App Services does not know is reported.
    portable: bool,
    findings: Vec<FileFinding>,
    /// Of the parts that are compiled again.
    patterns: PatternAllowance,
}

impl<'a> Check<'a> {
    pub(super) fn add(&mut self, file: &ConfigFile, finding: Finding) {
        self.add_to(&file.source, finding);
    }

    fn add_to(&mut self, source: &Arc<Source>, finding: Finding) {
        self.findings.push(FileFinding { source: Arc::clone(source), pointer: None, finding });
    }

    pub(super) fn add_errors<K: Code + std::fmt::Display>(&mut self, file: &ConfigFile, errors: Vec<Located<K>>) {
        errors.into_iter().for_each(|error| self.add(file, error.into()));
    }

    /// Each part of each file is looked at for itself: what is wrong with one keeps nothing from being said about another.
    fn rules(&mut self, policies: &Policies) {
        for source in &self.app.data_sources {
            self.lint(&source.default_rule, policies.default_of(&source.name), &ConfigPart::Absent);
        }
        for collection in &self.app.collections {
            let compiled = match policies.synced(&collection.namespace, &collection.service) {
                None => policies.own(&collection.namespace, &collection.service).cloned(),
                // What is in force has roles from another text.
                Some(_) => collection
                    .rules
                    .present()
                    .and_then(|file| policy::compile(&file.node).ok().map(|rules| Loaded::Rules(Arc::new(rules)))),
            };
            self.lint(&collection.rules, compiled.as_ref(), &collection.schema);
            if collection.schema_in_rules {
                continue;
            }
            for file in collection.schema.files() {
                let (schema, _) = Schema::compile_in_part_within(&file.node, &self.patterns);
                lint_schema(&schema).into_iter().for_each(|finding| self.add(file, finding));
                self.references(&file.source, schema.validates());
            }
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
            lint_rules_in_part(&found, &file.node).into_iter().for_each(|finding| self.add(&file, finding));
            self.names_in(&file, &found.rules, &|rule| !found.has_fault(rule.expr.span));
        }
    }

    fn names_in(&mut self, file: &ConfigFile, rules: &RulesFile, is_sound: &dyn Fn(&Rule) -> bool) {
        // A schema that is a file of its own has other places.
        let schema = rules.schema.iter().filter(|_| file.node.get("schema").is_some());
        let roles = rules.roles.iter().flatten().flat_map(Role::rules).map(|(_, rule)| rule);
        let filters = rules.filters.iter();
        let filters = filters.flat_map(|filter| std::iter::once(&filter.apply_when).chain(&filter.query));
        let predicates = roles.chain(filters).filter(|rule| is_sound(rule)).map(|rule| &rule.predicate);
        self.references(&file.source, predicates.chain(schema.flat_map(Schema::validates)));
    }

    fn references<'p>(&mut self, source: &Arc<Source>, predicates: impl IntoIterator<Item = &'p Predicate>) {
        let predicates: Vec<&Predicate> = predicates.into_iter().collect();
        let mut found = lint_references(predicates.iter().copied(), &self.names);
        if self.portable {
            found.extend(lint_portable(predicates));
        }
        found.into_iter().for_each(|finding| self.add_to(source, finding));
    }

    /// The templates of all files, which are replaced in what is read of them.
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

    /// Says once that the functions of an application are elsewhere: who embeds the engine may bring them along.
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

    /// What several files show only together: above all, who can write the document that the rules trust.
    fn together(&mut self, policies: &Policies) {
        let app = self.app;
        let custom_data = self.custom_data();
        let wanted = match &custom_data {
            CustomData::In { namespace, service, .. } => Some((namespace.as_str(), service.as_deref())),
            CustomData::Absent | CustomData::Unclear => None,
        };
        let applied = applied(app, policies, &self.patterns, wanted);
        let collections: Vec<CollectionRules<'_>> = applied.iter().map(AppliedRules::as_collection).collect();
        if app.takes_anonymous_users() {
            // Default rules serve many collections, and are told of once.
            let mut told: Vec<(&str, Span)> = Vec::new();
            for AppliedRules { policy, source, .. } in &applied {
                for finding in lint_anonymous(policy) {
                    let place = (source.name(), finding.span);
                    if !told.contains(&place) {
                        told.push(place);
                        self.add_to(source, finding);
                    }
                }
            }
        }
        let elsewhere = self.elsewhere();
        let elsewhere: Vec<&Rule> = elsewhere.iter().collect();
        let source = match &custom_data {
            CustomData::In { namespace, field, .. } => Some((namespace.as_str(), field.as_str())),
            CustomData::Absent | CustomData::Unclear => None,
        };
        for (index, finding) in lint_application(&collections, &elsewhere, source) {
            // Nobody can tell that there is none where its configuration does not load.
            if matches!(custom_data, CustomData::Unclear) && finding.code == CUSTOM_DATA_ABSENT {
                continue;
            }
            if let Some(AppliedRules { source, .. }) = applied.get(index) {
                self.add_to(source, finding);
            }
        }
    }

    /// Where custom data is, as far as its configuration says.
    fn custom_data(&mut self) -> CustomData {
        let file = match &self.app.custom_user_data {
            ConfigPart::Absent => return CustomData::Absent,
            ConfigPart::Broken(_) | ConfigPart::Contested(_) => return CustomData::Unclear,
            ConfigPart::Present(file) => file,
        };
        match CustomDataConfig::compile(&file.node) {
            Err(errors) => {
                self.add_errors(file, errors);
                let text = |key: &str| file.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
                match (text("database_name"), text("collection_name"), text("user_id_field")) {
                    (Some(database), Some(collection), Some(field)) => CustomData::In {
                        namespace: format!("{database}.{collection}"),
                        service: text("mongo_service_name"),
                        field,
                    },
                    _ => CustomData::Unclear,
                }
            }
            Ok(config) => match config.source() {
                Some(source) => CustomData::In {
                    namespace: format!("{}.{}", source.database, source.collection),
                    service: source.service.clone(),
                    field: source.user_id_field.to_string(),
                },
                None => CustomData::Absent,
            },
        }
    }

    /// The rules that are no collection's.
    fn elsewhere(&self) -> Vec<Rule> {
        let functions = self.app.functions.iter().filter_map(Function::can_evaluate);
        let endpoints = self.app.endpoints.iter().filter_map(Endpoint::can_evaluate);
        functions
            .chain(endpoints)
            .filter_map(|node| {
                let expr = expr::parse(node).ok()?;
                let predicate = predicate::lower(&expr, Scope::Endpoint).ok()?;
                Some(Rule { expr, predicate })
            })
            .collect()
    }

    /// Expressions and settings outside of collections.
    fn configuration(&mut self) {
        let app = self.app;
        for provider in &app.providers {
            self.add_errors(&provider.config, provider_errors(provider));
        }
        for function in &app.functions {
            self.expression(&function.config, function.can_evaluate(), Scope::Endpoint);
        }
        for endpoint in &app.endpoints {
            self.expression(&endpoint.config, endpoint.can_evaluate(), Scope::Endpoint);
        }
        if let Some(config) = app.data_api.present() {
            self.expression(config, config.node.get("can_evaluate"), Scope::Endpoint);
        }
        self.endpoints();
        for rule in &app.service_rules {
            self.expression(&rule.config, rule.when(), Scope::Service);
        }
    }

    /// What keeps triggers from being run; of one that is disabled it matters less.
    fn triggers(&mut self) {
        let app = self.app;
        for trigger in &app.triggers {
            let is_disabled = trigger.config.node.get("disabled").and_then(Node::as_bool) == Some(true);
            for error in trigger.definition().err().unwrap_or_default() {
                let finding = Finding::from(error);
                let severity = if is_disabled { Severity::Warning } else { finding.severity };
                self.add(&trigger.config, Finding { severity, ..finding });
            }
        }
    }

    fn sync(&mut self) {
        let app = self.app;
        for sync in &app.sync {
            self.expression(&sync.config, sync.partition_read(), Scope::Sync);
            self.expression(&sync.config, sync.partition_write(), Scope::Sync);
            for role in sync.default_roles().and_then(Node::as_array).unwrap_or_default() {
                self.sync_role(&sync.config, role);
            }
            for member in sync.rules().and_then(Node::as_object).unwrap_or_default() {
                for role in member.value.as_array().unwrap_or_default() {
                    self.sync_role(&sync.config, role);
                }
            }
        }
    }

    /// A role of device sync before 2023: a name, `applyWhen`, `read` and `write`.
    fn sync_role(&mut self, file: &ConfigFile, role: &Node) {
        for (key, scope) in [("applyWhen", Scope::Endpoint), ("read", Scope::Role), ("write", Scope::Role)] {
            self.expression(file, role.get(key), scope);
        }
    }

    fn expression(&mut self, file: &ConfigFile, node: Option<&Node>, scope: Scope) {
        let Some(node) = node else { return };
        match expr::parse(node) {
            Err(errors) => self.add_errors(file, errors),
            Ok(expr) => match predicate::lower(&expr, scope) {
                Err(errors) => self.add_errors(file, errors),
                Ok(predicate) => {
                    let rule = Rule { expr, predicate };
                    lint_rule(&rule).into_iter().for_each(|finding| self.add(file, finding));
                    self.references(&file.source, [&rule.predicate]);
                }
            },
        }
    }
}

/// What is wrong with a way to log in: of one that takes tokens also by which keys and for whom.
fn provider_errors(provider: &super::Provider) -> Vec<ConfigError> {
    let node = &provider.config.node;
    #[cfg(feature = "jwt")]
    if provider.kind == ProviderType::CustomToken.name() {
        return TokenProviderConfig::compile(node).err().unwrap_or_default();
    }
    Provider::compile(node).err().unwrap_or_default()
}

/// The code of what is said of rules where there is no custom data.
const CUSTOM_DATA_ABSENT: &str = "custom-data-absent";

/// Where custom data is.
enum CustomData {
    /// There is none.
    Absent,
    /// The configuration does not load and does not say.
    Unclear,
    /// In this collection.
    In { namespace: String, service: Option<String>, field: String },
}

/// What of rules files can be looked at, also where some of it does not load.
fn in_part(part: &ConfigPart, patterns: &PatternAllowance) -> Vec<(ConfigFile, RulesInPart)> {
    let broken = match part {
        // Templates without a value; what has none can still be read.
        ConfigPart::Broken(source) => {
            parse(source.text()).ok().map(|node| ConfigFile { source: Arc::clone(source), node })
        }
        _ => None,
    };
    let files = part.files().iter().cloned().map(|file| (file, Vec::new()));
    let broken = broken.map(|file| {
        let mut templates = Vec::new();
        find_templates(&file.node, &mut templates);
        (file, templates)
    });
    let read = |(file, templates): (ConfigFile, Vec<Span>)| {
        let mut rules = policy::compile_in_part_within(&file.node, patterns);
        rules.add_faults(templates);
        (file, rules)
    };
    files.chain(broken).map(read).collect()
}

/// The places of texts with templates in them.
fn find_templates(node: &Node, found: &mut Vec<Span>) {
    match &node.kind {
        Kind::String(text) => found.extend(text.contains("%(").then_some(node.span)),
        Kind::Array(elements) => elements.iter().for_each(|element| find_templates(element, found)),
        Kind::Object(members) => {
            for member in members {
                found.extend(member.key.contains("%(").then_some(member.key_span));
                find_templates(&member.value, found);
            }
        }
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) => {}
    }
}

/// The rules of a place, or what of them can be looked at, and the text that they are from. The part of a role that
/// does not load grants nothing, so that what is said is true of the rest.
fn loadable(
    loaded: Option<&Loaded>,
    part: Option<&ConfigPart>,
    patterns: &PatternAllowance,
) -> Vec<(Arc<RulesFile>, Option<Arc<Source>>)> {
    if let Some(rules) = rules(loaded) {
        return vec![(Arc::clone(rules), part.and_then(ConfigPart::present).map(|file| Arc::clone(&file.source)))];
    }
    let parts = part.map(|part| in_part(part, patterns)).unwrap_or_default();
    parts.into_iter().map(|(file, found)| (Arc::new(found.sound()), Some(file.source))).collect()
}

/// The rules that are in force for a collection of an application.
#[derive(Clone, Debug)]
pub struct AppliedRules {
    /// `database.collection`
    pub namespace: String,
    /// The rules, as far as they load.
    pub policy: Policy,
    /// The text that the roles are from.
    pub source: Arc<Source>,
}

impl AppliedRules {
    /// The same, to be looked at beside those of other collections.
    #[must_use]
    pub fn as_collection(&self) -> CollectionRules<'_> {
        CollectionRules { namespace: &self.namespace, policy: &self.policy }
    }
}

impl App {
    /// The rules that are in force for each collection of which files speak, and for that of custom data.
    #[must_use]
    pub fn applied_rules(&self) -> Vec<AppliedRules> {
        let config = self.custom_user_data.present().and_then(|file| CustomDataConfig::compile(&file.node).ok());
        let source = config.as_ref().and_then(CustomDataConfig::source);
        let namespace = source.map(|source| format!("{}.{}", source.database, source.collection));
        let service = source.and_then(|source| source.service.as_deref());
        applied(
            self,
            &self.policies(),
            &PatternAllowance::of_application(),
            namespace.as_deref().map(|namespace| (namespace, service)),
        )
    }
}

/// `custom_data` names a collection of which perhaps no file speaks, served by default roles only.
fn applied(
    app: &App,
    policies: &Policies,
    patterns: &PatternAllowance,
    custom_data: Option<(&str, Option<&str>)>,
) -> Vec<AppliedRules> {
    let mut applied = Vec::new();
    for collection in &app.collections {
        let source = app.data_sources.iter().find(|source| source.name == collection.service);
        let default = source.map(|source| &source.default_rule);
        applied.extend(applying(
            policies,
            patterns,
            &collection.namespace,
            &collection.service,
            Some(collection),
            default,
        ));
    }
    let Some((namespace, service)) = custom_data else { return applied };
    for source in &app.data_sources {
        let wanted = service.is_none_or(|service| service == source.name);
        let known = app.collections.iter().any(|c| c.namespace == namespace && c.service == source.name);
        if wanted && !known {
            applied.extend(applying(policies, patterns, namespace, &source.name, None, Some(&source.default_rule)));
        }
    }
    applied
}

/// What applies to a namespace, and the text whose roles these are; several where several files claim it.
fn applying(
    policies: &Policies,
    patterns: &PatternAllowance,
    namespace: &str,
    service: &str,
    collection: Option<&Collection>,
    default: Option<&ConfigPart>,
) -> Vec<AppliedRules> {
    let own = loadable(policies.own(namespace, service), collection.map(|collection| &collection.rules), patterns);
    let defaults = loadable(policies.default_of(service), default, patterns);
    let first_default = defaults.first();
    let of = |own: Option<&(Arc<RulesFile>, Option<Arc<Source>>)>| {
        let has_roles = own.is_some_and(|(own, _)| own.roles.is_some());
        let written = if has_roles { own } else { first_default }.and_then(|(_, source)| source.clone());
        let source = policies.synced(namespace, service).map(|file| Arc::clone(&file.source)).or(written)?;
        let policy = RulesFile::effective(own.map(|(own, _)| &**own), first_default.map(|(rules, _)| &**rules))?;
        Some(AppliedRules { namespace: namespace.to_owned(), policy, source })
    };
    if own.is_empty() { of(None).into_iter().collect() } else { own.iter().filter_map(|own| of(Some(own))).collect() }
}
