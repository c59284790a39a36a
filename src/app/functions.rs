use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::problem::Problem;
use super::reader::Reader;
use super::{ConfigFile, ConfigPart, ProblemKind};
use crate::auth::ProviderType;
use crate::endpoint::guards::FUNCTION;
use crate::json::{Kind, Node, parse};
use crate::text::{Source, Span};
use crate::trigger::{TriggerDefinition, TriggerError};

/// A function: an entry of `functions/config.json` or, in older applications, `functions/<name>/config.json`.
#[derive(Clone, Debug)]
pub struct Function {
    /// The name, which may contain folders, as in `utils/greet`.
    pub name: String,
    /// Whether clients may not call it. This is also the case if `private` is not a boolean, if a key that restricts
    /// callers seems to be [misspelt](Self::misspelt), or if several entries have this name.
    pub private: bool,
    /// The function's settings.
    pub config: ConfigFile,
    /// The file with its code, if there is one.
    pub script: Option<PathBuf>,
}

impl Function {
    /// The path at which its source is expected, relative to the application directory.
    #[must_use]
    pub fn expected_script(&self) -> String {
        expected_script(&self.name, &self.config)
    }

    /// A key in the settings that is probably a misspelling of `private` or `can_evaluate`, and the intended key. As
    /// written, it would not restrict access, which is why the function is treated as private.
    #[must_use]
    pub fn misspelt(&self) -> Option<(&str, &'static str)> {
        let found = FUNCTION.misspelt(&self.config.node);
        found.first().map(|(member, meant)| (member.key.as_str(), *meant))
    }

    /// The expression that determines who may call it, in the scope
    /// [`Scope::Endpoint`](crate::predicate::Scope::Endpoint).
    #[must_use]
    pub fn can_evaluate(&self) -> Option<&Node> {
        self.config.node.get("can_evaluate")
    }
}

/// An HTTP endpoint: an entry of `http_endpoints/config.json` or, in older applications, an incoming webhook.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The route of an endpoint, or the name of a webhook.
    pub name: String,
    /// The name of the webhook's service; `None` for an endpoint.
    pub service: Option<String>,
    /// The type of that service, such as `http` or `github`, if its file names one.
    pub service_type: Option<String>,
    /// The endpoint's settings.
    pub config: ConfigFile,
    /// The file with a webhook's code, if there is one. Endpoints name a function instead.
    pub script: Option<PathBuf>,
}

impl Endpoint {
    /// The expression that determines who may call it, in the scope
    /// [`Scope::Endpoint`](crate::predicate::Scope::Endpoint).
    #[must_use]
    pub fn can_evaluate(&self) -> Option<&Node> {
        self.config.node.get("can_evaluate")
    }

    /// The type of the webhook's service, if that service parses payloads instead of passing them on as they are.
    #[must_use]
    pub fn parsing_service(&self) -> Option<&str> {
        self.service_type.as_deref().filter(|kind| matches!(*kind, "github" | "twilio"))
    }
}

/// A trigger: `triggers/<name>.json`
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The trigger's settings.
    pub config: ConfigFile,
}

impl Trigger {
    /// The event or schedule that it waits for, and the function that it runs. Whether that function exists is not
    /// checked.
    ///
    /// # Errors
    /// All errors in its settings. A trigger with errors cannot run.
    pub fn definition(&self) -> Result<TriggerDefinition, Vec<TriggerError>> {
        TriggerDefinition::compile(&self.name, &self.config.node)
    }
}

