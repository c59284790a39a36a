use bson::{Bson, DateTime};
use portcullis::eval::{Context, Environment, Request};
use portcullis::template::{self, SubstitutionErrorKind, Substitutions};
use portcullis::{User, UserError, json, testfile};

use super::input::{self, Input};
use super::trouble::Trouble;

/// What rules can refer to beside documents.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Context")]
pub(super) struct ContextArgs {
    /// The user object, `%%user`: {"id": "…", "custom_data": {…}, …}; use `"custom_data": null` for a user without
    /// custom data
    #[arg(long, short, value_name = "JSON|FILE")]
    user: Option<String>,
    /// Act as the system user, who bypasses all rules
    #[arg(long, conflicts_with = "user")]
    as_system: bool,
    /// The configured values, `%%values`: {"name": value}
    #[arg(long, value_name = "JSON|FILE")]
    values: Option<String>,
    /// The environment, `%%environment`: {"tag": "…", "values": {…}}
    #[arg(long, value_name = "JSON|FILE")]
    environment: Option<String>,
    /// The request, `%%request`: {"remoteIPAddress": "…", "requestHeaders": {…}, …}
    #[arg(long, value_name = "JSON|FILE")]
    request: Option<String>,
    /// Value of `%%now` (default: the current time): 2024-01-31T12:00:00Z or {"$date": "…"}
    #[arg(long, value_name = "TIME", value_parser = read_now)]
    now: Option<DateTime>,
    /// Results of functions called with `%function`: {"name": {"returns": value} | {"fails": "…"} | {"cases": […]}}
    #[arg(long, value_name = "JSON|FILE")]
    functions: Option<String>,
}

impl ContextArgs {
    /// The user object given on the command line, if any.
    pub(super) fn user(&self) -> Result<Option<User>, Trouble> {
        if self.as_system {
            return Ok(Some(User::system()));
        }
        self.user.as_deref().map(read_user).transpose()
    }

    /// The substitutions for `%()` in configuration files, from `--environment` and `--values`.
    pub(super) fn substitutions(&self) -> Result<Substitutions, Trouble> {
        let environment = self.environment.as_deref().map(read_environment).transpose()?;
        let values = self.values.as_deref().map(|values| input::document(values, "--values")).transpose()?;
        Ok(Substitutions::new(environment.as_ref(), values.as_ref()))
    }

    /// `%%now`, if it was given.
    pub(super) const fn now(&self) -> Option<DateTime> {
        self.now
    }

    /// Replaces the `%()` templates of an input by `--environment` and `--values`. A missing one is an error: kept as
    /// plain text, it would be compared literally, unlike in its application.
    pub(super) fn expanded(&self, input: Input, what: &str) -> Result<Input, Trouble> {
        if !input.source.text().contains("%(") {
            return Ok(input);
        }
        let substitutions = self.substitutions()?;
        match template::expand(&input.node, &substitutions) {
            Ok(node) => Ok(Input { node, ..input }),
            Err(errors) => {
                let help = "supply it with --environment or --values, or substitute it beforehand: `portcullis expand FILE --config --app DIR`";
                let findings = errors.into_iter().map(|error| match error.kind() {
                    SubstitutionErrorKind::Missing(_) => error.help(help).into(),
                    _ => error.into(),
                });
                Err(Trouble::findings(what, &input.source, Some(&input.node), findings.collect()))
            }
        }
    }

    /// Builds the context. Parts that are not given count as not supplied, and are an Error if a rule needs them.
    pub(super) fn context(&self, user: Option<User>) -> Result<Context, Trouble> {
        let mut context = Context::new();
        if let Some(user) = user {
            context = context.with_user(user);
        }
        if let Some(values) = &self.values {
            context = context.with_values(input::document(values, "--values")?);
        }
        if let Some(environment) = &self.environment {
            context = context.with_environment(read_environment(environment)?);
        }
        if let Some(now) = self.now {
            context = context.with_now(now);
        }
        if let Some(request) = &self.request {
            let request = Request::from_document(input::document(request, "--request")?)
                .map_err(|error| Trouble::usage(format!("--request: {error}")))?;
            context = context.with_request(request);
        }
        if let Some(functions) = &self.functions {
            let input = Input::read(functions, "--functions")?;
            let functions = testfile::functions(&input.node)
                .map_err(|findings| Trouble::findings("--functions", &input.source, Some(&input.node), findings))?;
            context = context.with_functions(functions);
        }
        Ok(context)
    }
}

/// Parses a date in ISO 8601 or extended JSON.
pub(super) fn read_now(text: &str) -> Result<DateTime, String> {
    let failed = || "not a time; write 2024-01-31T12:00:00Z or {\"$date\": \"2024-01-31T12:00:00Z\"}".to_owned();
    let text = text.trim();
    let written = match text.starts_with('{') {
        true => text.to_owned(),
        false => serde_json::json!({ "$date": text }).to_string(),
    };
    let node = json::parse(&written).map_err(|_| failed())?;
    match json::to_bson(&node) {
        Ok(Bson::DateTime(now)) => Ok(now),
        _ => Err(failed()),
    }
}

pub(super) fn read_user(argument: &str) -> Result<User, Trouble> {
    let document = input::document(argument, "--user")?;
    User::from_document(document).map_err(|error| {
        let help = match error {
            UserError::System => "use --as-system instead of --user",
            _ => "write {\"id\": \"…\", \"custom_data\": {…}}",
        };
        Trouble::usage(format!("--user: {error}; {help}"))
    })
}

pub(super) fn read_environment(argument: &str) -> Result<Environment, Trouble> {
    let document = input::document(argument, "--environment")?;
    let mut environment = Environment::default();
    for (key, value) in document {
        match (key.as_str(), value) {
            ("tag", bson::Bson::String(tag)) => environment.tag = tag,
            ("values", bson::Bson::Document(values)) => environment.values = values,
            ("tag", _) => return Err(Trouble::usage("--environment: `tag` must be a string")),
            ("values", _) => return Err(Trouble::usage("--environment: `values` must be an object")),
            _ => {
                return Err(Trouble::usage(format!(
                    "--environment: `{key}` does not belong there; write {{\"tag\": \"…\", \"values\": {{…}}}}"
                )));
            }
        }
    }
    Ok(environment)
}
