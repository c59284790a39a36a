use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::settings::Extent;
use super::{App, Collection, ConfigFile, ConfigPart, FileFinding, ServiceAmbiguous};
use crate::access::Guard;
use crate::auth::CustomDataConfig;
use crate::eval::Context;
use crate::expr::PatternAllowance;
use crate::policy::{self, Policy, RulesFile};
use crate::schema::Schema;
use crate::template::Substitutions;
use crate::text::{Code, Finding, Located};

/// The rules of an application's collections, compiled.
#[derive(Debug, Default)]
pub struct Policies {
    /// The collections of which some file speaks, by namespace and data source.
    pub(super) collections: BTreeMap<(String, String), Loaded>,
    /// The default rules of each data source.
    pub(super) defaults: BTreeMap<String, Loaded>,
    /// The settings of device sync whose permissions have become the roles of a collection.
    pub(super) synced: BTreeMap<(String, String), ConfigFile>,
    /// What is wrong with the files.
    pub(super) findings: Vec<FileFinding>,
    /// The effective policies, computed on first use, by the collection with rules of its own and the data source with
    /// default rules.
    effective: Mutex<BTreeMap<Sources, Option<Arc<Policy>>>>,
}

/// A collection with rules of its own, and a data source with default rules.
type Sources = (Option<(String, String)>, Option<String>);

/// What became of the rules of one place.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// There are none.
    Absent,
    /// They loaded.
    Rules(Arc<RulesFile>),
    /// They did not: what they were to protect stays closed.
    Invalid,
}

/// What applies to a namespace.
#[derive(Clone, Debug)]
pub enum Applicable {
    /// These rules.
    Policy(Arc<Policy>),
    /// Nothing: neither the collection nor the defaults have rules.
    NoRule,
    /// The rules do not load.
    Invalid,
}

impl App {
    /// Compiles every rules file and schema of the application.
    #[must_use]
    pub fn policies(&self) -> Policies {
        self.compiled(|_| true)
    }

    /// As [`Self::policies`], but only as much as decides what [applies](Policies::applicable) to one namespace: for a
    /// process that asks about no other.
    #[must_use]
    pub fn policies_of(&self, namespace: &str) -> Policies {
        // Which roles device sync gives to a collection depends on the other collections.
        let has_sync = !self.sync.is_empty();
        self.compiled(|collection| has_sync || collection.namespace == namespace)
    }

    fn compiled(&self, is_wanted: impl Fn(&Collection) -> bool) -> Policies {
        let mut policies = Policies::default();
        let patterns = PatternAllowance::of_application();
        for source in &self.data_sources {
            let loaded = policies.load(&source.default_rule, &patterns);
            policies.defaults.insert(source.name.clone(), loaded);
        }
        for collection in self.collections.iter().filter(|collection| is_wanted(collection)) {
            let loaded = policies.load_collection(collection, &patterns);
            policies.collections.insert((collection.namespace.clone(), collection.service.clone()), loaded);
        }
        for sync in &self.sync {
            policies.take_sync(self, sync, &patterns);
        }
        policies
    }

    /// The names of the files on which the rules of a namespace depend.
    #[must_use]
    pub fn files_of(&self, namespace: &str, service: Option<&str>) -> Vec<String> {
        let collections = self.collections.iter().filter(|collection| collection.namespace == namespace);
        let own = collections.flat_map(|collection| [&collection.rules, &collection.schema]);
        let sources = self.data_sources.iter().filter(|source| service.is_none_or(|service| source.name == service));
        let parts = own.chain(sources.map(|source| &source.default_rule));
        let sync = self.sync.iter().map(|sync| sync.config.source.name().to_owned());
        parts.flat_map(ConfigPart::names).chain(sync).collect()
    }

