//! Access to the compiled rules of an application, and the parts of a context that it supplies.

use std::sync::{Arc, PoisonError};

use super::settings::Extent;
use super::{App, Applicable, Collection, ConfigPart, Loaded, Policies, ServiceAmbiguous};
use crate::access::{Guard, KnownUser};
use crate::auth::CustomDataConfig;
use crate::eval::Context;
use crate::expr::PatternAllowance;
use crate::policy::{Policy, RulesFile};
use crate::template::Substitutions;

impl App {
    /// Compiles every rules file and schema of the application.
    #[must_use]
    pub fn policies(&self) -> Policies {
        self.compiled(|_| true)
    }

    /// Like [`Self::policies`], but compiles only what determines the [applicable](Policies::applicable) rules of one
    /// namespace. For processes that deal with no other namespace.
    #[must_use]
    pub fn policies_of(&self, namespace: &str) -> Policies {
        // The roles that device sync gives to a collection depend on the other collections, too.
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

    /// The names of the files that the rules of a namespace come from.
    #[must_use]
    pub fn files_of(&self, namespace: &str, service: Option<&str>) -> Vec<String> {
        let collections = self.collections.iter().filter(|collection| collection.namespace == namespace);
        let own = collections.flat_map(|collection| [&collection.rules, &collection.schema]);
        let sources = self.data_sources.iter().filter(|source| service.is_none_or(|service| source.name == service));
        let parts = own.chain(sources.map(|source| &source.default_rule));
        let sync = self.sync.iter().map(|sync| sync.config.source.name().to_owned());
        parts.flat_map(ConfigPart::names).chain(sync).collect()
    }

    /// Adds the application's values and environment to a context that lacks them. A rule that refers to a value whose
    /// file cannot be read evaluates to an Error. If the application does not configure custom data, users have none.
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

    /// The values that replace `%()` templates in configuration files.
    #[must_use]
    pub fn substitutions(&self) -> Substitutions {
        let substitutions =
            super::settings::substitutions(&self.environment, self.extent.environment, Some(&self.values));
        substitutions.with_secret_names(self.secret_values.keys().cloned())
    }

    /// Whether custom data is definitely not used: it is not configured, or it is disabled. `false` if its
    /// configuration does not load.
    fn has_no_custom_data(&self) -> bool {
        match &self.custom_user_data {
            ConfigPart::Absent => true,
            ConfigPart::Present(file) => CustomDataConfig::compile(&file.node).is_ok_and(|config| !config.is_enabled()),
            _ => false,
        }
    }

    /// The guard of a namespace for one request. The application's values and environment are added to a context that
    /// lacks them. The rules of the whole application are compiled on the first call and shared by all guards; changing
    /// the fields of this value later does not affect them.
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
    /// If several data sources could contain the namespace.
    pub fn guard(&self, namespace: &str, context: Context) -> Result<Guard, ServiceAmbiguous> {
        self.shared_policies().guard(self, namespace, None, context)
    }

    /// Like [`guard`](Self::guard), for a collection in this data source.
    ///
    /// # Errors
    /// If several data sources could contain the namespace and none is named.
    pub fn guard_in(&self, service: &str, namespace: &str, context: Context) -> Result<Guard, ServiceAmbiguous> {
        self.shared_policies().guard(self, namespace, Some(service), context)
    }

    /// Like [`guard`](Self::guard) and [`guard_in`](Self::guard_in), for a context with a shared user object: rules
    /// that depend on nothing else are bound to the object only once.
    ///
    /// # Errors
    /// Those of [`guard`](Self::guard) and [`guard_in`](Self::guard_in).
    pub fn guard_of_known_user(
        &self,
        service: Option<&str>,
        namespace: &str,
        context: Context,
        user: &KnownUser,
    ) -> Result<Guard, ServiceAmbiguous> {
        let bind = |policy, context| Guard::of_known_user(policy, context, user);
        self.shared_policies().guard_by(self, namespace, service, context, bind)
    }

    /// The rules of the whole application, compiled on first use.
    pub fn shared_policies(&self) -> &Policies {
        self.shared.get_or_init(|| Arc::new(self.policies()))
    }
}

impl Policies {
    /// The guard of a namespace for one request; see [`App::guard`].
    ///
    /// # Errors
    /// If several data sources could contain the namespace and none is named.
    pub fn guard(
        &self,
        app: &App,
        namespace: &str,
        service: Option<&str>,
        context: Context,
    ) -> Result<Guard, ServiceAmbiguous> {
        self.guard_by(app, namespace, service, context, |policy, context| Guard::new(Some(policy), context))
    }

    fn guard_by(
        &self,
        app: &App,
        namespace: &str,
        service: Option<&str>,
        context: Context,
        bind: impl FnOnce(Arc<Policy>, Context) -> Guard,
    ) -> Result<Guard, ServiceAmbiguous> {
        let context = app.with_configuration(context);
        Ok(match self.applicable(app, namespace, service)? {
            Applicable::Policy(policy) => bind(policy, context).in_namespace(namespace),
            Applicable::NoRule => Guard::without_rules(namespace, context),
            Applicable::Invalid => Guard::closed(context),
        })
    }

    /// The rules that apply to a namespace.
    ///
    /// # Errors
    /// If several data sources could contain the namespace and none is named.
    pub fn applicable(
        &self,
        app: &App,
        namespace: &str,
        service: Option<&str>,
    ) -> Result<Applicable, ServiceAmbiguous> {
        let known = self.found.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(namespace).and_then(|found| found.iter().find(|(named, _)| named.as_deref() == service));
        if let Some((_, applicable)) = found {
            return Ok(applicable.clone());
        }
        drop(known);
        let applicable = self.determined(app, namespace, service)?;
        // Only configured collections are cached, so that requests cannot fill the memory with other names.
        if app.collection(namespace, service)?.is_some() {
            let mut known = self.found.write().unwrap_or_else(PoisonError::into_inner);
            let found = known.entry(namespace.to_owned()).or_default();
            if found.iter().all(|(named, _)| named.as_deref() != service) {
                found.push((service.map(str::to_owned), applicable.clone()));
            }
        }
        Ok(applicable)
    }

    fn determined(&self, app: &App, namespace: &str, service: Option<&str>) -> Result<Applicable, ServiceAmbiguous> {
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
}
