use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use super::namespace::{Collections, Namespace};
use super::problem::Problem;
use super::reader::Reader;
use super::{ConfigFile, ConfigPart, Endpoint, ProblemKind, SyncConfig, secret_names};
use crate::json::Node;
use crate::text::Span;

/// A connection to a database: `data_sources/<name>/` or, in older applications, `services/<name>/`.
#[derive(Clone, Debug)]
pub struct DataSource {
    /// The name by which rules, custom user data and clients refer to it: `name` in its `config.json`, otherwise the
    /// name of its directory.
    pub name: String,
    /// The type, such as `mongodb-atlas`, `mongodb` or `datalake`; `None` if no file contains it.
    pub kind: Option<String>,
    /// `config.json`
    pub config: ConfigPart,
    /// `default_rule.json`: the roles and filters for collections without their own. It also counts as broken if part
    /// of the directory cannot be read, since that part may contain the rules of some collection.
    pub default_rule: ConfigPart,
}

/// A service other than a database: `services/<name>/`, or the directory of an HTTP service.
#[derive(Clone, Debug)]
pub struct OtherService {
    /// The type, such as `twilio`, `http` or `aws`; `None` if no file contains it.
    pub kind: Option<String>,
    /// The path of its `config.json`, relative to the application directory, whether or not the file exists.
    pub file: String,
}

/// A rule of a service other than a database: `services/<service>/rules/<name>.json`, with `actions` and `when`.
#[derive(Clone, Debug)]
pub struct ServiceRule {
    /// The name of the service.
    pub service: String,
    /// The type of the service, such as `twilio`, `http` or `aws`; `None` if no file contains it.
    pub kind: Option<String>,
    /// The name of the rule.
    pub name: String,
    /// The actions that it allows.
    pub actions: Vec<String>,
    /// The rule's settings.
    pub config: ConfigFile,
}

impl ServiceRule {
    /// The condition, in the scope [`Scope::Service`](crate::predicate::Scope::Service).
    #[must_use]
    pub fn when(&self) -> Option<&Node> {
        self.config.node.get("when")
    }
}

/// The types of services that are databases.
const DATABASES: [&str; 4] = ["mongodb-atlas", "mongodb", "datalake", "mongodb-datafederation"];

/// What the directories of services and data sources contain.
#[derive(Default)]
pub(super) struct Services {
    pub(super) data_sources: Vec<DataSource>,
    pub(super) collections: Collections,
    pub(super) rules: Vec<ServiceRule>,
    pub(super) webhooks: Vec<Endpoint>,
    pub(super) sync: Vec<SyncConfig>,
    /// The services other than databases, by name.
    pub(super) others: BTreeMap<String, OtherService>,
    /// The secrets that the services name.
    pub(super) secrets: BTreeSet<String>,
    /// The directory of each name found so far.
    names: HashMap<String, String>,
}

impl Services {
    /// Reads `data_sources/`, `services/`, and the HTTP services in `http_endpoints/`.
    pub(super) fn load(reader: &mut Reader<'_>) -> Self {
        let mut services = Self::default();
        for directory in reader.list("data_sources").directories {
            services.data_source(reader, &directory);
        }
        for parent in ["services", "http_endpoints", "https_endpoints"] {
            for directory in reader.list(parent).directories {
                services.service(reader, &format!("{parent}/{directory}"), &directory);
            }
        }
        for collection in services.collections.values() {
            collection.report_contests(reader);
        }
        services.data_sources.sort_by(|a, b| a.name.cmp(&b.name));
        services
    }