    /// The context with the application's values and its environment where it has none of its own. To ask for what the files say
    /// of these and cannot be read is an Error. Where the application has no custom data, its users have none.
    #[must_use]
    pub fn with_configuration(&self, context: Context) -> Context {
        let context = if context.lacks_custom_data() && self.has_no_custom_data() {
            context.without_custom_data()
        } else {
            context
        };
        let context = context.or_values(&self.values).with_secret_names(self.secret_values.keys().cloned());
        let context = match self.extent.values {
            Extent::Whole => context,
            Extent::Partial => context.with_partial_values(),
        };
        match self.extent.environment {
            Extent::Whole => context.or_environment(&self.environment),
            Extent::Partial => context,
        }
    }

    /// What the `%()` of the application's configuration files are replaced by.
    #[must_use]
    pub fn substitutions(&self) -> Substitutions {
        let substitutions =
            super::settings::substitutions(&self.environment, self.extent.environment, Some(&self.values));
        substitutions.with_secret_names(self.secret_values.keys().cloned())
    }

    /// Whether no file speaks of custom data, or one disables it. Of a file that does not load nobody can tell.
    fn has_no_custom_data(&self) -> bool {
        match &self.custom_user_data {
            ConfigPart::Absent => true,
            ConfigPart::Present(file) => CustomDataConfig::compile(&file.node).is_ok_and(|config| !config.is_enabled()),
            _ => false,
        }
    }

    /// The guard of a namespace for one request. Where the context has no values or environment of its own, it gets the
    /// application's. The first call compiles the rules of the whole application, and all guards share them; changes to
    /// the fields of this value after that call do not reach them.
    ///
    /// ```
    /// use portcullis::{App, Context, User};
    /// let app = App::load("fixtures/apps/employees")?;
    /// let guard = app.guard("hr.employees", Context::new().with_user(User::new("u1")))?;
    /// assert!(!guard.read(&bson::doc! { "_id": 1 }).is_allowed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Several data sources could hold the namespace.
    pub fn guard(&self, namespace: &str, context: Context) -> Result<Guard, ServiceAmbiguous> {
        self.shared_policies().guard(self, namespace, None, context)
    }

    /// As [`guard`](Self::guard), for the collection of one of several data sources.
    ///
    /// # Errors
    /// Several data sources could hold the namespace and none is named.
    pub fn guard_in(&self, service: &str, namespace: &str, context: Context) -> Result<Guard, ServiceAmbiguous> {
        self.shared_policies().guard(self, namespace, Some(service), context)
    }

    /// The rules of the whole application, compiled once.
    pub fn shared_policies(&self) -> &Policies {
        self.shared.get_or_init(|| Arc::new(self.policies()))
    }
}

impl Policies {
    /// The guard of a namespace of the application for one request; see [`App::guard`].
    ///
    /// # Errors
    /// Several data sources could hold the namespace and none is named.
    pub fn guard(
        &self,
        app: &App,
        namespace: &str,
        service: Option<&str>,
        context: Context,
    ) -> Result<Guard, ServiceAmbiguous> {
        let context = app.with_configuration(context);
        Ok(match self.applicable(app, namespace, service)? {
            Applicable::Policy(policy) => Guard::new(Some(policy), context).in_namespace(namespace),
            Applicable::NoRule => Guard::without_rules(namespace, context),
            Applicable::Invalid => Guard::closed(context),
        })
    }

    /// What is wrong with the files.
    #[must_use]
    pub fn findings(&self) -> &[FileFinding] {
        &self.findings
    }

    /// The compiled rules of a collection's own files; `None` if no file speaks of it.
    #[must_use]
    pub fn own(&self, namespace: &str, service: &str) -> Option<&Loaded> {
        self.collections.get(&(namespace.to_owned(), service.to_owned()))
    }

    /// The compiled default rules of a data source; `None` if there is no such data source.
    #[must_use]
    pub fn default_of(&self, service: &str) -> Option<&Loaded> {
        self.defaults.get(service)
    }

    /// The settings of device sync from which a collection has its roles.
    pub(super) fn synced(&self, namespace: &str, service: &str) -> Option<&ConfigFile> {
        self.synced.get(&(namespace.to_owned(), service.to_owned()))
    }

