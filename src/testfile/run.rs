use std::path::Path;
use std::sync::Arc;

use bson::{DateTime, Document};
use serde_json::{Value, json};
use thiserror::Error;

use super::case::{Case, GivenDocuments, Kind};
use super::compare::{self, Answer};
use super::file::TestFile;
use super::report::{CaseResult, Report};
use super::setting::{AsRule, FunctionHost, OpenFunctions, Setting};
use crate::access::{Guard, Query};
use crate::app::{App, AppError, Policies, Secrets, ServiceAmbiguous};
use crate::auth::{self, Assembly, CustomDataConfig, Provider, VerifiedClaims};
use crate::eval::{Context, Errors, Evaluation, Functions, Truth, bind};
use crate::expr;
use crate::json::{self, Node};
use crate::policy::{self, Policy, RulesFile};
use crate::predicate::{self, Scope};
use crate::template::{self, Substitutions};
use crate::text::Finding;
use crate::user::User;
use crate::value::DocumentRef;

/// Why a file's cases cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The rules for a case are invalid.
    #[error("the rules of the case `{case}` do not load: {}", .findings.first().map_or("", |finding| &finding.message))]
    RulesInvalid {
        /// The name of the case.
        case: String,
        /// The errors, with positions in the test file.
        findings: Vec<Finding>,
    },
    /// The application directory cannot be read.
    #[error("{0}")]
    App(AppError),
    /// Several data sources of the application have the namespace.
    #[error("{0}")]
    Service(ServiceAmbiguous),
    /// The functions of the application are to be run, but the host cannot run any, or failed to prepare them.
    #[error("the functions of the case `{case}` cannot be run: {reason}")]
    Functions {
        /// The name of the case.
        case: String,
        /// The reason.
        reason: String,
    },
    /// A case needs rules or a namespace, but neither the case nor the file has them.
    #[error("the case `{0}` has no rules: give `rules`, or `app` with `in`")]
    RulesMissing(String),
}

/// Runs the cases of a file.
///
/// # Errors
/// If the rules for a case are missing or invalid.
pub fn run(file: &TestFile) -> Result<Report, RunError> {
    run_with(file, &NoFunctions)
}

/// Like [`run`], with a host that runs functions for files with `"functions": "run"`.
///
/// # Errors
/// Same as [`run`]. Also fails if functions cannot be prepared.
pub fn run_with(file: &TestFile, host: &dyn FunctionHost) -> Result<Report, RunError> {
    let mut report = Report::default();
    let shared = Shared::load(file)?;
    for case in &file.cases {
        let answer = answer(file, case, &shared, host)?;
        let outcome = if answer.agrees {
            CaseResult::Passed
        } else {
            CaseResult::Failed { expected: case.expect.to_json(), got: answer.got }
        };
        report.cases.push((case.name.clone(), outcome));
    }
    Ok(report)
}

/// The results of all cases, in order and in the format of expectations, regardless of what the cases expect. For a
/// denial, `reason` explains it.
///
/// # Errors
/// If the application directory cannot be read. The error of a single case is in its result; see [`run`].
///
/// ```
/// use portcullis::testfile::{TestFile, answers};
/// let text = br#"{"cases": [{"name": "one", "expression": {"a": 1}, "given": {"root": {"a": 2}}, "expect": true}]}"#;
/// let file = TestFile::parse("tests.json", text, ".".as_ref()).unwrap();
/// let answers = answers(&file).unwrap();
/// assert_eq!(answers[0].as_ref().unwrap(), &serde_json::json!(false));
/// ```
pub fn answers(file: &TestFile) -> Result<Vec<Result<Value, RunError>>, RunError> {
    let shared = Shared::load(file)?;
    Ok(file.cases.iter().map(|case| Ok(answer(file, case, &shared, &NoFunctions)?.got)).collect())
}

/// A host that cannot run functions.
struct NoFunctions;

impl FunctionHost for NoFunctions {
    fn open(&self, _: Setting) -> Result<Arc<dyn OpenFunctions>, String> {
        Err("nothing here runs functions; `portcullis test` does".to_owned())
    }
}

/// The state that the cases of a file share.
struct Shared {
    rules: Option<Loaded>,
    app: Option<(App, Policies)>,
}

impl Shared {
    fn load(file: &TestFile) -> Result<Self, RunError> {
        Ok(Self { rules: file.rules.as_ref().map(load), app: file.app.as_deref().map(load_app).transpose()? })
    }
}

fn load_app(directory: &Path) -> Result<(App, Policies), RunError> {
    let app = App::load(directory).map_err(RunError::App)?;
    let policies = app.policies();
    Ok((app, policies))
}

