mod configuration;
mod many;

use std::path::{Path, PathBuf};

use portcullis::Context;
use portcullis::template::{Asked, Failure, Inputs, Reason};
use portcullis::text::{Finding, Severity, Source, closest};
use portcullis::{App, Escape, Missing, Template, User, json};
use serde_json::{Value, json};

use super::Answer;
use super::application::load_app;
use super::asker::Asker;
use super::context::ContextArgs;
use super::freshness::FreshnessArgs;
use super::given::DocumentArgs;
use super::input::{self, Input};
use super::output::{Output, finding_to_json, say, style};
use super::secrets::SecretArgs;
use super::stores::StoreArgs;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis expand '{\"owner\": \"%%user.id\", \"age\": \"%%user.custom_data.age\"}' --user ada.json
  portcullis expand template.json --app DIR --token login.json
  portcullis expand 'Dear %(%%user.data.name, \"reader\")' --text --escape html --user ada.json
  portcullis expand template.json --users users.ndjson --unresolved null > documents.ndjson
  portcullis expand template.json --list
  portcullis expand rules.json --config --app DIR --tag production

A template is JSON in which a string that is entirely one expansion becomes its value, with its type, and `%(…)` inside a string \
becomes text. See docs/templates.md for operators, defaults and the handling of what does not resolve.";

/// Resolve a template; print it (JSON or text) with `%%user` and other expansions replaced by their values
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The template; with --text, the text itself or a file path
    #[arg(value_name = "JSON|FILE|-")]
    template: String,
    /// Resolve the template for each user object in a file, one line of output each, in input order; with --json, each
    /// line is a JSON document
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["user", "as_system", "token", "list", "config"])]
    users: Option<String>,
    /// How to handle unresolved expansions; with `keep`, the output is again a template
    #[arg(long, value_name = "refuse|null|remove|keep", default_value = "refuse", value_parser = missing)]
    unresolved: Missing,
    /// Treat the template as plain text, in which only `%(…)` is expanded
    #[arg(long)]
    text: bool,
    /// Escaping for values inserted into text
    #[arg(long, value_name = "none|json|url|html|path|header", requires = "text", value_parser = escape)]
    escape: Option<Escape>,
    /// Allow secrets in `%%values`
    #[arg(long)]
    with_secrets: bool,
    /// Print the expansions that the template uses
    #[arg(long, conflicts_with = "config")]
    list: bool,
    /// Substitute the `%()` templates of a configuration file, as when an application is loaded
    #[arg(long, conflicts_with_all = ["text", "unresolved", "with_secrets"])]
    config: bool,
    /// Application directory that supplies values, environment and custom data
    #[arg(long, value_name = "DIR")]
    app: Option<PathBuf>,
    /// Environment tag of the application
    #[arg(long, requires = "app")]
    tag: Option<String>,
    /// Access token issued by Portcullis, or a file written by `portcullis login --json`
    #[arg(long, value_name = "TOKEN|FILE|-", requires = "app", conflicts_with_all = ["user", "as_system"])]
    token: Option<String>,
    #[command(flatten)]
    freshness: FreshnessArgs,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

fn missing(name: &str) -> Result<Missing, String> {
    Missing::from_name(name).ok_or_else(|| "write refuse, null, remove or keep".to_owned())
}

fn escape(name: &str) -> Result<Escape, String> {
    Escape::from_name(name).ok_or_else(|| "write none, json, url, html, path or header".to_owned())
}

impl Args {
    fn app(&self) -> Result<Option<App>, Trouble> {
        self.app.as_deref().map(|directory| load_app(directory, self.tag.as_deref())).transpose()
    }

    /// Reads the template, with its source text for messages.
    fn read(&self) -> Result<(Template, Source), Trouble> {
        if self.text {
            let (name, text) = text(&self.template)?;
            let source = Source::new(name, text.as_str());
            let template = Template::text(&text, self.escape.unwrap_or_default());
            let template =
                template.map_err(|errors| Trouble::findings("the template", &source, None, errors.into()))?;
            return Ok((template, source));
        }
        let Input { node, source } = Input::read(&self.template, "template")?;
        match Template::from_node(&node) {
            Ok(template) => Ok((template, source)),
            Err(errors) => Err(Trouble::findings("the template", &source, Some(&node), errors.into())),
        }
    }

