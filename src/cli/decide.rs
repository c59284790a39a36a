use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstyle::AnsiColor;
use bson::{Bson, Document};
use clap::ValueEnum;
use portcullis::access::{Decision, Guard, Operation, Reason, Visible};
use portcullis::app::{App, Applicable};
use portcullis::json::{self, Chunk};
use portcullis::login::DataAge;
use portcullis::policy::{self, Policy, RulesFile};
use portcullis::schema::Schema;
use portcullis::text::{Finding, OneLine, Source, closest};
use portcullis::user::{CustomData, User};
use portcullis::value::DocumentRef;
use serde_json::{Map, Value, json};

use super::accounts::{bearer, block_on, read_token, warn, with_custom_data};
use super::application::load_app;
use super::context::ContextArgs;
use super::freshness::FreshnessArgs;
use super::input::{Input, standard_input};
use super::output::{Output, note, paint};
use super::secrets::SecretArgs;
use super::stores::StoreArgs;
use super::trouble::Trouble;
use super::{Answer, explain};

const EXAMPLES: &str = "\
Examples:
  portcullis decide read employee.json --app DIR --in hr.employees --user ada.json
  portcullis decide update before.json after.json --rules rules.json --user ada.json --explain
  mongoexport … | portcullis decide read - --app DIR --in hr.employees --user ada.json
  portcullis decide read employee.json --app DIR --in hr.employees --user '{\"id\": \"u1\"}' --custom-data users.json
  portcullis decide read employee.json --app DIR --in hr.employees --token login.json --fresh live

Of documents on standard input each is decided by itself; for an update each is {\"before\": …, \"after\": …}.";

/// Decide what a user may do with a document: prints the decision, its reason, and what a read shows
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What the user wants to do
    operation: Verb,
    /// The document; for an update the stored one and the new one; `-`: documents on standard input, one after the other
    #[arg(value_name = "JSON|FILE|-", required = true, num_args = 1..=2)]
    documents: Vec<String>,
    /// The application directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["rules", "schema"])]
    app: Option<PathBuf>,
    /// The document's collection, as `database.collection`
    #[arg(long = "in", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The data source, where several have the collection
    #[arg(long, requires = "app")]
    service: Option<String>,
    /// The tag of the application's environment
    #[arg(long, requires = "app")]
    tag: Option<String>,
    /// A rules file, instead of an application
    #[arg(long, value_name = "FILE")]
    rules: Option<String>,
    /// A schema file beside --rules
    #[arg(long, value_name = "FILE", requires = "rules")]
    schema: Option<String>,
    /// Print every role tried and every condition with both operands and its truth
    #[arg(long)]
    explain: bool,
    /// The access token of the user, ours: itself, or a file that `portcullis login --json` printed
    #[arg(long, value_name = "TOKEN|FILE|-", requires = "app", conflicts_with_all = ["user", "rules"])]
    token: Option<String>,
    #[command(flatten)]
    freshness: FreshnessArgs,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verb {
    /// Read a stored document
    Read,
    /// Find a stored document by a search
    Search,
    /// Insert a document
    Insert,
    /// Make of a stored document another
    Update,
    /// Delete a stored document
    Delete,
}

/// What is asked about.
enum Subject {
    One(Document),
    Pair(Document, Document),
}

impl Subject {
    /// What is asked about it.
    fn operation(&self, verb: Verb) -> Operation<'_> {
        let (first, second) = match self {
            Self::One(document) => (DocumentRef::from(document), DocumentRef::from(document)),
            Self::Pair(before, after) => (DocumentRef::from(before), DocumentRef::from(after)),
        };
        match verb {
            Verb::Read => Operation::Read(first),
            Verb::Search => Operation::Search(first),
            Verb::Insert => Operation::Insert(first),
            Verb::Update => Operation::Update(first, second),
            Verb::Delete => Operation::Delete(first),
        }
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let streamed = args.documents.first().is_some_and(|first| first == "-");
    if args.app.is_none() && (args.service.is_some() || args.tag.is_some()) {
        return Err(Trouble::usage("--service and --tag belong to --app"));
    }
    if let Some(problem) = wrong_number(args.operation, &args.documents, streamed) {
        return Err(Trouble::usage(problem));
    }
    let (guard, age) = guard(args)?;
    let mut decider = Decider { args, guard: &guard, age, output, decided: 0, denied: 0, broken: 0, several: streamed };
    if streamed {
        decider.begin()?;
        decider.stream()?;
    } else {
        let subject = subject(args)?;
        decider.begin()?;
        decider.decide(&subject, None)?;
    }
    decider.end()
}

fn wrong_number(operation: Verb, documents: &[String], streamed: bool) -> Option<&'static str> {
    match (operation, documents.len(), streamed) {
        (_, 2, true) => Some("documents come either as arguments or from standard input"),
        (Verb::Update, 1, false) => Some("an update takes two documents: the stored one and the new one"),
        (Verb::Read | Verb::Search | Verb::Insert | Verb::Delete, 2, _) => {
            Some("only an update takes two documents; to decide about several, pipe them in and write `-`")
        }
        _ => None,
    }
}