type Loaded = Result<Option<Arc<Policy>>, Vec<Finding>>;

fn load(node: &Node) -> Loaded {
    match policy::compile(node) {
        Ok(rules) => Ok(RulesFile::effective(Some(&rules), None).map(Arc::new)),
        Err(errors) => Err(errors.into_iter().map(Finding::from).collect()),
    }
}

fn context(file: &TestFile, case: &Case, functions: Arc<dyn Functions>) -> Context {
    let given = file.given.replaced_by(&case.given);
    let mut context = Context::new().with_functions(functions);
    if let Some(now) = file.now {
        context = context.with_now(now);
    }
    if let Some(user) = &case.user {
        context = context.with_user(user.clone());
    }
    if let Some(values) = given.values {
        context = context.with_values(values);
    }
    if let Some(environment) = given.environment {
        context = context.with_environment(environment);
    }
    if let Some(secrets) = &file.secrets {
        context = context.with_secrets(secrets.clone());
    }
    if let Some(request) = given.request {
        context = context.with_request(request);
    }
    context
}

fn guard(file: &TestFile, case: &Case, shared: &Shared, context: Context) -> Result<Guard, RunError> {
    let own = case.rules.as_ref().map(load);
    let namespace = case.namespace.as_ref().or(file.namespace.as_ref());
    let policy = match (own.as_ref().or(shared.rules.as_ref()), &shared.app, namespace) {
        (None, Some((app, policies)), Some(namespace)) => {
            return policies.guard(app, namespace, None, context).map_err(RunError::Service);
        }
        (None, ..) => return Err(RunError::RulesMissing(case.name.clone())),
        (Some(loaded), ..) => loaded,
    };
    let policy = match policy {
        Ok(policy) => policy.clone(),
        Err(findings) => {
            return Err(RunError::RulesInvalid { case: case.name.clone(), findings: findings.clone() });
        }
    };
    Ok(Guard::new(policy, context).in_namespace(namespace.map_or("", String::as_str)))
}

fn answer(file: &TestFile, case: &Case, shared: &Shared, host: &dyn FunctionHost) -> Result<Answer, RunError> {
    let open = match &shared.app {
        Some((app, _)) if file.runs_functions => {
            let opened = host.open(setting(file, case, app));
            Some(opened.map_err(|reason| RunError::Functions { case: case.name.clone(), reason })?)
        }
        _ => None,
    };
    let context = || {
        let functions: Arc<dyn Functions> = match &open {
            None => file.host(),
            Some(open) => {
                let request = file.given.replaced_by(&case.given).request;
                let user = case.user.clone().unwrap_or_else(User::system);
                Arc::new(AsRule { open: Arc::clone(open), user, request })
            }
        };
        context(file, case, functions)
    };
    let guard = || guard(file, case, shared, context());
    let expect = &case.expect;
    Ok(match &case.kind {
        Kind::Expression { expression, scope, documents } => {
            expression_case(expect, expression, *scope, documents, (context(), file.now))
        }
        Kind::Read(document) => compare::read(expect, guard()?.read(document)),
        Kind::Search(document) => compare::read(expect, guard()?.search(document)),
        Kind::Insert(new) => compare::write(expect, &guard()?.insert(new)),
        Kind::Update(before, after) => compare::write(expect, &guard()?.update(before, after)),
        Kind::Delete(stored) => compare::write(expect, &guard()?.delete(stored)),
        Kind::Load(node) => load_case(expect, node),
        Kind::Template(node) => template_case(expect, node, file, case),
        Kind::Resolve { template, documents, missing, secrets } => {
            super::resolve::answer(expect, template, documents, (*missing, *secrets), context(), file.now)
        }
        Kind::Call { function, arguments, caller, .. } => match &open {
            Some(open) => super::call::answer(expect, file, case, open.as_ref(), (function, arguments, *caller)),
            // The format requires what is missing here.
            None => return Err(RunError::RulesMissing(case.name.clone())),
        },
        Kind::Query { query, documents } => query_case(expect, query, documents, &guard()?),
        Kind::User { claims, documents, config, provider } => {
            user_case(expect, claims, documents, config.as_ref(), provider.as_ref())
        }
    })
}