    /// The context in which the template is resolved.
    fn context(&self) -> Result<Context, Trouble> {
        let context = match self.app()? {
            Some(app) => {
                let asker = Asker {
                    token: self.token.as_deref(),
                    freshness: &self.freshness,
                    context: &self.context,
                    stores: &self.stores,
                    documents: None,
                };
                let user = asker.user(&app)?.user;
                let secrets = self.secrets.read(&app)?;
                let context = app.with_secrets(self.context.context(user)?, &secrets);
                app.with_configuration(context)
            }
            None if self.stores.names_custom_data() => {
                return Err(Trouble::usage(
                    "--custom-data belongs to --app, which says which field of its documents holds the user's ID; else write \
                     `\"custom_data\": {…}` into the object of --user",
                ));
            }
            None => {
                self.secrets.refuse_without_app()?;
                self.context.context(self.context.user()?)?
            }
        };
        self.documents.supply(context)
    }
}

/// Returns the name and the text of an argument: standard input, an existing file, or the argument itself.
fn text(argument: &str) -> Result<(String, String), Trouble> {
    let (name, bytes) = if argument == "-" {
        ("<standard input>", input::read_standard_input()?)
    } else if Path::new(argument).is_file() {
        (argument, input::read_file(Path::new(argument))?)
    } else {
        ("<template>", argument.as_bytes().to_vec())
    };
    let text = String::from_utf8(bytes).map_err(|_| Trouble::usage(format!("{name}: the template is not UTF-8")))?;
    Ok((name.to_owned(), text))
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    if args.config {
        return configuration::run(args, output);
    }
    if args.users.is_some() && args.stores.names_custom_data() {
        return Err(Trouble::usage(
            "--custom-data is looked up for one user; with --users, write `\"custom_data\": {…}` into the object of each: from \
             documents with the field `user_id`, `jq -c '{id: .user_id, custom_data: .}'` makes such objects",
        ));
    }
    let (template, source) = args.read()?;
    if args.list {
        return list(&template, &source, output);
    }
    let context = args.context()?;
    let given = args.documents.read()?;
    if let Some(users) = &args.users {
        return many::run(many::Work::new(args, template, context, given, output.is_json()), users, output);
    }
    let inputs = Inputs::from(&context).with_documents(given.documents());
    let inputs = if args.with_secrets { inputs.with_secrets() } else { inputs };
    let mut resolved = Vec::new();
    let result = template.write_json(inputs, args.unresolved, &mut resolved);
    let failures = match &result {
        Err(unresolved) => unresolved.as_slice().to_vec(),
        // Report, beside the result, what the policy replaced or removed.
        Ok(_) if args.unresolved != Missing::Refuse => template.unresolved(inputs),
        Ok(_) => Vec::new(),
    };
    let is_resolved = result.is_ok();
    tell(&failures, &source, if is_resolved { Severity::Note } else { Severity::Error });
    let value = result.is_ok_and(|is_left| is_left).then(|| String::from_utf8_lossy(&resolved).into_owned());
    if output.is_json() {
        output.document(&answer(value.as_deref(), &failures, &source))?;
    } else if let Some(value) = &value {
        output.line(shown(value, args.text))?;
    }
    Ok(Answer::from_bool(is_resolved))
}

/// Formats the result for a reader: indented JSON, or the text of a text template.
fn shown(value: &str, is_text: bool) -> String {
    if is_text && let Ok(Value::String(text)) = serde_json::from_str(value) {
        return text;
    }
    json::parse(value).map_or_else(|_| value.to_owned(), |node| node.to_pretty())
}

/// The result as one JSON document.
fn answer(value: Option<&str>, failures: &[Failure], source: &Source) -> Value {
    let failures: Vec<Value> = failures.iter().map(|failure| failure_to_json(failure, source)).collect();
    let mut answer = json!({ "unresolved": failures });
    if let (Some(value), Some(members)) = (value, answer.as_object_mut()) {
        members.insert("value".to_owned(), serde_json::from_str(value).unwrap_or(Value::Null));
    }
    answer
}