/// An authentication provider: an entry of `auth/providers.json` or, in older applications,
/// `auth_providers/<name>.json`.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// The type of provider, such as `local-userpass`, `api-key` or `custom-token`.
    pub kind: String,
    /// The provider's settings.
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
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<String> =
        configs.iter().filter(|(name, _)| !seen.insert(name)).map(|(name, _)| name.clone()).collect();
    let configs = unique(reader, "function", configs);
    let scripts = scripts(reader);
    let mut used = BTreeSet::new();
    let mut functions: Vec<Function> = Vec::new();
    for (name, config) in configs {
        let private = config.node.get("private").is_some_and(|node| node.as_bool() != Some(false))
            || !FUNCTION.misspelt(&config.node).is_empty()
            || repeated.contains(&name);
        let script = match scripts.get(&name) {
            Some(path) => Some(path.clone()),
            None => script_elsewhere(reader, &name, &config, &scripts),
        };
        used.extend(script.clone());
        let script = script.filter(|path| reader.refuse_outward(path).is_none());
        let script = script.map(|path| reader.directory().join(path));
        functions.push(Function { name, private, config, script });
    }
    // If the manifest cannot be read, it may list any of them.
    if !matches!(listed, ConfigPart::Broken(_)) {
        for (name, path) in scripts {
            if !used.contains(&path) && !functions.iter().any(|known| known.name == name) {
                functions.extend(unlisted(reader, name, &path));
            }
        }
    }
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    functions
}

/// The maximum depth of function folders.
const MAX_FOLDERS: usize = 16;

/// The files with the code of functions, by the function's name, which derives from the path: `functions/<name>.js` or,
/// in older applications, `functions/<name>/source.js`. Dependencies are skipped.
fn scripts(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut scripts = BTreeMap::new();
    let mut folders = vec![(String::new(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let path = format!("functions/{folder}");
        let listing = reader.list(path.trim_end_matches('/'));
        for file in &listing.files {
            let Some(stem) = file.strip_suffix(".js") else { continue };
            let older = (stem == "source").then(|| folder.trim_end_matches('/')).filter(|name| !name.is_empty());
            let name = older.map_or_else(|| format!("{folder}{stem}"), str::to_owned);
            // The newer location takes precedence.
            if older.is_none() || !scripts.contains_key(&name) {
                scripts.insert(name, format!("{path}{file}"));
            }
        }
        if depth < MAX_FOLDERS {
            let inner = listing.directories.iter().filter(|name| *name != "node_modules");
            folders.extend(inner.map(|name| (format!("{folder}{name}/"), depth + 1)));
        }
    }
    scripts
}

/// The path at which the source of a function is expected, next to its settings in older applications.
fn expected_script(name: &str, config: &ConfigFile) -> String {
    match config.source.name().strip_suffix("config.json") {
        Some(folder) if folder != "functions/" => format!("{folder}source.js"),
        _ => format!("functions/{name}.js"),
    }
}

/// The only code file with this base name, in any folder.
///
/// This supports an export as found in a public application.
fn script_elsewhere(
    reader: &mut Reader<'_>,
    name: &str,
    config: &ConfigFile,
    scripts: &BTreeMap<String, String>,
) -> Option<String> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let found: Vec<&String> =
        scripts.iter().filter(|(name, _)| name.rsplit('/').next() == Some(base)).map(|(_, path)| path).collect();
    let span = config.node.get("name").map_or(config.node.span, |node| node.span);
    let name = name.to_owned();
    match found.as_slice() {
        [] => {
            let help = format!("write it to `{}`", expected_script(&name, config));
            reader.problem_in(config, Problem::new(ProblemKind::ScriptMissing(name), span).help(help));
            None
        }
        [path] => {
            let kind = ProblemKind::ScriptElsewhere { name, path: (*path).clone() };
            let help = "give the function the path as its name, or move the file";
            reader.problem_in(config, Problem::new(kind, span).help(help));
            Some((*path).clone())
        }
        several => {
            let paths = several.iter().map(|path| (*path).clone()).collect();
            reader.problem_in(config, Problem::new(ProblemKind::ScriptAmbiguous { name, paths }, span));
            None
        }
    }
}

/// Creates a function that no manifest lists. Which settings App Services would have given it on import is unknown, so
/// it is private.
fn unlisted(reader: &mut Reader<'_>, name: String, path: &str) -> Option<Function> {
    let help = "list it in functions/config.json; until then it is private";
    let source = Arc::new(Source::new(path, ""));
    let problem = Problem::new(ProblemKind::FunctionUnlisted(name.clone()), Span::default()).help(help);
    reader.problem(&source, problem);
    let script = reader.refuse_outward(path).is_none().then(|| reader.directory().join(path));
    let node = parse("{}").ok()?;
    Some(Function { name, private: true, config: ConfigFile { source, node }, script })
}

/// Reads the settings of all endpoints other than webhooks of services.
pub(super) fn endpoints(reader: &mut Reader<'_>) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for folder in ["http_endpoints", "https_endpoints"] {
        let listed = reader.part(&format!("{folder}/config.json"));
        endpoints.extend(elements(reader, &listed).into_iter().map(|config| {
            let name = config.text("route").or_else(|| config.text("name")).unwrap_or_default().to_owned();
            Endpoint { name, service: None, service_type: None, config, script: None }
        }));
    }
    endpoints
}

