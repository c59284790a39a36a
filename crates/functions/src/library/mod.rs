//! The functions of an application: their sources, settings and packages, read and checked once.

mod entry;
mod guards;
mod node_modules;
mod nul;
mod packages;
mod requires;
mod syntax;
mod tokens;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use portcullis::App;
use portcullis::app::{Endpoint, Function};

use crate::advice::{Advice, advise};

pub(crate) use entry::{Condition, Entry, RunAs};
pub(crate) use node_modules::{OWN_MODULES, Resolution, unavailable};
pub(crate) use nul::without_nul;
pub(crate) use packages::Packages;
pub(crate) use tokens::{Token, tokens};

/// A problem found in the files of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The function that cannot run because of it; empty if it does not concern a single function.
    pub function: String,
    /// The file, relative to the application directory.
    pub file: String,
    /// The line, from 1; `None` for the file as a whole.
    pub line: Option<u32>,
    /// The key, if a setting of the function is the problem and not its source.
    pub setting: Option<&'static str>,
    /// The description.
    pub message: String,
}

/// The functions of an application, read and checked when they are loaded.
#[derive(Debug, Default)]
pub struct Library {
    entries: BTreeMap<String, Arc<Entry>>,
    pub(crate) packages: Packages,
    problems: Vec<Problem>,
}

/// The most bytes of one source: 4 MiB.
const MAX_SOURCE: u64 = 4 * 1024 * 1024;

/// The most bytes of all sources together: 64 MiB.
const MAX_SOURCES: u64 = 64 * 1024 * 1024;

impl Library {
    /// Reads the sources and packages of an application. Errors become [`problems`](Self::problems); functions with
    /// problems cannot be called.
    #[must_use]
    pub fn load(app: &App) -> Self {
        let mut library = Self::default();
        library.packages = Packages::load(&app.directory.join("functions"), &mut library.problems);
        library.refuse_services(app);
        let mut room = MAX_SOURCES;
        let webhooks: Vec<Function> = app.endpoints.iter().filter_map(webhook).collect();
        for function in app.functions.iter().chain(&webhooks) {
            let file = file_name(&app.directory, function);
            let entry = match source(function, &mut room) {
                Ok(source) => Entry::new(function, file, source),
                Err(reason) => Entry::refused(function, file, reason),
            };
            let mut problems = entry.check(&library.packages);
            let mut entry = entry;
            if let (None, Some(first)) = (&entry.refused, problems.first()) {
                entry.refused = Some(first.message.clone());
            }
            library.problems.append(&mut problems);
            if let RunAs::Script(script) = &entry.run_as {
                let (name, file) = (Self::run_as_script(&function.name), entry.file.clone());
                let mut script = Entry::script(&name, file, Arc::clone(script));
                script.refused.clone_from(&entry.refused);
                library.entries.insert(name, Arc::new(script));
            }
            library.entries.insert(function.name.clone(), Arc::new(entry));
        }
        library.add_data_api_script(app);
        library
    }

    /// The problems found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Probable mistakes in functions: names that do not exist, promises that are tested like values, triggers that
    /// fire themselves.
    #[must_use]
    pub fn advice(&self, app: &App) -> Vec<Advice> {
        advise(app, self)
    }

