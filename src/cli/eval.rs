use anstyle::AnsiColor;
use bson::Bson;
use portcullis::eval::{Documents, Errors, Evaluation, Truth, bind, trace};
use portcullis::expr;
use portcullis::json;
use portcullis::predicate::{self, Scope};
use portcullis::text::Finding;
use portcullis::value::ValueRef;
use serde_json::json;

use super::context::ContextArgs;
use super::input::{self, Input};
use super::missing::MissingParts;
use super::output::{Output, paint};
use super::trouble::Trouble;
use super::{Answer, explain};

const EXAMPLES: &str = "\
Examples:
  portcullis eval '{\"owner\": \"%%user.id\"}' --user '{\"id\": \"u1\"}' --root '{\"owner\": \"u1\"}'
  portcullis eval rule.json --user ada.json --root document.json --explain
  portcullis eval '{\"%%this\": {\"$gt\": \"%%prev\"}}' --scope field --this 5 --prev 4";

/// Evaluate an expression: prints true, false, unknown, or the error that it ends in
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The expression
    #[arg(value_name = "JSON|FILE|-")]
    expression: String,
    /// Where the expression stands, which decides what it may refer to
    #[arg(long, default_value = "role", value_parser = clap::builder::PossibleValuesParser::new(Scope::ALL.map(|(_, name)| name)))]
    scope: String,
    /// Print every condition with both operands and its truth
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    documents: DocumentArgs,
}

/// The documents that the expression sees.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Documents")]
struct DocumentArgs {
    /// The document, `%%root`
    #[arg(long, value_name = "JSON|FILE")]
    root: Option<String>,
    /// The document before, `%%prevRoot`
    #[arg(long, value_name = "JSON|FILE")]
    prev_root: Option<String>,
    /// The field, `%%this`
    #[arg(long, value_name = "JSON|FILE")]
    this: Option<String>,
    /// The field before, `%%prev`
    #[arg(long, value_name = "JSON|FILE")]
    prev: Option<String>,
    /// The arguments of a service's action, `%%args`
    #[arg(long, value_name = "JSON|FILE")]
    args: Option<String>,
    /// The partition of a sync rule, `%%partition`
    #[arg(long, value_name = "JSON|FILE")]
    partition: Option<String>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let documents = &args.documents;
    let input = args.context.expanded(Input::read(&args.expression, "expression")?, "the expression")?;
    let fail = |findings: Vec<Finding>| Trouble::findings("the expression", &input.source, Some(&input.node), findings);
    let scope = Scope::from_name(&args.scope).unwrap_or(Scope::Role);
    let expr = expr::parse(&input.node).map_err(|errors| fail(errors.into_iter().map(Finding::from).collect()))?;
    let predicate =
        predicate::lower(&expr, scope).map_err(|errors| fail(errors.into_iter().map(Finding::from).collect()))?;

    let mut context = args.context.context(args.context.user()?)?;
    if let Some(arguments) = &documents.args {
        context = context.with_args(input::document(arguments, "--args")?);
    }
    if let Some(partition) = value(documents.partition.as_deref(), "--partition")? {
        context = context.with_partition(partition);
    }
    let root = value(documents.root.as_deref(), "--root")?;
    let prev_root = value(documents.prev_root.as_deref(), "--prev-root")?;
    let this = value(documents.this.as_deref(), "--this")?;
    let prev = value(documents.prev.as_deref(), "--prev")?;
    let documents = Documents {
        root: root.as_ref().map(ValueRef::from),
        prev_root: prev_root.as_ref().map(ValueRef::from),
        this: this.as_ref().map(ValueRef::from),
        prev: prev.as_ref().map(ValueRef::from),
    };
    let errors = Errors::default();
    let truth = Evaluation::new(documents, &context, &errors).truth(&bind(&predicate, &context));
    let errors = errors.into_vec();
    let missing = MissingParts::of(&errors);
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let traced = args.explain.then(|| trace(&predicate, documents, &context, &Errors::default()));
    if output.is_json() {
        let mut document = json!({ "truth": truth.to_string(), "errors": errors });
        if let (Some(trace), Some(object)) = (&traced, document.as_object_mut()) {
            object.insert("trace".to_owned(), explain::trace_to_json(trace));
        }
        output.document(&document)?;
    } else {
        let colour = if truth.is_true() { AnsiColor::Green } else { AnsiColor::Red };
        output.line(paint(&truth.to_string(), colour))?;
        for error in &errors {
            output.line(format!("  {error}"))?;
        }
        if let Some(trace) = &traced {
            let mut lines = Vec::new();
            explain::trace_lines("", trace, 1, &mut lines);
            lines.iter().try_for_each(|line| output.line(line))?;
        }
    }
    if truth == Truth::Error {
        missing.tell();
    }
    Ok(Answer::from_bool(truth == Truth::True))
}

fn value(argument: Option<&str>, what: &str) -> Result<Option<Bson>, Trouble> {
    let Some(argument) = argument else { return Ok(None) };
    let input = Input::read(argument, what)?;
    let value = json::to_bson(&input.node)
        .map_err(|error| Trouble::findings(what, &input.source, Some(&input.node), vec![error.into()]))?;
    Ok(Some(value))
}
