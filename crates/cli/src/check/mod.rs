mod functions;
mod not_served;

use std::path::Path;
use std::sync::Arc;

use portcullis::app::FileFinding;
use portcullis::auth::CustomDataConfig;
use portcullis::json::Node;
use portcullis::policy::{self, Role};
use portcullis::schema::Schema;
use portcullis::text::{Finding, Located, Severity, Source};
use portcullis::{App, LoadOptions, lint};
use serde_json::{Value, json};

use crate::Answer;
use crate::input;
use crate::live::LiveArgs;
use crate::output::{Output, finding_to_json, plural, style};
use crate::secrets::SecretArgs;
use crate::trouble::{Trouble, renamed};

const EXAMPLES: &str = "\
Examples:
  portcullis check                       every application directory here and below
  portcullis check rules.json schema.json
  portcullis check . --live --mongodb-uri mongodb://localhost:27017
  portcullis check . --custom-data users.json
  portcullis check --json . | jq '.findings[].code'

An error means that something does not load or exposes what it should protect; a warning or note, that it loads but probably \
does not do what its author intended.";

/// Check application directories, or single rules and schema files; print all errors and lints
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Application directories, directories that contain some, or rules and schema files [default: .]
    #[arg(value_name = "DIR|JSON|FILE|-")]
    paths: Vec<String>,
    /// An application directory, as in other commands
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    app: Option<String>,
    /// Environment tag whose values are substituted into templates
    #[arg(long)]
    tag: Option<String>,
    /// Print errors only
    #[arg(long, short)]
    quiet: bool,
    /// Report what App Services does not support, such as `%%now`
    #[arg(long)]
    portable: bool,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    live: LiveArgs,
}

/// What has been found so far.
#[derive(Default)]
struct Checked {
    findings: Vec<FileFinding>,
    files: usize,
    applications: usize,
    /// For each application, the number of users who lack data that its rules read.
    counted: Vec<Value>,
}

pub(crate) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let mut checked = Checked::default();
    let here = [args.app.clone().unwrap_or_else(|| ".".into())];
    let paths = if args.paths.is_empty() { here.as_slice() } else { &args.paths };
    for path in paths {
        let directory = Path::new(path);
        if directory.is_dir() { checked.directory(directory, args)? } else { checked.file(path, args.portable)? }
    }
    // An unknown environment is the cause of other errors.
    let is_effect = |found: &FileFinding| found.finding.code != "environment-unknown";
    checked.findings.sort_by(|a, b| {
        let place = |found: &FileFinding| (is_effect(found), found.finding.span);
        let ((a_effect, a_span), (b_effect, b_span)) = (place(a), place(b));
        (a_effect, a.source.name(), a_span).cmp(&(b_effect, b.source.name(), b_span))
    });
    let count = |severity| checked.findings.iter().filter(|found| found.finding.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    if output.is_json() {
        let findings: Value = checked
            .findings
            .iter()
            .map(|found| finding_to_json(&found.source, &found.finding, found.pointer.as_deref()))
            .collect();
        let mut document = json!({
            "files": checked.files, "applications": checked.applications,
            "errors": errors, "warnings": warnings, "notes": notes, "findings": findings,
        });
        if let (false, Some(object)) = (checked.counted.is_empty(), document.as_object_mut()) {
            object.insert("custom_data".to_owned(), std::mem::take(&mut checked.counted).into());
        }
        output.document(&document)?;
    } else {
        let shown = checked.findings.iter().filter(|f| !args.quiet || f.finding.severity == Severity::Error);
        for found in shown {
            output.line(found.render(style()))?;
        }
        output.line(format!(
            "{}: {}, {}, {}",
            plural(&checked.files, "file"),
            plural(&errors, "error"),
            plural(&warnings, "warning"),
            plural(&notes, "note")
        ))?;
    }
    Ok(Answer::from_bool(errors == 0))
}