    /// The name, file and source of every function that has a source, and of every webhook. Lines of a script inside a
    /// settings file would not be those of the file.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let entries = self.entries.values();
        let entries = entries.filter(|entry| !entry.source.is_empty() && !entry.name.starts_with(RUN_AS));
        entries.map(|entry| (entry.name.as_str(), entry.file.as_str(), &*entry.source))
    }

    /// The source in this file.
    pub(crate) fn source_of(&self, file: &str) -> Option<&str> {
        self.entries
            .values()
            .find(|entry| entry.file == file && !entry.name.starts_with(RUN_AS))
            .map(|entry| &*entry.source)
    }

    /// Why a function cannot run; `None` if it can.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Option<&str> {
        self.entries.get(name)?.refused.as_deref()
    }

    /// The names of all functions, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str).filter(|name| !is_internal(name))
    }

    /// The name under which the code of an incoming webhook is called. No function can have such a name, and clients
    /// cannot call it.
    #[must_use]
    pub fn webhook(service: &str, name: &str) -> String {
        format!("{WEBHOOK}{service}/{name}")
    }

    /// The name under which the script that determines the user of a function or webhook is called by itself. As with
    /// webhooks, no function can have it.
    #[must_use]
    pub fn run_as_script(function: &str) -> String {
        format!("{RUN_AS}{function}")
    }

    /// The service and name of the webhook whose code is called under this name: `service/name`.
    #[must_use]
    pub fn webhook_name(function: &str) -> Option<&str> {
        function.strip_prefix(WEBHOOK)
    }

    /// The name of the script that determines the user of the Data API. As with webhooks, no function can have it.
    #[must_use]
    pub const fn data_api_script() -> &'static str {
        DATA_API_SCRIPT
    }

    /// Whether a function of this name exists, even if it cannot run.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name) && !is_internal(name)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.get(name)
    }

    /// Adds the script of the Data API, which has no file of its own.
    fn add_data_api_script(&mut self, app: &App) {
        const KEY: &str = "run_as_user_id_script_source";
        let Some(config) = app.data_api.present() else { return };
        let Some(source) = config.node.get(KEY).and_then(|node| node.as_str()).filter(|text| !text.is_empty()) else {
            return;
        };
        let file = config.source.name().replace('\\', "/");
        let mut entry = Entry::script(DATA_API_SCRIPT, file, source.into());
        let mut problems = entry.check(&self.packages);
        entry.refused = problems.first().map(|first| first.message.clone());
        for problem in &mut problems {
            // The script is not a function that users could look up, and its lines are not those of the file.
            problem.setting = Some(KEY);
            problem.function = String::new();
            problem.line = None;
            problem.message = format!("{KEY}: {}", problem.message);
        }
        self.problems.append(&mut problems);
        self.entries.insert(DATA_API_SCRIPT.to_owned(), Arc::new(entry));
    }

    /// Reports services that are neither data sources nor HTTP clients: they are not supported.
    fn refuse_services(&mut self, app: &App) {
        for (name, service) in &app.other_services {
            let has_rules = || app.service_rules.iter().any(|rule| rule.service == *name);
            let kind = match service.kind.as_deref() {
                Some("http") => continue,
                Some(kind) => kind,
                None if has_rules() => "of an unknown type",
                // A directory of HTTP endpoints.
                None => continue,
            };
            self.problems.push(Problem {
                function: String::new(),
                file: service.file.clone(),
                line: None,
                setting: None,
                message: format!("the service `{name}` ({kind}) is not available in functions"),
            });
        }
    }
}

/// The prefix of the names of webhooks. Names of functions cannot contain a colon.
const WEBHOOK: &str = "webhook:";

/// The prefix of the names of scripts that determine the user of a function or webhook.
const RUN_AS: &str = "run_as:";

const DATA_API_SCRIPT: &str = "data-api:run_as";

/// Whether a name belongs to code that is not one of the application's functions.
fn is_internal(name: &str) -> bool {
    name.contains(':')
}

/// The code of an incoming webhook, as a function under its internal name.
fn webhook(endpoint: &Endpoint) -> Option<Function> {
    let service = endpoint.service.as_deref()?;
    Some(Function {
        name: Library::webhook(service, &endpoint.name),
        private: true,
        config: endpoint.config.clone(),
        script: Some(endpoint.script.clone()?),
    })
}

/// The path of a function's source, relative to the application directory.
fn file_name(directory: &Path, function: &Function) -> String {
    let script = function.script.as_deref().and_then(|path| path.strip_prefix(directory).ok());
    script.map_or_else(|| function.expected_script(), |path| path.to_string_lossy().replace('\\', "/"))
}

fn source(function: &Function, room: &mut u64) -> Result<Arc<str>, String> {
    let Some(path) = &function.script else { return Err("its source is missing".into()) };
    let unreadable = |error: std::io::Error| format!("its source cannot be read: {error}");
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_SOURCE {
        return Err(format!("its source is larger than {MAX_SOURCE} bytes"));
    }
    let Some(left) = room.checked_sub(size) else {
        return Err(format!("the sources are larger than {MAX_SOURCES} bytes together"));
    };
    *room = left;
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).into())
}
