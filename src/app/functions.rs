use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::problem::Problem;
use super::reader::Reader;
use super::{ConfigFile, ConfigPart, ProblemKind};
use crate::auth::ProviderType;
use crate::json::{Kind, Node};
use crate::text::{Source, Span};

/// A function: an entry of `functions/config.json`, or `functions/<name>/config.json` of an older application.
#[derive(Clone, Debug)]
pub struct Function {
    /// The name, which may have folders in it: `utils/greet`.
    pub name: String,
    /// Whether clients cannot call it. So also where `private` is no boolean.
    pub private: bool,
    /// Its settings.
    pub config: ConfigFile,
    /// Where its code lies, if there is some.
    pub script: Option<PathBuf>,
}

impl Function {
    /// Who may call it, an expression of [`Scope::Endpoint`](crate::predicate::Scope::Endpoint).
    #[must_use]
    pub fn can_evaluate(&self) -> Option<&Node> {
        self.config.node.get("can_evaluate")
    }
}

/// An HTTP endpoint: an entry of `http_endpoints/config.json`, or an incoming webhook of an older application.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The route of an endpoint, the name of a webhook.
    pub name: String,
    /// The service of a webhook.
    pub service: Option<String>,
    /// Its settings.
    pub config: ConfigFile,
}

impl Endpoint {
    /// Who may call it, an expression of [`Scope::Endpoint`](crate::predicate::Scope::Endpoint).
    #[must_use]
    pub fn can_evaluate(&self) -> Option<&Node> {
        self.config.node.get("can_evaluate")
    }
}

/// A trigger: `triggers/<name>.json`
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub config: ConfigFile,
}

/// A way to log in: a key of `auth/providers.json`, or `auth_providers/<name>.json` of an older application.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// `local-userpass`, `api-key`, `custom-token`, …
    pub kind: String,
    /// Its settings.
    pub config: ConfigFile,
}

/// Reads the settings of every function.
pub(super) fn functions(reader: &mut Reader<'_>) -> Vec<Function> {
    let mut configs: Vec<(String, ConfigFile)> = Vec::new();
    let listed = reader.part("functions/config.json");
    if listed.is_absent() {
        for directory in reader.list("functions").directories {
            if let ConfigPart::Present(config) = reader.object(&format!("functions/{directory}/config.json")) {
                configs.push((config.text("name").unwrap_or(&directory).to_owned(), config));
            }
        }
    }
    for config in elements(reader, &listed) {
        match config.text("name").filter(|name| !name.is_empty()) {
            Some(name) => configs.push((name.to_owned(), config)),
            None => {
                let span = config.node.span;
                let problem = Problem::new(ProblemKind::NameMissing("function"), Span::new(span.start, span.start));
                reader.problem_in(&config, problem);
            }
        }
    }
    let configs = unique(reader, "function", configs);
    let mut functions: Vec<Function> = configs
        .into_iter()
        .map(|(name, config)| {
            let private = config.node.get("private").is_some_and(|node| node.as_bool() != Some(false));
            let script = script(reader, &name);
            Function { name, private, config, script }
        })
        .collect();
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    functions
}

/// Where a function's code lies. A name that leads out of `functions/` has none.
fn script(reader: &mut Reader<'_>, name: &str) -> Option<PathBuf> {
    let inside = name.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains('\\'));
    let names = inside.then(|| [format!("functions/{name}.js"), format!("functions/{name}/source.js")]);
    let found = names.into_iter().flatten().find(|name| reader.directory().join(name).is_file())?;
    if reader.refuse_outward(&found).is_some() {
        return None;
    }
    Some(reader.directory().join(found))
}

/// Reads the settings of every endpoint that is no webhook of a service.
pub(super) fn endpoints(reader: &mut Reader<'_>) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for folder in ["http_endpoints", "https_endpoints"] {
        let listed = reader.part(&format!("{folder}/config.json"));
        endpoints.extend(elements(reader, &listed).into_iter().map(|config| {
            let name = config.text("route").or_else(|| config.text("name")).unwrap_or_default().to_owned();
            Endpoint { name, service: None, config }
        }));
    }
    endpoints
}

/// Reads the settings of every trigger.
pub(super) fn triggers(reader: &mut Reader<'_>) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    for stem in reader.stems("triggers") {
        if let ConfigPart::Present(config) = reader.object(&format!("triggers/{stem}.json")) {
            triggers.push(Trigger { name: config.text("name").unwrap_or(&stem).to_owned(), config });
        }
    }
    triggers
}

/// Reads the settings of every provider.
pub(super) fn providers(reader: &mut Reader<'_>) -> Vec<Provider> {
    let mut configs: Vec<(String, ConfigFile)> = Vec::new();
    if let ConfigPart::Present(file) = reader.object("auth/providers.json") {
        for member in file.node.as_object().unwrap_or_default() {
            if member.value.as_object().is_some() {
                configs.push((member.key.clone(), file.at(&member.value)));
            } else {
                reader.wrong_type(&file.source, &member.value, "an object");
            }
        }
    }
    for stem in reader.stems("auth_providers") {
        if let ConfigPart::Present(config) = reader.object(&format!("auth_providers/{stem}.json")) {
            configs.push((config.text("name").unwrap_or(&stem).to_owned(), config));
        }
    }
    let mut providers: Vec<Provider> = Vec::new();
    for (name, config) in unique(reader, "provider", configs) {
        let kind = config.text("type").unwrap_or(&name).to_owned();
        match ProviderType::from_name(&kind).filter(|_| providers.iter().any(|known| known.kind == kind)) {
            None => providers.push(Provider { name, kind, config }),
            // Users are known by the type of their provider.
            Some(kind) => {
                let span = config.node.get("type").map_or(config.node.span, |node| node.span);
                let problem = Problem::new(ProblemKind::ProviderTypeTwice(kind.name()), span);
                reader.problem_in(&config, problem.help("remove one of them; until then, only the first is used"));
            }
        }
    }
    providers
}

/// The objects of a file that is an array of them.
fn elements(reader: &mut Reader<'_>, part: &ConfigPart) -> Vec<ConfigFile> {
    let Some(file) = part.present() else { return Vec::new() };
    if matches!(file.node.kind, Kind::Null) {
        // What exports have where there are none.
        return Vec::new();
    }
    let Some(elements) = file.node.as_array() else {
        reader.wrong_type(&file.source, &file.node, "an array");
        return Vec::new();
    };
    let mut configs = Vec::new();
    for element in elements {
        if element.as_object().is_some() {
            configs.push(file.at(element));
        } else {
            reader.wrong_type(&file.source, element, "an object");
        }
    }
    configs
}

/// Reports what is defined a second time, and leaves it out.
fn unique(
    reader: &mut Reader<'_>,
    what: &'static str,
    configs: Vec<(String, ConfigFile)>,
) -> Vec<(String, ConfigFile)> {
    let mut seen: HashMap<String, Arc<Source>> = HashMap::new();
    let mut kept = Vec::new();
    for (name, config) in configs {
        if let Some(first) = seen.get(&name) {
            let first = first.name().to_owned();
            let kind = ProblemKind::DefinitionDuplicate { what, name, first };
            let span = config.node.get("name").map_or(config.node.span, |node| node.span);
            reader.problem_in(&config, Problem::new(kind, span).help("the first one is used"));
        } else {
            seen.insert(name.clone(), Arc::clone(&config.source));
            kept.push((name, config));
        }
    }
    kept
}