fn failure_to_json(failure: &Failure, source: &Source) -> Value {
    let mut found = finding_to_json(source, &finding(failure, Severity::Error), Some(failure.pointer()));
    if let Some(members) = found.as_object_mut() {
        members.insert("expansion".to_owned(), failure.asked().into());
        members.insert("reason".to_owned(), failure.reason().to_string().into());
    }
    found
}

/// Reports on standard error what did not resolve, with its position.
fn tell(failures: &[Failure], source: &Source, severity: Severity) {
    let text: String =
        failures.iter().map(|one| source.render(&finding(one, severity), Some(one.pointer()), style())).collect();
    say(&text);
}

fn finding(failure: &Failure, severity: Severity) -> Finding {
    Finding {
        severity,
        code: "unresolved",
        message: format!("`{}` does not resolve: {}", failure.asked(), failure.reason()),
        span: failure.span(),
        help: help(failure),
    }
}

/// Advice for failures that have an obvious remedy.
fn help(failure: &Failure) -> Option<String> {
    let asked = failure.asked();
    match failure.reason() {
        Reason::Missing | Reason::PropertyUnknown if asked.trim_end() != asked => {
            Some(format!("the blank at the end is part of the name: did you mean `{}`?", asked.trim_end()))
        }
        Reason::PropertyUnknown => {
            let name = asked.strip_prefix("%%user.").and_then(|path| path.split('.').next()).unwrap_or_default();
            Some(match closest(name, User::FIELDS) {
                Some(meant) => format!("did you mean `%%user.{meant}`?"),
                None => format!(
                    "`%%user` has the properties {}; what the application stores about the user is in `%%user.custom_data`",
                    User::FIELDS.join(", ")
                ),
            })
        }
        reason => help_for(reason).map(str::to_owned),
    }
}

fn help_for(reason: &Reason) -> Option<&'static str> {
    use portcullis::eval::{ContextPart, EvalError};
    Some(match reason {
        Reason::Missing => {
            "give a default: `%(…, \"text\")` in a text, {\"%default\": [\"%%…\", value]} for a value; or pass --unresolved null, remove or keep"
        }
        Reason::Failed(EvalError::NotSupplied(part)) => match part {
            ContextPart::User => "pass a user with --user '{\"id\": \"…\"}', --token or --users",
            ContextPart::CustomData => {
                "write it into the object of --user, `\"custom_data\": {…}` or null; or pass --app with --custom-data"
            }
            ContextPart::Values | ContextPart::Value(_) => "pass --values '{\"name\": value}', or --app",
            ContextPart::Secret(_) => "pass --secret NAME=env:VARIABLE",
            ContextPart::Environment => "pass --environment '{\"tag\": \"…\", \"values\": {…}}', or --app",
            ContextPart::Request | ContextPart::RequestProperty(_) => "pass --request '{…}'",
            ContextPart::Args => "pass --args '{…}'",
            ContextPart::Partition => "pass --partition VALUE",
            ContextPart::Now => "pass --now",
        },
        Reason::NotSupplied(_) => "give the document with --root, --prev-root, --this or --prev",
        Reason::Secret => "pass --with-secrets if the result may contain it",
        _ => return None,
    })
}

/// Lists the expansions that the template uses.
fn list(template: &Template, source: &Source, output: &mut Output) -> Result<Answer, Trouble> {
    let asked = template.expansions();
    if output.is_json() {
        let asked: Vec<Value> = asked.iter().map(|one| asked_to_json(one, source)).collect();
        output.document(&json!({ "expansions": asked }))?;
        return Ok(Answer::Yes);
    }
    for one in &asked {
        let pointer = if one.pointer.is_empty() { "(root)" } else { &one.pointer };
        let default = if one.has_default { "  (has a default)" } else { "" };
        output.line(format!("{}  {pointer}{default}", one.expansion))?;
    }
    Ok(Answer::Yes)
}

fn asked_to_json(asked: &Asked, source: &Source) -> Value {
    let (line, column) = source.position(asked.span.start);
    json!({
        "expansion": asked.expansion.to_string(),
        "pointer": asked.pointer,
        "line": line,
        "column": column,
        "default": asked.has_default,
    })
}
