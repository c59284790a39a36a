use std::sync::Arc;

use super::applied_rules::{AppliedRules, applied};
use super::check::Check;
use super::{ConfigPart, Endpoint, Function, Policies};
use crate::auth::CustomDataConfig;
use crate::expr;
use crate::lint::{CollectionRules, lint_anonymous, lint_application};
use crate::policy::Rule;
use crate::predicate::{self, Scope};
use crate::text::{Finding, Source, Span};

/// The code of the finding that rules refer to custom data, but there is none.
const CUSTOM_DATA_ABSENT: &str = "custom-data-absent";

/// The location of custom data.
enum CustomData {
    /// Custom data is not used.
    Absent,
    /// Unknown, because the configuration does not load.
    Unclear,
    /// A collection.
    In { namespace: String, service: Option<String>, field: String },
}

/// The maximum number of collections to name in a finding.
const MAX_NAMED: usize = 3;

fn listed(namespaces: &[&str]) -> String {
    let named: Vec<String> = namespaces.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect();
    match namespaces.len().saturating_sub(MAX_NAMED) {
        0 => format!("in {}", named.join(", ")),
        more => format!("in {} and {more} more", named.join(", ")),
    }
}

impl Check<'_> {
    /// Runs the checks that involve several files. Their main concern is who can write the documents that rules trust.
    pub(super) fn together(&mut self, policies: &Policies) {
        let app = self.app;
        let custom_data = self.custom_data();
        let wanted = match &custom_data {
            CustomData::In { namespace, service, .. } => Some((namespace.as_str(), service.as_deref())),
            CustomData::Absent | CustomData::Unclear => None,
        };
        let applied = applied(app, policies, &self.patterns, wanted);
        let collections: Vec<CollectionRules<'_>> = applied.iter().map(AppliedRules::as_collection).collect();
        if app.takes_anonymous_users() {
            // Default rules apply to many collections, but their findings are reported once.
            let mut reported: Vec<(&str, Span)> = Vec::new();
            for AppliedRules { policy, source, .. } in &applied {
                for finding in lint_anonymous(policy) {
                    let place = (source.name(), finding.span);
                    if !reported.contains(&place) {
                        reported.push(place);
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
        // Default rules yield the same finding for every collection that uses them: it is reported once.
        let mut reported: Vec<(&Arc<Source>, Finding, Vec<&str>)> = Vec::new();
        for (index, finding) in lint_application(&collections, &elsewhere, source) {
            // If the configuration does not load, custom data may exist.
            if matches!(custom_data, CustomData::Unclear) && finding.code == CUSTOM_DATA_ABSENT {
                continue;
            }
            let Some(AppliedRules { source, namespace, .. }) = applied.get(index) else { continue };
            let same = |(known, other, _): &&mut (&Arc<Source>, Finding, Vec<&str>)| {
                known.name() == source.name() && *other == finding
            };
            match reported.iter_mut().find(same) {
                Some((.., namespaces)) => namespaces.push(namespace),
                None => reported.push((source, finding, vec![namespace])),
            }
        }
        for (source, mut finding, namespaces) in reported {
            if namespaces.len() > 1 {
                finding.message = format!("{} ({})", finding.message, listed(&namespaces));
            }
            self.add_to(source, finding);
        }
    }

    /// The location of custom data, as far as the configuration can be read.
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

    /// The rules that do not belong to a collection.
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
}
