//! Counts the users who lack custom data that the rules read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portcullis::App;
use portcullis::app::{AppliedRules, FileFinding};
use portcullis::auth::{CustomDataConfig, CustomDataSource};
use portcullis::lint::{Census, CustomDataReads, PathFinding};
use portcullis::login::custom_data_config;
use portcullis::path::FieldPath;
use portcullis::store::{FileCustomData, Scanned};
use portcullis::text::{Source, excerpt};
use portcullis::value::Malformed;
use portcullis_service::ServerUri;
use portcullis_store::{Examples, LiveFinding, LiveFindingKind, Others};
use serde_json::{Value, json};

use super::accounts::block_on;
use super::live::at_collection;
use super::output::note;
use super::stores::connect;
use super::trouble::Trouble;

/// The number of characters to which user ids in findings are truncated.
const MAX_ID: usize = 64;

/// Where the custom-data documents are.
pub(super) enum Documents<'a> {
    /// In a file or a directory.
    Files(&'a Path),
    /// On a MongoDB server.
    Server(&'a ServerUri),
}

/// The result of counting for one application.
pub(super) struct Counted {
    pub(super) findings: Vec<FileFinding>,
    pub(super) json: Value,
}

/// Counts the users of an application; `None` if custom data is disabled or the rules do not read it.
pub(super) fn count(app: &App, documents: &Documents<'_>) -> Result<Option<Counted>, Trouble> {
    let unseen = |why: &str| {
        note(&format!("users were not counted for `{}`: {why}", app.directory.display()));
        Ok(None)
    };
    // Files that do not load are already reported by other findings.
    let Ok(Some(config)) = custom_data_config(app) else {
        return unseen("the application has no readable custom user data");
    };
    let Some(source) = config.source() else { return unseen("its custom user data is disabled") };
    let applied = app.applied_rules();
    let collections: Vec<_> = applied.iter().map(AppliedRules::as_collection).collect();
    let namespace = format!("{}.{}", source.database, source.collection);
    let schema = collections.iter().find(|rules| rules.namespace == namespace);
    let reads = CustomDataReads::new(&collections, schema.and_then(|rules| rules.policy.schema.as_ref()));
    if reads.paths().next().is_none() {
        return Ok(None);
    }
    let mut twice = None;
    let census = match documents {
        Documents::Files(path) => {
            let (census, scanned) = of_files(&config, path, reads.census(&source.user_id_field))?;
            if scanned.documents == 0 {
                note(&format!("`{}` contains no documents: no users were counted", path.display()));
            }
            twice = id_twice(source, &scanned);
            census
        }
        Documents::Server(uri) => {
            let paths: Vec<FieldPath> = reads.paths().cloned().collect();
            let mut census = reads.census(&source.user_id_field);
            let bar = bar("{bar:40} {human_pos} of about {human_len} users, {eta} left");
            block_on(async {
                let server = connect(uri).await?;
                server
                    .scan_custom_data(source, &paths, &mut |users| bar.set_length(users), &mut |document| {
                        bar.inc(1);
                        census.add(document)
                    })
                    .await?
                    .map_err(|error| malformed(&error))
            })?;
            bar.finish_and_clear();
            census
        }
    };
    let findings = reads.findings(&census);
    let json = to_json(app, &applied, &census, &findings);
    let place = app.custom_user_data.present();
    let placed = |found: PathFinding| {
        let source: Option<Arc<Source>> = match found.place.and_then(|index| applied.get(index)) {
            Some(rules) => Some(Arc::clone(&rules.source)),
            None => place.map(|file| Arc::clone(&file.source)),
        };
        let mut finding = found.finding;
        if found.place.is_none() {
            finding.span = place.map(|file| file.node.span).unwrap_or_default();
        }
        source.map(|source| {
            let pointer = portcullis::json::parse(source.text()).ok().map(|node| node.pointer_at(finding.span));
            FileFinding { source, pointer, finding }
        })
    };
    let mut findings: Vec<FileFinding> = findings.into_iter().filter_map(placed).collect();
    findings.extend(twice.and_then(|twice| app.custom_user_data.present().map(|file| at_collection(file, &twice))));
    Ok(Some(Counted { findings, json }))
}

/// Users whom several documents name, as on a server.
fn id_twice(source: &CustomDataSource, scanned: &Scanned) -> Option<LiveFinding> {
    let ids = &scanned.users_of_several;
    let others = if ids.len() > Examples::SHOWN { Others::Some } else { Others::None };
    let shown: Vec<String> = ids.iter().take(Examples::SHOWN).map(|id| excerpt(id, MAX_ID)).collect();
    let kind = LiveFindingKind::IdTwice(Examples { shown, others });
    (!ids.is_empty()).then(|| LiveFinding { kind, source: source.clone() })
}

fn of_files(config: &CustomDataConfig, path: &Path, mut census: Census) -> Result<(Census, Scanned), Trouble> {
    let bar = bar("{bar:40} {bytes}/{total_bytes}, {eta} left");
    let files = FileCustomData::new(config.clone(), PathBuf::from(path));
    let mut failed = None;
    let scanned = files.scan(&mut |all| bar.set_length(all), &mut |document, read| {
        bar.set_position(read);
        if let Err(error) = census.add(document.into()) {
            failed.get_or_insert(error);
        }
    })?;
    bar.finish_and_clear();
    match failed {
        Some(error) => Err(malformed(&error)),
        None => Ok((census, scanned)),
    }
}

fn malformed(error: &Malformed) -> Trouble {
    Trouble::usage(format!("cannot read a custom data document: {error}"))
}

/// A progress bar, which is hidden unless standard error is a terminal.
fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.enable_steady_tick(Duration::from_millis(100));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn to_json(app: &App, applied: &[AppliedRules], census: &Census, findings: &[PathFinding]) -> Value {
    let paths: Value = census
        .counts()
        .into_iter()
        .map(|count| {
            let types: serde_json::Map<String, Value> =
                count.types.iter().map(|(kind, users)| (kind.alias().to_owned(), json!(users))).collect();
            let closed: Value = findings
                .iter()
                .filter(|found| found.path == count.path)
                .map(|found| {
                    let roles: Value = found
                        .roles
                        .iter()
                        .map(|(index, role)| {
                            let namespace = applied.get(*index).map(|rules| rules.namespace.as_str());
                            json!({ "collection": namespace, "role": &**role })
                        })
                        .collect();
                    json!({
                        "code": found.finding.code, "users": found.users,
                        "type": found.found.map(portcullis::value::Type::alias), "never_apply": roles,
                    })
                })
                .collect();
            json!({
                "path": count.path.to_string(), "lack": count.lacking, "types": types, "findings": closed,
            })
        })
        .collect();
    json!({ "application": app.name, "users": census.users(), "paths": paths })
}