impl Checked {
    fn directory(&mut self, path: &Path, args: &Args) -> Result<(), Trouble> {
        let applications = App::discover(path);
        if applications.is_empty() {
            // Its error says what was looked for.
            App::load(path)?;
        }
        for directory in applications {
            let app = App::load_with(&directory, &LoadOptions { environment: args.tag.clone() })?;
            self.applications += 1;
            self.files += app.files_read;
            let mut findings = app.findings.clone();
            findings.extend(if args.portable { app.check_portable() } else { app.check() });
            findings.extend(functions::findings(&app));
            findings.extend(not_served::findings(&app));
            if args.secrets.is_given() {
                let secrets = args.secrets.read(&app)?;
                findings.retain(|found| found.finding.code != "secret-unlisted");
                findings.extend(app.missing_secrets(&secrets));
            }
            findings.extend(args.live.findings(&app)?);
            if let Some(counted) = args.live.counted(&app)? {
                findings.extend(counted.findings);
                self.counted.push(counted.json);
            }
            // The directory distinguishes the files of several applications.
            self.findings.extend(renamed(findings, &directory));
        }
        Ok(())
    }

    fn file(&mut self, argument: &str, portable: bool) -> Result<(), Trouble> {
        let (name, bytes) = match argument {
            "-" => input::read_bytes(argument, "rules")?,
            text if input::is_json(text) => input::read_bytes(argument, "rules")?,
            path => (path.to_owned(), input::read_file(Path::new(path))?),
        };
        self.files += 1;
        let path = Path::new(&name).to_path_buf();
        let source = Arc::new(Source::new(name, String::from_utf8_lossy(&bytes)));
        let node = match portcullis::json::parse_bytes(&bytes) {
            Ok(node) => node,
            Err(error) => {
                self.findings.push(FileFinding { source, pointer: None, finding: error.into() });
                return Ok(());
            }
        };
        let mut found = check_file(&path, &node)?;
        if portable {
            found.extend(unportable(&node));
        }
        self.findings.extend(found.into_iter().map(|finding| FileFinding {
            source: Arc::clone(&source),
            pointer: Some(node.pointer_at(finding.span)),
            finding,
        }));
        Ok(())
    }
}

/// Determines the kind of a single file by its name or, failing that, by its keys, and checks it.
fn check_file(path: &Path, node: &Node) -> Result<Vec<Finding>, Trouble> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let has = |key: &str| node.get(key).is_some();
    if name == "custom_user_data.json" || has("user_id_field") {
        return Ok(errors(CustomDataConfig::compile(node).err()));
    }
    if name == "schema.json" || (!has("roles") && !has("filters") && (has("bsonType") || has("properties"))) {
        let (schema, found) = Schema::compile_in_part(node);
        return Ok(errors(Some(found)).into_iter().chain(lint::lint_schema(&schema)).collect());
    }
    let is_rules = matches!(name.as_str(), "rules.json" | "default_rule.json")
        || ["roles", "filters", "schema", "collection"].into_iter().any(has);
    if !is_rules && node.as_object().is_some() {
        return Err(Trouble::usage(format!(
            "`{}` is neither a rules file (`roles`, `filters`) nor a schema (`bsonType`) nor a custom user data \
             (`user_id_field`); other files are checked with their application: `portcullis check DIR`",
            path.display()
        )));
    }
    Ok(match policy::compile(node) {
        Ok(rules) => lint::lint_rules(&rules, node),
        // An error in one part does not suppress the findings about others.
        Err(found) => {
            let rest = lint::lint_rules_in_part(&policy::compile_in_part(node), node);
            errors(Some(found)).into_iter().chain(rest).collect()
        }
    })
}

/// Findings about what App Services does not support in a single file.
fn unportable(node: &Node) -> Vec<Finding> {
    let rules = policy::compile_in_part(node).rules;
    let roles = rules.roles.iter().flatten().flat_map(Role::rules).map(|(_, rule)| rule);
    let filters = rules.filters.iter().flat_map(|filter| std::iter::once(&filter.apply_when).chain(&filter.query));
    let (schema, _) = Schema::compile_in_part(node.get("schema").unwrap_or(node));
    let predicates = roles.chain(filters).map(|rule| &rule.predicate).chain(schema.validates());
    let mut found = lint::lint_portable(predicates);
    found.extend(lint::lint_portable_templates(node));
    found
}

fn errors<K>(found: Option<Vec<Located<K>>>) -> Vec<Finding>
where
    Finding: From<Located<K>>,
{
    found.unwrap_or_default().into_iter().map(Finding::from).collect()
}
