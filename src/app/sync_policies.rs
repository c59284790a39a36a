use std::collections::BTreeMap;
use std::sync::Arc;

use super::policies::rules;
use super::problem::{Problem, finding};
use super::sync_roles::Permissions;
use super::{App, Collection, ConfigFile, FileFinding, Loaded, Policies, ProblemKind, SyncConfig};
use crate::expr::PatternAllowance;
use crate::policy::{self, RulesFile};
use crate::text::Span;

/// What became of the permissions in a settings file, by namespace.
#[derive(Default)]
struct Outcome {
    converted: Vec<String>,
    overruled: Vec<String>,
    /// The namespaces whose permissions could not be converted, by reason.
    refused: BTreeMap<String, Vec<String>>,
}

impl Policies {
    /// Converts the permissions of device sync to roles, for collections to which they applied and which have no roles.
    pub(super) fn take_sync(&mut self, app: &App, sync: &SyncConfig, patterns: &PatternAllowance) {
        let permissions = Permissions::of(sync);
        if matches!(permissions, Permissions::None) {
            return;
        }
        let place = ["permissions", "partition"].iter().find_map(|key| sync.config.node.member(key));
        let span = place.map_or_else(Span::default, |member| member.key_span);
        if sync.config.text("state") != Some("enabled") {
            return self.problem(&sync.config, Problem::new(ProblemKind::SyncDisabled, span));
        }
        let database = sync.config.text("database_name").filter(|name| !name.is_empty());
        let synced: Vec<&Collection> = app
            .collections
            .iter()
            .filter(|collection| sync.service.as_ref().is_none_or(|service| collection.service == *service))
            .filter(|collection| database.is_none_or(|database| collection.database == database))
            .filter(|collection| has_schema(collection))
            .collect();
        let mut outcome = Outcome::default();
        for collection in &synced {
            self.take_permissions(sync, &permissions, collection, &synced, (&mut outcome, patterns));
        }
        self.tell(&sync.config, outcome, span);
    }

    fn take_permissions(
        &mut self,
        sync: &SyncConfig,
        permissions: &Permissions<'_>,
        collection: &Collection,
        synced: &[&Collection],
        (outcome, patterns): (&mut Outcome, &PatternAllowance),
    ) {
        let key = (collection.namespace.clone(), collection.service.clone());
        let again = self.synced.contains_key(&key);
        let (own, default) = (self.collections.get(&key), self.defaults.get(&collection.service));
        if [own, default].into_iter().any(|loaded| matches!(loaded, Some(Loaded::Invalid))) {
            return;
        }
        let (own, default) = (rules(own), rules(default));
        if [own, default].into_iter().flatten().any(|rules| rules.roles.is_some()) && !again {
            return outcome.overruled.push(collection.namespace.clone());
        }
        let roles = match permissions.roles(collection, synced) {
            Ok(None) => return,
            Ok(Some(_)) if again => Err("several configurations apply to them".to_owned()),
            Ok(Some(_)) if sync.service.is_none() && synced.iter().any(|other| other.service != collection.service) => {
                Err("`service_name` is missing".to_owned())
            }
            Ok(Some(file)) => {
                policy::compile_within(&file.node, patterns).map_err(|_| "a role does not load".to_owned())
            }
            Err(reason) => Err(reason),
        };
        match roles {
            Ok(RulesFile { roles, .. }) => {
                let filters = [default, own].into_iter().flatten().flat_map(|rules| rules.filters.clone()).collect();
                let schema = own.and_then(|own| own.schema.clone());
                let loaded = Loaded::Rules(Arc::new(RulesFile { roles, filters, schema }));
                outcome.converted.push(collection.namespace.clone());
                self.collections.insert(key.clone(), loaded);
                self.synced.insert(key, sync.config.clone());
            }
            Err(reason) => {
                self.collections.insert(key, Loaded::Invalid);
                outcome.refused.entry(reason).or_default().push(collection.namespace.clone());
            }
        }
    }

    fn tell(&mut self, file: &ConfigFile, outcome: Outcome, span: Span) {
        let Outcome { converted, overruled, refused } = outcome;
        if converted.is_empty() && overruled.is_empty() && refused.is_empty() {
            let help = "write roles for the collections that should be accessible";
            self.problem(file, Problem::new(ProblemKind::SyncIdle, span).help(help));
        }
        if !overruled.is_empty() {
            let help = "they applied to device sync only: these roles must allow what users did through it";
            self.problem(file, Problem::new(ProblemKind::SyncOverruled(overruled), span).help(help));
        }
        if !converted.is_empty() {
            let help = "write them as roles of each collection, where readers expect them";
            self.problem(file, Problem::new(ProblemKind::SyncConverted(converted), span).help(help));
        }
        for (reason, names) in refused {
            let help =
                "write roles for these collections; in place of `%%partition`, use `%%root` with the partition key";
            self.problem(file, Problem::new(ProblemKind::SyncRefused { names, reason }, span).help(help));
        }
    }

    fn problem(&mut self, file: &ConfigFile, problem: Problem) {
        let pointer = Some(file.node.pointer_at(problem.span()));
        self.findings.push(FileFinding { source: Arc::clone(&file.source), pointer, finding: finding(problem) });
    }
}

/// Only collections with a schema were synced.
fn has_schema(collection: &Collection) -> bool {
    !collection.schema.is_absent()
        && !collection.schema.present().is_some_and(|file| matches!(file.node.as_object(), Some([])))
}
