use anstyle::AnsiColor;
use portcullis::eval::{Errors, Evaluation, Truth, bind, trace};
use portcullis::expr;
use portcullis::predicate::{self, Scope};
use portcullis::text::Finding;
use serde_json::json;

use super::context::ContextArgs;
use super::given::DocumentArgs;
use super::input::Input;
use super::missing::MissingParts;
use super::output::{Output, paint};
use super::trouble::Trouble;
use super::{Answer, explain};

const EXAMPLES: &str = "\
Examples:
  portcullis eval '{\"owner\": \"%%user.id\"}' --user '{\"id\": \"u1\"}' --root '{\"owner\": \"u1\"}'
  portcullis eval rule.json --user ada.json --root document.json --explain
  portcullis eval '{\"%%this\": {\"$gt\": \"%%prev\"}}' --scope field --this 5 --prev 4

Exits with 0 if the result is true, with 1 if it is false, unknown or an error, such as input that was not supplied.";

/// Evaluate an expression; print true, false, unknown or an error
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The expression
    #[arg(value_name = "JSON|FILE|-")]
    expression: String,
    /// Context in which the expression is used; determines which expansions it may use
    #[arg(long, default_value = "role", value_parser = clap::builder::PossibleValuesParser::new(Scope::ALL.map(|(_, name)| name)))]
    scope: String,
    /// Print every condition with both operands and its result
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    documents: DocumentArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let documents = &args.documents;
    let input = args.context.expanded(Input::read(&args.expression, "expression")?, "the expression")?;
    let fail = |findings: Vec<Finding>| Trouble::findings("the expression", &input.source, Some(&input.node), findings);
    let scope = Scope::from_name(&args.scope).unwrap_or(Scope::Role);
    let expr = expr::parse(&input.node).map_err(|errors| fail(errors.into_iter().map(Finding::from).collect()))?;
    let predicate =
        predicate::lower(&expr, scope).map_err(|errors| fail(errors.into_iter().map(Finding::from).collect()))?;

    let context = args.context.context(args.context.user()?)?;
    let context = documents.supply(context)?;
    let given = documents.read()?;
    let documents = given.documents();
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
        missing.tell_without_application();
    }
    Ok(Answer::from_bool(truth == Truth::True))
}