    fn data_source(&mut self, reader: &mut Reader<'_>, directory: &str) {
        let path = format!("data_sources/{directory}");
        let config = reader.object(&format!("{path}/config.json"));
        let (name, kind) = self.name(reader, &config, &path, directory);
        let mut default_rule = reader.object(&format!("{path}/default_rule.json"));
        let databases = reader.list(&path);
        default_rule.join(databases.hidden.map_or(ConfigPart::Absent, ConfigPart::Broken));
        for database in databases.directories {
            let listing = reader.list(&format!("{path}/{database}"));
            default_rule.join(listing.hidden.map_or(ConfigPart::Absent, ConfigPart::Broken));
            for collection in listing.directories {
                let path = format!("{path}/{database}/{collection}");
                let by_path = Namespace::new(&database, &collection);
                self.collection(reader, &path, &name, by_path, &mut default_rule);
            }
        }
        self.add(DataSource { name, kind, config, default_rule });
    }

    /// Reads the directory of a collection, which contains `rules.json`, `schema.json` or `relationships.json`.
    fn collection(
        &mut self,
        reader: &mut Reader<'_>,
        path: &str,
        service: &str,
        by_path: Namespace,
        default_rule: &mut ConfigPart,
    ) {
        let raw = reader.raw(&format!("{path}/rules.json"));
        let schema = reader.part(&format!("{path}/schema.json"));
        let relationships = reader.part(&format!("{path}/relationships.json"));
        if raw.is_none() && schema.is_absent() && relationships.is_absent() {
            return;
        }
        let mut rules = ConfigPart::Absent;
        let mut namespace = Some(by_path);
        if let Some(raw) = raw {
            rules = reader.expanded(&raw);
            default_rule.join(Namespace::doubt(&rules, &raw));
            namespace = Namespace::of(reader, &rules, &raw, namespace, default_rule);
        }
        // The path at least provides a namespace.
        let Some(namespace) = namespace else { return };
        let collection = namespace.entry(&mut self.collections, service);
        collection.schema.join(schema);
        collection.relationships.join(relationships);
        collection.take_rules(rules);
    }

    fn service(&mut self, reader: &mut Reader<'_>, path: &str, directory: &str) {
        let config = reader.object(&format!("{path}/config.json"));
        let (name, kind) = self.name(reader, &config, path, directory);
        let is_database = kind.as_deref().map(|kind| DATABASES.contains(&kind));
        let is_database = is_database.or((directory == "mongodb-atlas").then_some(true));
        let mut has_collections = false;
        let mut default_rule = reader.object(&format!("{path}/default_rule.json"));
        let rules = format!("{path}/rules");
        let listing = reader.list(&rules);
        default_rule.join(listing.hidden.map_or(ConfigPart::Absent, ConfigPart::Broken));
        for file in &listing.files {
            let Some(stem) = file.strip_suffix(".json") else { continue };
            let Some(raw) = reader.raw(&format!("{rules}/{file}")) else { continue };
            let by_path = Namespace::parse(stem);
            let part = reader.expanded(&raw);
            // The content counts as well: a misspelt service type must not make roles disappear.
            let for_collection = match (is_database, &raw.node) {
                (Some(true), _) => true,
                (_, Some(node)) => has_roles(node),
                (known, None) => known.is_none() && by_path.is_some(),
            };
            if for_collection {
                has_collections = true;
                default_rule.join(Namespace::doubt(&part, &raw));
                match Namespace::of(reader, &part, &raw, by_path, &default_rule) {
                    Some(namespace) => namespace.entry(&mut self.collections, &name).take_rules(part),
                    // The file may belong to any collection, so none may fall back to the default roles.
                    None => default_rule.join(ConfigPart::Broken(raw.source)),
                }
            } else if let ConfigPart::Present(config) = part {
                let actions = config.node.get("actions").and_then(Node::as_array).unwrap_or_default();
                self.rules.push(ServiceRule {
                    service: name.clone(),
                    kind: kind.clone(),
                    name: config.text("name").unwrap_or(stem).to_owned(),
                    actions: actions.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
                    config,
                });
            }
        }
        let service = (name.as_str(), kind.as_deref());
        self.webhooks(reader, &format!("{path}/incoming_webhooks"), service, &[]);
        // For some time, exports had webhooks directly in the directory of their service.
        if path != format!("services/{directory}") {
            self.webhooks(reader, path, service, &["incoming_webhooks", "rules"]);
        }
        if has_collections || is_database.unwrap_or(!default_rule.is_absent()) {
            self.add(DataSource { name, kind, config, default_rule });
        } else {
            self.others.insert(name, OtherService { kind, file: format!("{path}/config.json") });
        }
    }

