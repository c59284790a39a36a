use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bson::Document;
use thiserror::Error;

use super::discover::{above, discover, is_app};
use super::reader::Reader;
use super::services::Services;
use super::settings::{Extents, Settings};
use super::{
    AppError, Collection, ConfigFile, ConfigPart, DataSource, Endpoint, FileFinding, Function, OtherService, Policies,
    Provider, ServiceRule, SyncConfig, Trigger, custom_data, functions, ignored_files, secret_names,
};
use crate::eval::Environment;
use crate::text::Severity;

/// An application directory that has been read: all files that have a meaning, with their templates replaced.
#[derive(Clone, Debug)]
pub struct App {
    /// The name of the application: `name` or `app_id` in its own file, otherwise the name of the directory.
    pub name: String,
    /// The directory.
    pub directory: PathBuf,
    /// The application's own file: `root_config.json`, `realm_config.json`, `config.json` or `stitch.json`
    pub config: ConfigPart,
    /// The databases, sorted by name.
    pub data_sources: Vec<DataSource>,
    /// The collections that files mention, sorted by namespace and data source.
    pub collections: Vec<Collection>,
    /// `%%environment`
    pub environment: Environment,
    /// For each environment, by tag, the names of its values. `no-environment` is the environment without a tag.
    pub environments: BTreeMap<String, BTreeSet<String>>,
    /// `%%values`, except those that are secrets.
    pub values: Document,
    /// The values that are secrets: the name of the secret, by the name of the value. Secrets themselves are not stored
    /// in the directory.
    pub secret_values: BTreeMap<String, String>,
    /// The names of all secrets that the files refer to.
    pub secrets: BTreeSet<String>,
    /// The functions, sorted by name.
    pub functions: Vec<Function>,
    /// The HTTP endpoints and incoming webhooks.
    pub endpoints: Vec<Endpoint>,
    /// `http_endpoints/data_api_config.json`
    pub data_api: ConfigPart,
    /// The triggers.
    pub triggers: Vec<Trigger>,
    /// The authentication providers.
    pub providers: Vec<Provider>,
    /// `auth/custom_user_data.json`, or the corresponding part of the application's own file
    pub custom_user_data: ConfigPart,
    /// The settings of device sync.
    pub sync: Vec<SyncConfig>,
    /// The services other than databases, such as `http` and `twilio`, by name.
    pub other_services: BTreeMap<String, OtherService>,
    /// The rules of services other than databases.
    pub service_rules: Vec<ServiceRule>,
    /// The problems found while reading the files.
    pub findings: Vec<FileFinding>,
    /// The JSON files that are not used, relative to the directory.
    pub ignored: Vec<String>,
    /// The number of files read.
    pub files_read: usize,
    /// Whether all files of the values and the environment could be read.
    pub(super) extent: Extents,
    /// The compiled rules, once they have been used.
    pub(super) shared: OnceLock<Arc<Policies>>,
}

/// Options for reading an application.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The tag of the environment to use. `None` selects the environment that the application's own file names, if any;
    /// the empty string selects no environment.
    pub environment: Option<String>,
}

/// The error for a namespace that several data sources contain, if the request does not name one of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("several data sources could hold `{namespace}`: {}", services.join(", "))]
pub struct ServiceAmbiguous {
    namespace: String,
    services: Vec<String>,
}

impl App {
    /// Reads an application. Problems with individual files do not cause an error; they are in [`App::findings`].
    ///
    /// # Errors
    /// If the directory cannot be read or is not an application; see [`AppError`].
    pub fn load(directory: impl AsRef<Path>) -> Result<Self, AppError> {
        Self::load_with(directory, &LoadOptions::default())
    }

