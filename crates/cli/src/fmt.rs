use std::ffi::OsStr;
use std::path::Path;

use portcullis::json::Node;
use portcullis::policy;
use portcullis::text::Finding;
use serde_json::{Value, json};

use super::Answer;
use super::input::Input;
use super::output::Output;
use super::replace::replace;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis fmt rules.json              print it in canonical form
  portcullis fmt --write rules.json      rewrite the file
  portcullis fmt --check */rules.json    exit with 1 and name the files that are not in canonical form";

/// Print expressions, or rules files, in canonical form
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Rules files or expressions
    #[arg(required = true, value_name = "JSON|FILE|-")]
    files: Vec<String>,
    /// Print only the names of files that are not in canonical form
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// Rewrite the files
    #[arg(long)]
    write: bool,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let mut files: Vec<Value> = Vec::new();
    let (mut changed, mut failed) = (0_usize, 0_usize);
    for argument in &args.files {
        let formatted = match format(argument, args.write) {
            // The other files are formatted nevertheless.
            Err(trouble) if args.files.len() > 1 => {
                failed += 1;
                let findings = output.report(&trouble);
                files.push(json!({ "file": argument, "error": trouble.to_string(), "findings": findings }));
                continue;
            }
            formatted => formatted?,
        };
        let Formatted { name, text, json, is_canonical } = formatted;
        changed += usize::from(!is_canonical);
        if !output.is_json() {
            match (args.check, args.write) {
                (true, _) if !is_canonical => output.line(&name)?,
                (false, false) => output.text(&text)?,
                _ => {}
            }
        }
        files.push(json!({ "file": name, "canonical": is_canonical, "text": json }));
    }
    if output.is_json() {
        output.document(&json!({ "files": files }))?;
    }
    if failed > 0 {
        return Err(Trouble::Reported(format!("{} of {} files cannot be formatted", failed, args.files.len())));
    }
    Ok(Answer::from_bool(!args.check || changed == 0))
}

struct Formatted {
    name: String,
    text: String,
    json: Value,
    /// Whether the file was in canonical form before.
    is_canonical: bool,
}

/// Formats an argument and, with `write`, the file.
fn format(argument: &str, write: bool) -> Result<Formatted, Trouble> {
    let input = Input::read(argument, "expression")?;
    if let Some(kind) = other_kind(argument, &input.node) {
        return Err(Trouble::usage(format!(
            "`{}` is {kind}, which has no canonical form; `fmt` is for rules files and expressions",
            input.source.name()
        )));
    }
    let canonical = policy::canonical(&input.node).map_err(|errors| {
        let findings = errors.into_iter().map(Finding::from).collect();
        Trouble::findings("the file", &input.source, Some(&input.node), findings)
    })?;
    let text = format!("{}\n", canonical.to_pretty());
    let is_canonical = input.source.text() == text;
    if write && !is_canonical {
        if input.source.name().starts_with('<') {
            return Err(Trouble::usage("--write needs the path of a file"));
        }
        replace(Path::new(argument), &text).map_err(|error| Trouble::Write { name: format!("`{argument}`"), error })?;
    }
    Ok(Formatted { name: input.source.name().to_owned(), text, json: canonical.to_json(), is_canonical })
}

/// What a file is that contains expressions but is neither rules nor an expression.
fn other_kind(argument: &str, node: &Node) -> Option<&'static str> {
    let name = Path::new(argument).file_name().and_then(OsStr::to_str).unwrap_or_default();
    let (has, is_object) = (|key: &str| node.get(key).is_some(), |key: &str| node.get(key)?.as_object().map(|_| ()));
    if has("roles") || has("filters") {
        return None;
    }
    let is_schema = name == "schema.json"
        || (is_object("properties").is_some() && ["bsonType", "title", "required"].into_iter().any(has))
        || node.get("bsonType").and_then(Node::as_str) == Some("object");
    if is_schema {
        return Some("a schema");
    }
    let acts = node.get("actions").is_some_and(|actions| actions.as_array().is_some());
    (acts && has("when")).then_some("a rule of a service")
}