/// Reads the settings of every trigger.
pub(super) fn triggers(reader: &mut Reader<'_>) -> Vec<Trigger> {
    let mut configs = Vec::new();
    for stem in reader.stems("triggers") {
        if let ConfigPart::Present(config) = reader.object(&format!("triggers/{stem}.json")) {
            configs.push((config.text("name").unwrap_or(&stem).to_owned(), config));
        }
    }
    let configs = unique(reader, "trigger", configs);
    configs.into_iter().map(|(name, config)| Trigger { name, config }).collect()
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
        check_provider_functions(reader, &kind, &config);
        match ProviderType::from_name(&kind).filter(|_| providers.iter().any(|known| known.kind == kind)) {
            None => providers.push(Provider { name, kind, config }),
            // Users are identified by the type of provider, not by its name.
            Some(kind) => {
                let span = config.node.get("type").map_or(config.node.span, |node| node.span);
                let problem = Problem::new(ProblemKind::ProviderTypeTwice(kind.name()), span);
                reader.problem_in(&config, problem.help("remove one of them; until then, only the first is used"));
            }
        }
    }
    providers
}

/// Reports functions that a provider calls without naming them, and a confirmation function that is not called although
/// the settings say so.
fn check_provider_functions(reader: &mut Reader<'_>, kind: &str, config: &ConfigFile) {
    if !config.is_enabled() {
        return;
    }
    let get = |key: &str| config.node.get("config").and_then(|settings| settings.get(key));
    let set = |key: &str| get(key).filter(|node| node.as_bool() == Some(true));
    let needed = match kind {
        "custom-function" => vec![("authFunctionName", Some(&config.node))],
        "local-userpass" => vec![
            ("confirmationFunctionName", set("runConfirmationFunction").filter(|_| set("autoConfirm").is_none())),
            ("resetFunctionName", set("runResetFunction")),
        ],
        _ => Vec::new(),
    };
    for (key, asked) in needed {
        let is_named = get(key).and_then(Node::as_str).is_some_and(|name| !name.is_empty());
        if let (Some(asked), false) = (asked, is_named) {
            let span = get(key).unwrap_or(asked).span;
            let problem = Problem::new(ProblemKind::FunctionUnnamed(key), span);
            reader.problem_in(config, problem.help("name a function of functions/"));
        }
    }
    if let (Some(automatic), Some(_)) = (set("autoConfirm"), set("runConfirmationFunction")) {
        let problem = Problem::new(ProblemKind::ConfirmationSkipped, automatic.span);
        reader.problem_in(config, problem.help("set one of them to false"));
    }
}

/// The objects in a file that contains an array of them.
fn elements(reader: &mut Reader<'_>, part: &ConfigPart) -> Vec<ConfigFile> {
    let Some(file) = part.present() else { return Vec::new() };
    if matches!(file.node.kind, Kind::Null) {
        // Exports contain null if there are no entries.
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

/// Reports duplicate definitions and keeps the first of each.
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