    /// Reads webhooks: `<name>/config.json` next to `<name>/source.js` or, if webhooks have a directory of their own,
    /// `<name>.json`.
    fn webhooks(
        &mut self,
        reader: &mut Reader<'_>,
        path: &str,
        (service, kind): (&str, Option<&str>),
        others: &[&str],
    ) {
        let listing = reader.list(path);
        let files = listing.files.iter().filter_map(|file| file.strip_suffix(".json").map(|stem| (stem, "")));
        let nested = listing.directories.iter().map(|directory| (directory.as_str(), "/config"));
        let files = files.filter(|_| others.is_empty());
        for (name, rest) in files.chain(nested.filter(|(name, _)| !others.contains(name))) {
            let ConfigPart::Present(config) = reader.object(&format!("{path}/{name}{rest}.json")) else { continue };
            self.webhooks.push(Endpoint {
                name: config.text("name").unwrap_or(name).to_owned(),
                service: Some(service.to_owned()),
                service_type: kind.map(str::to_owned),
                script: source(reader, &format!("{path}/{name}/source.js")),
                config,
            });
        }
    }

    /// Adds a data source, or merges it with an earlier one of the same name.
    fn add(&mut self, source: DataSource) {
        match self.data_sources.iter_mut().find(|known| known.name == source.name) {
            Some(known) => {
                known.config.join(source.config);
                known.default_rule.join(source.default_rule);
            }
            None => self.data_sources.push(source),
        }
    }

    /// The name and type of a service; collects its secrets, and the sync settings that older services contain.
    fn name(
        &mut self,
        reader: &mut Reader<'_>,
        config: &ConfigPart,
        path: &str,
        directory: &str,
    ) -> (String, Option<String>) {
        let file = config.present();
        let name = file.and_then(|file| file.text("name")).filter(|name| !name.is_empty()).unwrap_or(directory);
        if let Some(first) = self.names.get(name) {
            let first = first.clone();
            let kind = ProblemKind::DefinitionDuplicate { what: "service", name: name.to_owned(), first };
            let span = file.and_then(|file| file.node.get("name")).map_or_else(Span::default, |node| node.span);
            match file {
                Some(file) => reader.problem_in(file, Problem::new(kind, span)),
                None => {
                    reader.problem_with(path, kind);
                }
            }
        } else {
            self.names.insert(name.to_owned(), path.to_owned());
        }
        if let Some(secrets) = file.and_then(|file| file.node.get("secret_config")) {
            secret_names::names(secrets, &mut |name| self.secrets.extend(name.as_str().map(str::to_owned)));
        }
        for key in ["sync", "flexible_sync"] {
            if let Some(config) = file.and_then(|file| file.part("config")).and_then(|config| config.part(key)) {
                self.sync.push(SyncConfig { service: Some(name.to_owned()), config });
            }
        }
        (name.to_owned(), file.and_then(|file| file.text("type")).map(str::to_owned))
    }
}

/// The path of a code file, provided that it exists within the application directory.
fn source(reader: &mut Reader<'_>, name: &str) -> Option<PathBuf> {
    if !reader.directory().join(name).is_file() || reader.refuse_outward(name).is_some() {
        return None;
    }
    Some(reader.directory().join(name))
}

/// Whether a rules file, in a service of unknown type, is about documents.
fn has_roles(node: &Node) -> bool {
    ["database", "collection", "namespace", "roles", "filters", "schema"].iter().any(|key| node.get(key).is_some())
}
