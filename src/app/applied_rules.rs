use std::sync::Arc;

use super::policies::rules;
use super::{App, Collection, ConfigFile, ConfigPart, Loaded, Policies};
use crate::auth::CustomDataConfig;
use crate::expr::PatternAllowance;
use crate::json::{Kind, Node, parse};
use crate::lint::CollectionRules;
use crate::policy::{self, Policy, RulesFile, RulesInPart};
use crate::text::{Source, Span};

/// The rules that apply to a collection.
#[derive(Clone, Debug)]
pub struct AppliedRules {
    /// `database.collection`
    pub namespace: String,
    /// The rules, as far as they load.
    pub policy: Policy,
    /// The file that contains the roles.
    pub source: Arc<Source>,
}

impl AppliedRules {
    /// The rules as input for lints over several collections.
    #[must_use]
    pub fn as_collection(&self) -> CollectionRules<'_> {
        CollectionRules { namespace: &self.namespace, policy: &self.policy }
    }
}

impl App {
    /// The rules that apply to each collection that the files mention, and to the custom-data collection.
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

/// `custom_data` is a collection that no file may mention, so that default roles apply to it.
pub(super) fn applied(
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

/// The rules that apply to a namespace, each with the file of its roles. There are several if several files claim the
/// namespace.
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

/// The rules in a file, as far as they load, and the file. A part of a role that does not load grants nothing, so
/// findings about the rest hold regardless.
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

/// The rules files of a part, each with as much of its rules as can be checked even though other parts do not load.
pub(super) fn in_part(part: &ConfigPart, patterns: &PatternAllowance) -> Vec<(ConfigFile, RulesInPart)> {
    let files = part.files().iter().cloned().map(|file| (file, Vec::new()));
    // If the value of a template is missing, the rest of the file can still be checked.
    let broken = unresolved(part);
    let read = |(file, templates): (ConfigFile, Vec<Span>)| {
        let mut rules = policy::compile_in_part_within(&file.node, patterns);
        // The value of a template might fix an error that overlaps it.
        rules.errors.retain(|error| !templates.iter().any(|template| overlap(error.span(), *template)));
        rules.add_faults(templates);
        (file, rules)
    };
    files.chain(broken).map(read).collect()
}

/// A file that cannot be used because a template has no value, with the positions of its templates.
pub(super) fn unresolved(part: &ConfigPart) -> Option<(ConfigFile, Vec<Span>)> {
    let ConfigPart::Broken(source) = part else { return None };
    let node = parse(source.text()).ok()?;
    let mut templates = Vec::new();
    find_templates(&node, &mut templates);
    Some((ConfigFile { source: Arc::clone(source), node }, templates))
}

pub(super) const fn overlap(one: Span, other: Span) -> bool {
    one.start < other.end && other.start < one.end
}

/// The positions of strings that contain templates.
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
