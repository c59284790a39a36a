use std::sync::Arc;

use portcullis::app::Function;
use portcullis::expr;
use portcullis::json::{Kind, Node};
use portcullis::predicate::{Predicate, Scope, lower};

use super::packages::Packages;
use super::requires::{Found, search};
use super::{Problem, syntax};

/// A function that is ready to run, or has been rejected.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) source: Arc<str>,
    pub(crate) private: bool,
    pub(crate) condition: Condition,
    pub(crate) run_as: RunAs,
    /// Why it cannot run.
    pub(crate) refused: Option<String>,
}

/// The condition in `can_evaluate`.
#[derive(Debug)]
pub(crate) enum Condition {
    /// No condition.
    Always,
    /// The condition must hold.
    If(Predicate),
    /// The condition must hold, and evaluating it may call functions.
    Asking(Predicate),
}

/// The user that a function runs as, according to its settings.
#[derive(Clone, Debug)]
pub(crate) enum RunAs {
    /// No setting.
    Caller,
    System,
    User(String),
    /// The source of a function that determines the user.
    Script(Arc<str>),
}

impl Entry {
    pub(super) fn new(function: &Function, file: String, source: Arc<str>) -> Self {
        let settings = condition(function).and_then(|condition| Ok((condition, run_as(&function.config.node)?)));
        let settings = match function.misspelt() {
            Some((key, meant @ "can_evaluate")) => {
                Err(format!("its key `{key}` is not `{meant}`, without which anybody could call it"))
            }
            _ => settings,
        };
        let (settings, refused) = match settings {
            Ok(settings) => (settings, None),
            Err(reason) => ((Condition::Always, RunAs::Caller), Some(reason)),
        };
        let (condition, run_as) = settings;
        let (name, private) = (function.name.clone(), function.private);
        Self { name, file, source, private, condition, run_as, refused }
    }

    /// Code that is not one of the application's functions; it runs as its caller.
    pub(super) fn script(name: &str, file: String, source: Arc<str>) -> Self {
        let (name, condition, run_as) = (name.to_owned(), Condition::Always, RunAs::Caller);
        Self { name, file, source, private: true, condition, run_as, refused: None }
    }

    pub(super) fn refused(function: &Function, file: String, reason: String) -> Self {
        Self { refused: Some(reason), ..Self::new(function, file, "".into()) }
    }

    /// The problems that prevent the function from running.
    pub(super) fn check(&self, packages: &Packages) -> Vec<Problem> {
        let problem = |file: &str, line: Option<u32>, message: String| Problem {
            function: self.name.clone(),
            file: file.to_owned(),
            line,
            message,
        };
        if let Some(reason) = &self.refused {
            return vec![problem(&self.file, None, reason.clone())];
        }
        let mut problems: Vec<Problem> = search(&self.file, &self.source, packages)
            .into_iter()
            .map(|Found { file, line, message }| problem(&file, Some(line), message))
            .collect();
        if problems.is_empty()
            && let Err(error) = syntax::check(&self.file, &self.source)
        {
            problems.push(problem(&self.file, error.line, error.message));
        }
        if let RunAs::Script(script) = &self.run_as
            && let Err(error) = syntax::check(&self.file, script)
        {
            let message = format!("run_as_user_id_script_source: {}", error.message);
            problems.push(problem(&self.file, None, message));
        }
        problems
    }
}

fn condition(function: &Function) -> Result<Condition, String> {
    let Some(node) = function.can_evaluate() else { return Ok(Condition::Always) };
    if node.as_object().is_some_and(<[_]>::is_empty) {
        return Ok(Condition::Always);
    }
    let broken = |reason: Option<String>| format!("its can_evaluate is broken: {}", reason.unwrap_or_default());
    let expr = expr::parse(node).map_err(|errors| broken(errors.first().map(ToString::to_string)))?;
    let predicate = lower(&expr, Scope::Endpoint).map_err(|errors| broken(errors.first().map(ToString::to_string)))?;
    Ok(if calls_functions(node) { Condition::Asking(predicate) } else { Condition::If(predicate) })
}

fn calls_functions(condition: &Node) -> bool {
    match &condition.kind {
        Kind::Object(members) => {
            members.iter().any(|member| member.key == "%function" || calls_functions(&member.value))
        }
        Kind::Array(elements) => elements.iter().any(calls_functions),
        _ => false,
    }
}

fn run_as(config: &Node) -> Result<RunAs, String> {
    let system = match config.get("run_as_system") {
        None => false,
        Some(node) if matches!(node.kind, Kind::Null) => false,
        Some(node) => node.as_bool().ok_or("its run_as_system is not a boolean")?,
    };
    let text = |key: &str| match config.get(key) {
        None => Ok(None),
        Some(node) if matches!(node.kind, Kind::Null) => Ok(None),
        Some(node) => node
            .as_str()
            .map(|text| Some(text).filter(|text| !text.is_empty()))
            .ok_or(format!("its {key} is not a string")),
    };
    let (id, script) = (text("run_as_user_id")?, text("run_as_user_id_script_source")?);
    match (system, id, script) {
        (_, Some(_), Some(_)) => Err("it has both run_as_user_id and run_as_user_id_script_source: keep one".into()),
        (true, ..) => Ok(RunAs::System),
        (false, Some(id), None) => Ok(RunAs::User(id.to_owned())),
        (false, None, Some(script)) => Ok(RunAs::Script(script.into())),
        (false, None, None) => Ok(RunAs::Caller),
    }
}