    /// What applies to a namespace.
    ///
    /// # Errors
    /// Several data sources could hold the namespace and none is named.
    pub fn applicable(
        &self,
        app: &App,
        namespace: &str,
        service: Option<&str>,
    ) -> Result<Applicable, ServiceAmbiguous> {
        let source = app.data_source(namespace, service)?.map(|source| source.name.as_str());
        let collection = app.collection(namespace, service)?;
        let service = collection.map(|collection| collection.service.as_str()).or(source).or(service);
        let own = service.and_then(|service| self.own(namespace, service));
        let default = service.and_then(|service| self.default_of(service));
        let key = |is_there: bool| is_there.then(|| service.map(str::to_owned)).flatten();
        let sources = (key(own.is_some()).map(|service| (namespace.to_owned(), service)), key(default.is_some()));
        let own = match own {
            Some(Loaded::Invalid) => return Ok(Applicable::Invalid),
            Some(Loaded::Rules(rules)) => Some(&**rules),
            Some(Loaded::Absent) | None => None,
        };
        let default = match default {
            Some(Loaded::Invalid) if own.is_none_or(|own| own.roles.is_none()) => return Ok(Applicable::Invalid),
            Some(Loaded::Rules(rules)) => Some(&**rules),
            Some(Loaded::Invalid | Loaded::Absent) | None => None,
        };
        let mut effective = self.effective.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = effective.entry(sources).or_insert_with(|| RulesFile::effective(own, default).map(Arc::new));
        Ok(policy.clone().map_or(Applicable::NoRule, Applicable::Policy))
    }

    fn report<K: Code + std::fmt::Display>(&mut self, file: &ConfigFile, errors: Vec<Located<K>>) {
        for error in errors {
            let pointer = Some(file.node.pointer_at(error.span()));
            self.findings.push(FileFinding {
                source: Arc::clone(&file.source),
                pointer,
                finding: Finding::from(error),
            });
        }
    }

    fn load(&mut self, part: &ConfigPart, patterns: &PatternAllowance) -> Loaded {
        match part {
            ConfigPart::Absent => Loaded::Absent,
            ConfigPart::Broken(_) | ConfigPart::Contested(_) => Loaded::Invalid,
            ConfigPart::Present(file) => match policy::compile_within(&file.node, patterns) {
                Ok(rules) => Loaded::Rules(Arc::new(rules)),
                Err(errors) => {
                    self.report(file, errors);
                    Loaded::Invalid
                }
            },
        }
    }

    fn load_collection(&mut self, collection: &Collection, patterns: &PatternAllowance) -> Loaded {
        let rules = self.load(&collection.rules, patterns);
        let schema = match &collection.schema {
            _ if collection.schema_in_rules => return rules,
            ConfigPart::Absent => return rules,
            ConfigPart::Broken(_) | ConfigPart::Contested(_) => return Loaded::Invalid,
            ConfigPart::Present(file) if matches!(file.node.as_object(), Some([])) => return rules,
            ConfigPart::Present(file) => match Schema::compile_within(&file.node, patterns) {
                Ok(schema) => schema,
                Err(errors) => {
                    self.report(file, errors);
                    return Loaded::Invalid;
                }
            },
        };
        match rules {
            Loaded::Invalid => Loaded::Invalid,
            Loaded::Absent => Loaded::Rules(Arc::new(RulesFile { schema: Some(schema), ..RulesFile::default() })),
            Loaded::Rules(rules) => {
                let mut rules = RulesFile::clone(&rules);
                rules.schema = Some(schema);
                Loaded::Rules(Arc::new(rules))
            }
        }
    }
}

/// The rules, if they loaded.
pub(super) const fn rules(loaded: Option<&Loaded>) -> Option<&Arc<RulesFile>> {
    match loaded {
        Some(Loaded::Rules(rules)) => Some(rules),
        Some(Loaded::Absent | Loaded::Invalid) | None => None,
    }
}