fn subject(args: &Args) -> Result<Subject, Trouble> {
    let read = |argument: &String| Input::read(argument, "document")?.document("the document");
    match args.documents.as_slice() {
        [before, after] => Ok(Subject::Pair(read(before)?, read(after)?)),
        [document] => Ok(Subject::One(read(document)?)),
        _ => Err(Trouble::usage("a document is missing")),
    }
}

/// The guard, and how old the user object is if it was not given.
fn guard(args: &Args) -> Result<(Guard, Option<DataAge>), Trouble> {
    match (&args.app, &args.rules) {
        (Some(directory), _) => {
            let namespace = args.namespace.as_deref().ok_or_else(|| {
                Trouble::usage("--app needs --in, the document's collection: `--in database.collection`")
            })?;
            if !namespace
                .split_once('.')
                .is_some_and(|(database, collection)| !database.is_empty() && !collection.is_empty())
            {
                return Err(Trouble::usage(format!("--in `{namespace}` is not of the form database.collection")));
            }
            app_guard(args, directory, namespace)
        }
        (None, Some(rules)) => {
            let policy = rules_policy(rules, args)?;
            let namespace = args.namespace.as_deref().unwrap_or_default();
            let context = args.context.context(args.context.user()?)?;
            Ok((Guard::new(policy, context).in_namespace(namespace), None))
        }
        (None, None) => Err(Trouble::usage("by which rules? give --app DIR with --in NAMESPACE, or --rules FILE")),
    }
}

fn app_guard(args: &Args, directory: &Path, namespace: &str) -> Result<(Guard, Option<DataAge>), Trouble> {
    let app = load_app(directory, args.tag.as_deref())?;
    if args.stores.is_ours(namespace) {
        return Err(Trouble::usage(format!(
            "`{namespace}` holds our users or sessions: it is closed, whatever the rules say"
        )));
    }
    if let Some(service) = &args.service
        && !app.data_sources.iter().any(|source| source.name == *service)
    {
        let known: Vec<_> = app.data_sources.iter().map(|source| format!("`{}`", source.name)).collect();
        return Err(Trouble::usage(format!("no data source is called `{service}`; there are {}", known.join(", "))));
    }
    let policies = app.policies();
    if let Applicable::Invalid = policies.applicable(&app, namespace, args.service.as_deref())? {
        let files = app.files_of(namespace, args.service.as_deref());
        let found = app.findings.iter().chain(policies.findings());
        let found = found.filter(|found| files.iter().any(|file| file == found.source.name())).cloned().collect();
        return Err(Trouble::Files { what: format!("the rules of `{namespace}` do not load"), found });
    }
    if app.collection(namespace, args.service.as_deref())?.is_none() {
        let names = app.collections.iter().map(|collection| collection.namespace.as_str());
        let hint = closest(namespace, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        note(&format!("no file of the application speaks of `{namespace}`{hint}"));
    }
    let (user, age) = user(args, &app)?;
    let context = app.with_secrets(args.context.context(user)?, &args.secrets.read(&app)?);
    Ok((app.guard(&policies, namespace, args.service.as_deref(), context)?, age))
}

/// Who asks: the bearer of the token, or the user given, with custom data looked up where that is possible and wanted.
fn user(args: &Args, app: &App) -> Result<(Option<User>, Option<DataAge>), Trouble> {
    if let Some(token) = &args.token {
        let token = read_token(token, &["access_token"])?;
        let freshness = args.freshness.freshness();
        let bearer = block_on(bearer(app, &args.stores, &token, freshness))?;
        warn(&bearer.warnings);
        return Ok((Some(bearer.user), Some(bearer.age)));
    }
    match args.context.user()? {
        // A server can be named for everything that a shell runs; custom data that there is none of is not asked for by it.
        Some(user) if user.custom_data == CustomData::Absent && args.stores.serves_custom_data(app)? => {
            let (user, age) = block_on(with_custom_data(app, &args.stores, user))?;
            Ok((Some(user), Some(age)))
        }
        user if args.stores.names_custom_data() => Err(Trouble::usage(match user {
            None => "--custom-data needs a user: --user '{\"id\": \"…\"}'",
            Some(_) => "--custom-data looks up what the object given by --user has already: `custom_data`",
        })),
        user => Ok((user, None)),
    }
}

fn rules_policy(rules: &str, args: &Args) -> Result<Option<Arc<Policy>>, Trouble> {
    let input = args.context.expanded(Input::read(rules, "rules")?, "the rules")?;
    let mut rules = policy::compile(&input.node).map_err(|errors| {
        let findings = errors.into_iter().map(Finding::from).collect();
        Trouble::findings("the rules", &input.source, Some(&input.node), findings)
    })?;
    if let Some(schema) = &args.schema {
        let input = args.context.expanded(Input::read(schema, "schema")?, "the schema")?;
        let schema = Schema::compile(&input.node).map_err(|errors| {
            let findings = errors.into_iter().map(Finding::from).collect();
            Trouble::findings("the schema", &input.source, Some(&input.node), findings)
        })?;
        rules.schema = Some(schema);
    }
    Ok(RulesFile::effective(Some(&rules), None).map(Arc::new))
}

struct Decider<'a> {
    args: &'a Args,
    guard: &'a Guard,
    age: Option<DataAge>,
    output: &'a mut Output,
    decided: usize,
    denied: usize,
    broken: usize,
    several: bool,
}