    /// Like [`load`](Self::load), with options.
    ///
    /// # Errors
    /// Same as [`load`](Self::load).
    pub fn load_with(directory: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, AppError> {
        let directory = directory.as_ref();
        if let Err(reason) = fs::read_dir(directory) {
            return Err(AppError::Unreadable { path: directory.to_path_buf(), reason });
        }
        if !is_app(directory) {
            return Err(AppError::NotApplication {
                path: directory.to_path_buf(),
                below: discover(directory),
                above: above(directory),
            });
        }
        let mut reader = Reader::new(directory);
        let settings = Settings::load(&mut reader, options.environment.as_deref());
        let mut services = Services::load(&mut reader);
        if let ConfigPart::Present(config) = reader.object("sync/config.json") {
            services.sync.push(SyncConfig { service: config.text("service_name").map(str::to_owned), config });
        }
        let custom_user_data = custom_data::custom_user_data(&mut reader, &settings.root, &services.data_sources);
        let mut endpoints = functions::endpoints(&mut reader);
        endpoints.append(&mut services.webhooks);
        let functions = functions::functions(&mut reader);
        let triggers = functions::triggers(&mut reader);
        let providers = functions::providers(&mut reader);
        let mut data_api = reader.object("http_endpoints/data_api_config.json");
        data_api.join(reader.object("https_endpoints/data_api_config.json"));
        let mut secrets = settings.secrets;
        secret_names::mentioned(&mut reader, &mut secrets, &providers, &endpoints, &data_api);
        secrets.append(&mut services.secrets);
        let ignored = ignored_files::ignored_files(&mut reader);
        Ok(Self {
            name: name(directory, settings.root.present()),
            directory: directory.to_path_buf(),
            config: settings.root,
            data_sources: services.data_sources,
            collections: services.collections.into_values().collect(),
            environment: settings.environment,
            environments: settings.environments,
            values: settings.values,
            secret_values: settings.secret_values,
            secrets,
            functions,
            endpoints,
            data_api,
            triggers,
            providers,
            custom_user_data,
            sync: services.sync,
            other_services: services.others,
            service_rules: services.rules,
            extent: settings.extent,
            ignored,
            files_read: reader.files_read,
            findings: reader.into_findings(),
            shared: OnceLock::new(),
        })
    }

    /// All application directories at or below `directory`, sorted by path.
    #[must_use]
    pub fn discover(directory: &Path) -> Vec<PathBuf> {
        discover(directory)
    }

    /// The collection of a namespace, in the named data source or in the only one that has it. `None` if no file
    /// mentions the collection, so that the default roles of the data source apply.
    ///
    /// # Errors
    /// If several data sources have the namespace and none is named.
    pub fn collection(&self, namespace: &str, service: Option<&str>) -> Result<Option<&Collection>, ServiceAmbiguous> {
        let wanted = |collection: &&Collection| {
            collection.namespace == namespace && service.is_none_or(|service| collection.service == service)
        };
        let found: Vec<&Collection> = self.collections.iter().filter(wanted).collect();
        match found.as_slice() {
            [] => Ok(None),
            [collection] => Ok(Some(collection)),
            several => Err(ServiceAmbiguous {
                namespace: namespace.to_owned(),
                services: several.iter().map(|collection| collection.service.clone()).collect(),
            }),
        }
    }

    /// The data source of a namespace: the named one; otherwise the one whose files mention the namespace; otherwise
    /// the only one.
    ///
    /// # Errors
    /// If there are several such data sources.
    pub fn data_source(&self, namespace: &str, service: Option<&str>) -> Result<Option<&DataSource>, ServiceAmbiguous> {
        let collection = self.collection(namespace, service)?;
        let service = service.or(collection.map(|collection| collection.service.as_str()));
        let wanted = |source: &&DataSource| service.is_none_or(|service| source.name == service);
        let found: Vec<&DataSource> = self.data_sources.iter().filter(wanted).collect();
        match found.as_slice() {
            [] => Ok(None),
            [source] => Ok(Some(source)),
            several => Err(ServiceAmbiguous {
                namespace: namespace.to_owned(),
                services: several.iter().map(|source| source.name.clone()).collect(),
            }),
        }
    }

    /// The function with this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// All configuration files that could be read. A single file may appear as several parts.
    pub fn config_files(&self) -> impl Iterator<Item = &ConfigFile> {
        let sources = self.data_sources.iter().flat_map(|source| [&source.config, &source.default_rule]);
        let collections = self
            .collections
            .iter()
            .flat_map(|collection| [&collection.rules, &collection.schema, &collection.relationships]);
        let parts =
            [&self.config, &self.data_api, &self.custom_user_data].into_iter().chain(sources).chain(collections);
        parts
            .flat_map(ConfigPart::files)
            .chain(self.functions.iter().map(|function| &function.config))
            .chain(self.endpoints.iter().map(|endpoint| &endpoint.config))
            .chain(self.triggers.iter().map(|trigger| &trigger.config))
            .chain(self.providers.iter().map(|provider| &provider.config))
            .chain(self.sync.iter().map(|sync| &sync.config))
            .chain(self.service_rules.iter().map(|rule| &rule.config))
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|found| found.finding.severity == Severity::Error)
    }
}

fn name(directory: &Path, config: Option<&ConfigFile>) -> String {
    let written = config.and_then(|config| config.text("name").or_else(|| config.text("app_id")));
    written.map(str::to_owned).filter(|name| !name.is_empty()).unwrap_or_else(|| {
        let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf());
        directory.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    })
}
