use std::collections::{BTreeMap, BTreeSet, HashMap};

use bson::Document;

use super::discover::{ROOTS, says_app};
use super::problem::Problem;
use super::reader::{Raw, Reader};
use super::{ConfigPart, FileFinding, ProblemKind};
use crate::eval::Environment;
use crate::json::{to_bson, to_document};
use crate::template::Substitutions;
use crate::text::{Finding, Source, Span, closest};

/// The application's own file, the selected environment, and the values.
pub(super) struct Settings {
    pub(super) root: ConfigPart,
    pub(super) environment: Environment,
    /// For each environment, by tag, the names of its values.
    pub(super) environments: BTreeMap<String, BTreeSet<String>>,
    pub(super) values: Document,
    /// The name of the secret, by the name of the value.
    pub(super) secret_values: BTreeMap<String, String>,
    pub(super) secrets: BTreeSet<String>,
    pub(super) extent: Extents,
}

/// Whether all files could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Partial,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Extents {
    pub(super) values: Extent,
    pub(super) environment: Extent,
}

/// The values that replace `%()` templates in the files.
pub(super) fn substitutions(environment: &Environment, extent: Extent, values: Option<&Document>) -> Substitutions {
    // If the application's own file is broken, an empty tag would be a guess.
    let is_known = extent == Extent::Whole || !environment.tag.is_empty();
    Substitutions::new(is_known.then_some(environment), values)
}

impl Settings {
    /// Reads the settings. From then on, the reader can replace templates.
    pub(super) fn load(reader: &mut Reader<'_>, environment: Option<&str>) -> Self {
        let root = root(reader);
        let (environment, extent, environments) = self::environment(reader, environment, root.as_ref());
        reader.substitutions = substitutions(&environment, extent, None);
        let mut settings = Self {
            root: ConfigPart::Absent,
            environment,
            environments,
            values: Document::new(),
            secret_values: BTreeMap::new(),
            secrets: secret_names(reader),
            extent: Extents { values: Extent::Whole, environment: extent },
        };
        settings.read_values(reader);
        let names = settings.secret_values.keys().cloned();
        let values = Some(&settings.values);
        reader.substitutions = substitutions(&settings.environment, extent, values).with_secret_names(names);
        settings.root = root.map_or(ConfigPart::Absent, |raw| reader.expanded(&raw));
        settings
    }

    /// Reads `values/<name>.json`. Values may use templates with values of the environment, but not with one another.
    fn read_values(&mut self, reader: &mut Reader<'_>) {
        let mut seen: HashMap<String, String> = HashMap::new();
        let mut twice: BTreeSet<String> = BTreeSet::new();
        let before = reader.findings.len();
        let stems = reader.stems("values");
        if reader.findings.len() > before {
            self.extent.values = Extent::Partial;
        }
        for stem in stems {
            let ConfigPart::Present(file) = reader.object(&format!("values/{stem}.json")) else {
                self.extent.values = Extent::Partial;
                continue;
            };
            let name = file.text("name").filter(|name| !name.is_empty()).unwrap_or(&stem).to_owned();
            if let Some(first) = seen.get(&name) {
                twice.insert(name.clone());
                let kind = ProblemKind::DefinitionDuplicate { what: "value", name, first: first.clone() };
                let span = file.node.get("name").map_or_else(Span::default, |node| node.span);
                reader.problem_in(&file, Problem::new(kind, span).help("remove one of them; until then, none is used"));
                continue;
            }
            seen.insert(name.clone(), file.source.name().to_owned());
            let from_secret = file.node.get("from_secret");
            if let Some(node) = from_secret.filter(|node| node.as_bool().is_none()) {
                reader.wrong_type(&file.source, node, "a boolean");
            }
            // Unless it is exactly `false`, the value counts as a secret and is hidden.
            if from_secret.is_some_and(|node| node.as_bool() != Some(false)) {
                let secret = file.text("value").unwrap_or(&name).to_owned();
                self.secrets.insert(secret.clone());
                self.secret_values.insert(name, secret);
                continue;
            }
            let Some(value) = file.node.get("value") else {
                let span = Span::new(file.node.span.start, file.node.span.start);
                reader.problem_in(&file, Problem::new(ProblemKind::ValueMissing, span));
                self.extent.values = Extent::Partial;
                continue;
            };
            match to_bson(value) {
                Ok(value) => {
                    self.values.insert(name, value);
                }
                Err(error) => {
                    reader.report(&file.source, error.into());
                    self.extent.values = Extent::Partial;
                }
            }
        }
        for name in twice {
            self.values.remove(&name);
            self.secret_values.remove(&name);
            self.extent.values = Extent::Partial;
        }
    }
}

