use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};

use super::{Collection, ConfigFile, ConfigPart, FileFinding};
use crate::expr::PatternAllowance;
use crate::policy::{self, Policy, RulesFile};
use crate::schema::Schema;
use crate::text::{Code, Finding, Located};

/// The compiled rules of all collections of an application.
#[derive(Debug, Default)]
pub struct Policies {
    /// The rules of collections that files mention, by namespace and data source.
    pub(super) collections: BTreeMap<(String, String), Loaded>,
    /// The default rules, by data source.
    pub(super) defaults: BTreeMap<String, Loaded>,
    /// The device sync settings whose permissions became the roles of a collection, by namespace and data source.
    pub(super) synced: BTreeMap<(String, String), ConfigFile>,
    /// The findings about the rules.
    pub(super) findings: Vec<FileFinding>,
    /// The rules that apply, as combined on first use: by the collection that contributes its own rules and the data
    /// source that contributes default rules.
    pub(super) effective: Mutex<BTreeMap<Sources, Option<Arc<Policy>>>>,
    /// The rules that apply to configured collections, by namespace; determined on first use.
    pub(super) found: RwLock<HashMap<String, ByDataSource>>,
}

/// The rules that apply to a namespace, each with the data source named in the lookup; `None` if none was named.
type ByDataSource = Vec<(Option<String>, Applicable)>;

/// A collection with rules of its own, and a data source with default rules, either of which may be absent.
type Sources = (Option<(String, String)>, Option<String>);

/// The result of compiling one rules file.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// There are no rules.
    Absent,
    /// The rules are valid.
    Rules(Arc<RulesFile>),
    /// The rules are invalid, so whatever they were meant to protect stays closed.
    Invalid,
}

/// The rules that apply to a namespace.
#[derive(Clone, Debug)]
pub enum Applicable {
    /// These rules.
    Policy(Arc<Policy>),
    /// There are none, neither for the collection nor by default.
    NoRule,
    /// Those that would apply are invalid.
    Invalid,
}

impl Policies {
    /// The findings about the rules files.
    #[must_use]
    pub fn findings(&self) -> &[FileFinding] {
        &self.findings
    }

    /// The compiled rules of a collection's own files; `None` if no file mentions it.
    #[must_use]
    pub fn own(&self, namespace: &str, service: &str) -> Option<&Loaded> {
        self.collections.get(&(namespace.to_owned(), service.to_owned()))
    }

    /// The compiled default rules of a data source; `None` if there is no such data source.
    #[must_use]
    pub fn default_of(&self, service: &str) -> Option<&Loaded> {
        self.defaults.get(service)
    }

    /// The device sync settings from which the roles of a collection come.
    pub(super) fn synced(&self, namespace: &str, service: &str) -> Option<&ConfigFile> {
        self.synced.get(&(namespace.to_owned(), service.to_owned()))
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

    pub(super) fn load(&mut self, part: &ConfigPart, patterns: &PatternAllowance) -> Loaded {
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

    pub(super) fn load_collection(&mut self, collection: &Collection, patterns: &PatternAllowance) -> Loaded {
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

/// The rules, if they are valid.
pub(super) const fn rules(loaded: Option<&Loaded>) -> Option<&Arc<RulesFile>> {
    match loaded {
        Some(Loaded::Rules(rules)) => Some(rules),
        Some(Loaded::Absent | Loaded::Invalid) | None => None,
    }
}
