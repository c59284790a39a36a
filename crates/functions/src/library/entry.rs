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
    /// The setting that prevents it from running, if one does.
    setting: Option<SettingPlace>,
}

/// The place of a setting that is invalid.
#[derive(Debug)]
struct SettingPlace {
    key: &'static str,
    file: String,
    line: Option<u32>,
}

/// An invalid setting.
struct BrokenSetting {
    key: &'static str,
    reason: String,
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
        let config = &function.config;
        let settings = condition(function).and_then(|condition| Ok((condition, run_as(&config.node)?)));
        let settings = match function.misspelt() {
            Some((key, meant @ "can_evaluate")) => {
                let reason = format!("its key `{key}` is not `{meant}`, without which anybody could call it");
                Err(BrokenSetting { key: meant, reason })
            }
            _ => settings,
        };
        let (settings, broken) = match settings {
            Ok(settings) => (settings, None),
            Err(broken) => ((Condition::Always, RunAs::Caller), Some(broken)),
        };
        let at = |broken: &BrokenSetting| {
            let span = config.node.member(broken.key).map_or(config.node.span, |member| member.key_span);
            let line = u32::try_from(config.source.position(span.start).0).ok();
            SettingPlace { key: broken.key, file: config.source.name().replace('\\', "/"), line }
        };
        let (setting, refused) = (broken.as_ref().map(at), broken.map(|broken| broken.reason));
        let (condition, run_as) = settings;
        let (name, private) = (function.name.clone(), function.private);
        Self { name, file, source, private, condition, run_as, refused, setting }
    }

    /// Code that is not one of the application's functions; it runs as its caller.
    pub(super) fn script(name: &str, file: String, source: Arc<str>) -> Self {
        let (name, condition, run_as) = (name.to_owned(), Condition::Always, RunAs::Caller);
        Self { name, file, source, private: true, condition, run_as, refused: None, setting: None }
    }

    pub(super) fn refused(function: &Function, file: String, reason: String) -> Self {
        Self { refused: Some(reason), setting: None, ..Self::new(function, file, "".into()) }
    }

    /// The problems that prevent the function from running.
    pub(super) fn check(&self, packages: &Packages) -> Vec<Problem> {
        let problem = |file: &str, line: Option<u32>, message: String| Problem {
            function: self.name.clone(),
            file: file.to_owned(),
            line,
            setting: None,
            message,
        };
        if let (Some(reason), Some(SettingPlace { key, file, line })) = (&self.refused, &self.setting) {
            return vec![Problem { setting: Some(*key), ..problem(file, *line, reason.clone()) }];
        }
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
            let problem = problem(&self.file, None, message);
            problems.push(Problem { setting: Some("run_as_user_id_script_source"), ..problem });
        }
        problems
    }
}

fn condition(function: &Function) -> Result<Condition, BrokenSetting> {
    let Some(node) = function.can_evaluate() else { return Ok(Condition::Always) };
    if node.as_object().is_some_and(<[_]>::is_empty) {
        return Ok(Condition::Always);
    }
    let broken = |reason: Option<String>| BrokenSetting {
        key: "can_evaluate",
        reason: format!("its can_evaluate is broken: {}", reason.unwrap_or_default()),
    };
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

fn run_as(config: &Node) -> Result<RunAs, BrokenSetting> {
    const SCRIPT: &str = "run_as_user_id_script_source";
    let given = |key: &'static str| config.get(key).filter(|node| !matches!(node.kind, Kind::Null));
    let wrong = |key: &'static str, what: &str| BrokenSetting { key, reason: format!("its {key} is not {what}") };
    let system = match given("run_as_system") {
        None => false,
        Some(node) => node.as_bool().ok_or_else(|| wrong("run_as_system", "a boolean"))?,
    };
    let text = |key: &'static str| match given(key) {
        None => Ok(None),
        Some(node) => match node.as_str() {
            Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Err(wrong(key, "a string")),
        },
    };
    let (id, script) = (text("run_as_user_id")?, text(SCRIPT)?);
    match (system, id, script) {
        (_, Some(_), Some(_)) => {
            let reason = "it has both run_as_user_id and run_as_user_id_script_source: keep one".to_owned();
            Err(BrokenSetting { key: SCRIPT, reason })
        }
        (true, ..) => Ok(RunAs::System),
        (false, Some(id), None) => Ok(RunAs::User(id.to_owned())),
        (false, None, Some(script)) => Ok(RunAs::Script(script.into())),
        (false, None, None) => Ok(RunAs::Caller),
    }
}