/// The environment in which the functions of a case run.
fn setting(file: &TestFile, case: &Case, app: &App) -> Setting {
    let given = file.given.replaced_by(&case.given);
    let mut app = app.clone();
    if let Some(values) = given.values {
        app.values = values;
    }
    if let Some(environment) = given.environment {
        app.environment = environment;
    }
    let mut secrets = Secrets::default();
    for (name, value) in file.secrets.iter().flatten() {
        if let Some(text) = value.as_str() {
            secrets.insert(name.as_str(), text);
            app.secret_values.insert(name.clone(), name.clone());
        }
    }
    let (documents, http) = match &case.kind {
        Kind::Call { documents, http, .. } => (documents.clone(), http.clone()),
        _ => (None, None),
    };
    Setting {
        app: Arc::new(app),
        secrets,
        users: file.users.values().cloned().collect(),
        documents: documents.unwrap_or_else(|| file.documents.clone()),
        http: http.unwrap_or_else(|| file.http.clone()),
        now: file.now,
    }
}

fn expression_case(
    expect: &Node,
    node: &Node,
    scope: Scope,
    given: &GivenDocuments,
    (context, time): (Context, Option<DateTime>),
) -> Answer {
    let expr = match expr::parse(node) {
        Ok(expr) => expr,
        Err(errors) => return compare::message(expect, "invalid", &strings(&errors)),
    };
    let predicate = match predicate::lower(&expr, scope) {
        Ok(predicate) => predicate,
        Err(errors) => return compare::message(expect, "invalid", &strings(&errors)),
    };
    let context = given.supply(context, time);
    let documents = given.documents();
    let errors = Errors::default();
    let truth = Evaluation::new(documents, &context, &errors).truth(&bind(&predicate, &context));
    match truth {
        Truth::True => Answer { agrees: expect.as_bool() == Some(true), got: json!(true) },
        Truth::False => Answer { agrees: expect.as_bool() == Some(false), got: json!(false) },
        Truth::Unknown => Answer { agrees: expect.as_str() == Some("unknown"), got: json!("unknown") },
        Truth::Error => compare::message(expect, "error", &strings(&errors.into_vec())),
    }
}

fn strings<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn query_case(expect: &Node, query: &Node, documents: &[Document], guard: &Guard) -> Answer {
    let found = Query::compile(query.get("filter"), query.get("projection"), query.get("sort"))
        .map_err(|error| error.to_string())
        .and_then(|query| {
            let found = guard.find(&query, documents.iter().map(DocumentRef::from));
            let plan = guard.narrow(&query).map_err(|error| error.to_string())?;
            Ok((found.map_err(|error| error.to_string())?, plan.filter()))
        });
    match found {
        Ok((found, sent)) => compare::query(expect, &found, sent),
        Err(message) => compare::message(expect, "error", &[message]),
    }
}

fn load_case(expect: &Node, node: &Node) -> Answer {
    match policy::compile(node) {
        Ok(_) => Answer { agrees: expect.get("valid").is_some(), got: json!({"valid": true}) },
        Err(errors) => compare::messages(expect, "invalid", &strings(&errors)),
    }
}

fn user_case(
    expect: &Node,
    claims: &Document,
    documents: &[Document],
    config: Option<&Node>,
    provider: Option<&Node>,
) -> Answer {
    match assemble(claims, documents, config, provider) {
        Ok(user) => {
            let user = user.to_document();
            let expected = expect.get("user").and_then(|node| json::to_document(node).ok());
            // Expectations may leave out what is empty.
            let expected = expected.and_then(|document| super::user(document).ok());
            let agrees = expected.is_some_and(|expected| expected.to_document() == user);
            Answer { agrees, got: json!({ "user": json::from_bson(&user.into()) }) }
        }
        Err(messages) => compare::message(expect, "error", &messages),
    }
}

fn assemble(
    claims: &Document,
    documents: &[Document],
    config: Option<&Node>,
    provider: Option<&Node>,
) -> Result<User, Vec<String>> {
    let config = config.map(CustomDataConfig::compile).transpose().map_err(|errors| strings(&errors))?;
    let provider = provider.map(Provider::compile).transpose().map_err(|errors| strings(&errors))?;
    let assembly =
        Assembly { provider: provider.as_ref(), custom_data: config.as_ref().map(|config| (config, documents)) };
    let assembled = auth::assemble(&VerifiedClaims::trusted(claims.clone()), &assembly);
    assembled.map(|assembled| assembled.user).map_err(|error| vec![error.to_string()])
}

fn template_case(expect: &Node, node: &Node, file: &TestFile, case: &Case) -> Answer {
    let given = file.given.replaced_by(&case.given);
    let environment = given.environment.unwrap_or_default();
    let substitutions = Substitutions::new(Some(&environment), given.values.as_ref());
    match template::expand(node, &substitutions) {
        Ok(expanded) => {
            let got = expanded.to_json();
            Answer { agrees: expect.to_json() == got, got }
        }
        Err(errors) => compare::message(expect, "invalid", &strings(&errors)),
    }
}