/// Reads the first of the application's own files that exists, and reports any other.
fn root(reader: &mut Reader<'_>) -> Option<Raw> {
    let mut found: Option<Raw> = None;
    for name in ROOTS {
        let others = ROOTS.iter().any(|other| *other != name && reader.directory().join(other).exists());
        if name == "config.json" && others && !says_app(reader.directory()) {
            continue;
        }
        let Some(raw) = reader.raw(name) else { continue };
        match &found {
            None => found = Some(raw),
            Some(first) => {
                let kind = ProblemKind::DefinitionDuplicate {
                    what: "configuration of",
                    name: "the application".to_owned(),
                    first: first.source.name().to_owned(),
                };
                reader.problem(&raw.source, Problem::new(kind, Span::default()).help("the first one is used"));
            }
        }
    }
    found
}

/// The environment with the requested tag or, if none is requested, with the tag in the application's own file; without
/// a tag, that of `environments/no-environment.json`. Also returns the names of the values of each environment.
fn environment(
    reader: &mut Reader<'_>,
    wanted: Option<&str>,
    root: Option<&Raw>,
) -> (Environment, Extent, BTreeMap<String, BTreeSet<String>>) {
    let before = reader.findings.len();
    let written = root.and_then(|raw| Some((&raw.source, raw.node.as_ref()?.get("environment")?)));
    if let Some((source, node)) = written.filter(|(_, node)| node.as_str().is_none()) {
        reader.wrong_type(source, node, "a string");
    }
    let tag = wanted.or_else(|| written.and_then(|(_, node)| node.as_str())).unwrap_or_default();
    let tag = if tag == NO_ENVIRONMENT { "" } else { tag };
    let mut files: BTreeMap<String, Document> = BTreeMap::new();
    let stems = reader.stems("environments");
    let listed = reader.findings.len() == before;
    for stem in &stems {
        // Templates in this file are not replaced, because its values are what replaces them.
        let Some(Raw { source, node: Some(node) }) = reader.raw(&format!("environments/{stem}.json")) else { continue };
        if node.as_object().is_none() {
            reader.wrong_type(&source, &node, "an object");
            continue;
        }
        match node.get("values").map(to_document) {
            Some(Ok(values)) => {
                files.insert(stem.clone(), values);
            }
            Some(Err(error)) => reader.report(&source, error.into()),
            None => {
                files.insert(stem.clone(), Document::new());
            }
        }
    }
    let name = if tag.is_empty() { NO_ENVIRONMENT } else { tag };
    if !tag.is_empty() && !stems.iter().any(|stem| stem == tag) {
        let known = stems.iter().map(String::as_str).filter(|stem| *stem != NO_ENVIRONMENT);
        let help = closest(tag, known).map(|known| format!("did you mean `{known}`?"));
        let problem = |span| {
            let problem = Problem::new(ProblemKind::EnvironmentUnknown(tag.to_owned()), span);
            help.into_iter().fold(problem, Problem::help)
        };
        match (wanted, written) {
            (Some(_), _) => {
                let source = Source::new("environments", "").into();
                reader.problem(&source, problem(Span::default()));
            }
            // Before 2021, an application could have a tag without values.
            (None, Some((source, node))) if !stems.is_empty() => reader.problem(source, problem(node.span)),
            _ => {}
        }
    }
    let names = files.iter().map(|(stem, values)| (stem.clone(), values.keys().cloned().collect())).collect();
    // If a file does not load, its values must not seem to be absent. This includes the application's own file, which
    // may name a different environment.
    let named = wanted.is_some() || root.is_none_or(|raw| raw.node.is_some());
    // Before 2021, an application could have a tag without values.
    let needless = tag.is_empty() || (wanted.is_none() && stems.is_empty());
    let there = files.contains_key(name) || (needless && !stems.iter().any(|stem| stem == name));
    let (values, extent) = match (files.remove(name), listed && named && there) {
        (values, true) => (values.unwrap_or_default(), Extent::Whole),
        (_, false) => (Document::new(), Extent::Partial),
    };
    (Environment { tag: tag.to_owned(), values }, extent, names)
}

/// The base name of the file for applications without an environment.
const NO_ENVIRONMENT: &str = "no-environment";

/// The names of the secrets in `secrets.json`. The rest of the file is discarded, and no finding quotes it.
fn secret_names(reader: &mut Reader<'_>) -> BTreeSet<String> {
    let before = reader.findings.len();
    let Some(raw) = reader.raw("secrets.json") else { return BTreeSet::new() };
    let Some(node) = raw.node else {
        let reported = reader.findings.split_off(before);
        let hidden = |found: FileFinding| FileFinding {
            source: Source::new("secrets.json", "").into(),
            finding: Finding { message: "the file is not readable as JSON".to_owned(), ..found.finding },
            ..found
        };
        reader.findings.extend(reported.into_iter().map(hidden));
        return BTreeSet::new();
    };
    let members = node.as_object().unwrap_or_default();
    members.iter().filter(|member| member.value.as_str().is_some()).map(|member| member.key.clone()).collect()
}