impl Decider<'_> {
    /// The JSON document is written piece by piece, so that any number of documents can be decided about.
    fn begin(&mut self) -> Result<(), Trouble> {
        if self.output.is_json() { self.output.text("{\"decisions\": [") } else { Ok(()) }
    }

    fn end(self) -> Result<Answer, Trouble> {
        if self.output.is_json() {
            self.output.line("\n]}")?;
        }
        match self.broken {
            0 if self.decided == 0 => Err(Trouble::Reported("there was no document on standard input".to_owned())),
            0 => Ok(Answer::from_bool(self.denied == 0)),
            1 => Err(Trouble::Reported("1 document could not be read".to_owned())),
            several => Err(Trouble::Reported(format!("{several} documents could not be read"))),
        }
    }

    fn element(&mut self, value: &Value) -> Result<(), Trouble> {
        let comma = if self.decided + self.broken > 1 { ",\n" } else { "\n" };
        self.output.text(format!("{comma}{value}"))
    }

    /// Decides about every document on standard input. One that cannot be read does not keep the others from being
    /// decided.
    fn stream(&mut self) -> Result<(), Trouble> {
        for chunk in json::Stream::new(standard_input()?) {
            let failed = |error| Trouble::Read { name: "standard input".to_owned(), error };
            let Chunk { line, bytes } = chunk.map_err(failed)?;
            match self.read(line, &bytes) {
                Ok(subject) => self.decide(&subject, Some(line))?,
                Err(trouble) => {
                    self.broken += 1;
                    if self.output.is_json() {
                        self.element(&json!({ "line": line, "error": trouble.to_string() }))?;
                    }
                    self.output.flush()?;
                    self.output.report(&trouble);
                }
            }
        }
        Ok(())
    }

    fn read(&self, line: usize, bytes: &[u8]) -> Result<Subject, Trouble> {
        let source = Source::new("<standard input>", String::from_utf8_lossy(bytes)).from_line(line);
        let input = Input::parse(source, bytes, "a document")?;
        if self.args.operation != Verb::Update {
            return Ok(Subject::One(input.document("a document")?));
        }
        let mut pair = input.document("an update")?;
        match (pair.remove("before"), pair.remove("after"), pair.is_empty()) {
            (Some(Bson::Document(before)), Some(Bson::Document(after)), true) => Ok(Subject::Pair(before, after)),
            _ => Err(Trouble::usage(format!(
                "line {line}: an update on standard input is {{\"before\": {{…}}, \"after\": {{…}}}}"
            ))),
        }
    }

    /// `line` is where the document begins on standard input.
    fn decide(&mut self, subject: &Subject, line: Option<usize>) -> Result<(), Trouble> {
        let operation = subject.operation(self.args.operation);
        let summary = match operation {
            Operation::Read(stored) => Summary::of_read(self.guard.read(stored)),
            Operation::Search(stored) => Summary::of_read(self.guard.search(stored)),
            Operation::Insert(new) => Summary::of_write(&self.guard.insert(new)),
            Operation::Update(stored, new) => Summary::of_write(&self.guard.update(stored, new)),
            Operation::Delete(stored) => Summary::of_write(&self.guard.delete(stored)),
        };
        self.decided += 1;
        self.denied += usize::from(summary.reason.is_some());
        let explanation = self.args.explain.then(|| self.guard.explain(operation));
        if self.output.is_json() {
            let mut decision = summary.to_json();
            if let Some(explanation) = &explanation {
                decision.insert("explanation".to_owned(), explain::to_json(explanation, self.age));
            }
            decision.extend(line.map(|line| ("line".to_owned(), json!(line))));
            return self.element(&Value::Object(decision));
        }
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        self.output.line(format!("{place}{}", summary.headline(self.args.operation)))?;
        for line in summary.details() {
            self.output.line(format!("  {}", OneLine(line)))?;
        }
        if let Some(visible) = &summary.visible {
            self.output.line(if self.several { visible.to_string() } else { pretty(visible) })?;
        }
        for line in explanation.iter().flat_map(|explanation| explain::lines(explanation, self.age)) {
            self.output.line(line)?;
        }
        Ok(())
    }
}

