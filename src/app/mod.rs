//! Application directories: finding the files of old and new layouts, selecting the environment, replacing `%()`
//! templates, and compiling the rules.
//!
//! | what | where | where older applications have it |
//! | --- | --- | --- |
//! | the application | `root_config.json`, `realm_config.json` | `config.json`, `stitch.json` |
//! | a data source | `data_sources/<service>/config.json` | `services/<service>/config.json` |
//! | default roles | `data_sources/<service>/default_rule.json` | `services/<service>/default_rule.json` |
//! | roles, filters | `data_sources/<service>/<database>/<collection>/rules.json` | `services/<service>/rules/<database>.<collection>.json` |
//! | a schema | `schema.json` beside `rules.json` | the key `schema` of the rules |
//! | values | `values/*.json` | |
//! | environments | `environments/<tag>.json`, `environments/no-environment.json` | |
//! | custom user data | `auth/custom_user_data.json` | `custom_user_data_config` of the application |
//! | providers | `auth/providers.json` | `auth_providers/*.json` |
//! | functions | `functions/config.json`, `functions/**.js` | `functions/<name>/{config.json, source.js}` |
//! | endpoints | `http_endpoints/config.json`, `https_endpoints/config.json` | `{services, http_endpoints}/<service>/incoming_webhooks/`, `http_endpoints/<service>/<webhook>/` |
//! | the Data API | `http_endpoints/data_api_config.json`, `https_endpoints/data_api_config.json` | |
//! | triggers | `triggers/*.json` | |
//! | sync | `sync/config.json` | `config.sync`, `config.flexible_sync` of the data source |
//! | rules of a service | | `{services, http_endpoints}/<service>/rules/*.json` |

mod app_policies;
mod app_secrets;
mod application;
mod applied_rules;
mod check;
mod check_endpoints;
mod check_keys;
mod check_names;
mod check_settings;
mod check_together;
mod custom_data;
mod discover;
mod error;
mod file;
mod function_uses;
mod functions;
mod ignored_files;
mod links;
mod login;
mod namespace;
mod policies;
mod problem;
mod reader;
mod secret_names;
mod secrets;
mod services;
mod settings;
mod sync;
mod sync_policies;
mod sync_roles;

pub use application::{App, LoadOptions};
pub use error::AppError;
pub use file::{ConfigFile, ConfigPart, FileFinding};
pub use policies::{Applicable, Policies};
pub use problem::ProblemKind;
pub use secrets::{SECRET_VARIABLE, SecretError, Secrets};

#[cfg(not(feature = "unstable"))]
pub(crate) use {
    crate::lint::CollectionRules,
    application::ServiceAmbiguous,
    applied_rules::AppliedRules,
    function_uses::FunctionUse,
    functions::{Endpoint, Function, Provider, Trigger},
    namespace::Collection,
    policies::Loaded,
    services::{DataSource, OtherService, ServiceRule},
    sync::SyncConfig,
};
#[cfg(feature = "unstable")]
pub use {
    crate::lint::CollectionRules,
    application::ServiceAmbiguous,
    applied_rules::AppliedRules,
    function_uses::FunctionUse,
    functions::{Endpoint, Function, Provider, Trigger},
    namespace::Collection,
    policies::Loaded,
    services::{DataSource, OtherService, ServiceRule},
    sync::SyncConfig,
};
