use std::collections::BTreeSet;

use super::problem::Problem;
use super::reader::Reader;
use super::{ConfigFile, ConfigPart, Endpoint, ProblemKind, Provider, SECRET_VARIABLE};
use crate::json::{Kind, Node};

/// Adds the secrets that providers and endpoints name. Exports do not list secrets, so a secret that is mentioned only
/// once deserves no more than a note.
pub(super) fn mentioned(
    reader: &mut Reader<'_>,
    secrets: &mut BTreeSet<String>,
    providers: &[Provider],
    endpoints: &[Endpoint],
    data_api: &ConfigPart,
) {
    let configs = providers.iter().map(|provider| (&provider.config, "secret_config"));
    let endpoints = endpoints.iter().map(|endpoint| (&endpoint.config, "secret_name"));
    let data_api = data_api.present().into_iter().map(|config| (config, "secret_name"));
    let mut found: Vec<(&ConfigFile, &Node)> = Vec::new();
    for (config, key) in configs.chain(endpoints).chain(data_api) {
        let node = config.node.get(key);
        node.into_iter().for_each(|node| names(node, &mut |name| found.push((config, name))));
    }
    let listed = secrets.clone();
    for (config, node) in found {
        let Some(name) = node.as_str().filter(|name| !name.is_empty()) else { continue };
        if !listed.contains(name) {
            let problem = Problem::new(ProblemKind::SecretUnlisted(name.to_owned()), node.span);
            let help = format!("pass --secret {name}=env:VARIABLE, or set {SECRET_VARIABLE}{name}");
            reader.problem_in(config, problem.help(help));
        }
        secrets.insert(name.to_owned());
    }
}

/// Calls `visit` with every secret's name in a `secret_config`, in which each key has a string or a list of strings.
pub(super) fn names<'n>(node: &'n Node, visit: &mut dyn FnMut(&'n Node)) {
    match &node.kind {
        Kind::String(_) => visit(node),
        Kind::Array(elements) => elements.iter().for_each(|element| names(element, visit)),
        Kind::Object(members) => members.iter().for_each(|member| names(&member.value, visit)),
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) => {}
    }
}