fn pretty(value: &Value) -> String {
    json::parse(&value.to_string()).map_or_else(|_| value.to_string(), |node| node.to_pretty())
}

/// A decision, ready to be shown.
struct Summary {
    role: Option<String>,
    reason: Option<Reason>,
    errors: Vec<String>,
    visible: Option<Value>,
}

impl Summary {
    fn new<T>(decision: &Decision<T>) -> Self {
        Self {
            role: decision.role().map(str::to_owned),
            reason: decision.reason().cloned(),
            errors: decision.errors().iter().map(ToString::to_string).collect(),
            visible: None,
        }
    }

    fn of_read(decision: Decision<Visible<'_>>) -> Self {
        let mut summary = Self::new(&decision);
        match decision.allowed().map(|visible| visible.to_document()) {
            Some(Ok(document)) => summary.visible = Some(json::from_bson(&Bson::Document(document))),
            Some(Err(error)) => {
                summary.reason = Some(Reason::Failed);
                summary.errors.push(error.to_string());
            }
            None => {}
        }
        summary
    }

    fn of_write(decision: &Decision<()>) -> Self {
        Self::new(decision)
    }

    fn headline(&self, verb: Verb) -> String {
        let role = self.role.as_ref().map_or_else(String::new, |role| format!(" as `{}`", OneLine(role)));
        match &self.reason {
            None => format!("{}{role}", paint("allowed", AnsiColor::Green)),
            Some(Reason::Fields(_)) => {
                let what = match verb {
                    Verb::Delete => "deleting needs every field to be writable; not writable are",
                    Verb::Insert => "inserting needs every field to be writable; not writable are",
                    Verb::Read | Verb::Search | Verb::Update => "some fields may not be written",
                };
                format!("{}{role}: {what}", paint("denied", AnsiColor::Red))
            }
            Some(Reason::Schema(_)) => {
                format!("{}{role}: the schema refuses the document", paint("denied", AnsiColor::Red))
            }
            Some(reason) => format!("{}{role}: {}", paint("denied", AnsiColor::Red), OneLine(reason)),
        }
    }

    fn details(&self) -> Vec<String> {
        let mut lines: Vec<String> = match &self.reason {
            Some(Reason::Fields(fields)) => fields.iter().map(|field| format!("field: {field}")).collect(),
            Some(Reason::Schema(failures)) => failures.iter().map(|failure| format!("schema: {failure}")).collect(),
            _ => Vec::new(),
        };
        lines.extend(self.errors.iter().map(|error| format!("error: {error}")));
        lines
    }

    fn to_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("allowed".to_owned(), json!(self.reason.is_none()));
        object.insert("role".to_owned(), json!(self.role));
        if let Some(reason) = &self.reason {
            object.insert("reason".to_owned(), json!({ "code": reason.code(), "message": reason.to_string() }));
            match reason {
                Reason::Fields(fields) => {
                    object.insert("fields".to_owned(), json!(fields));
                }
                Reason::Schema(failures) => {
                    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
                    object.insert("schema".to_owned(), json!(failures));
                }
                _ => {}
            }
        }
        object.insert("errors".to_owned(), json!(self.errors));
        object.extend(self.visible.clone().map(|visible| ("document".to_owned(), visible)));
        object
    }
}
