use std::path::PathBuf;

use portcullis::expr::{self, Substitutions};
use portcullis::text::Finding;

use super::Answer;
use super::application::load_app;
use super::context::read_environment;
use super::input::{self, Input};
use super::output::Output;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis expand rules.json --app DIR --tag production
  portcullis expand '\"%(%%environment.values.db)\"' --environment '{\"values\": {\"db\": \"hr\"}}'";

/// Replace the `%()` templates in a configuration file and print it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file
    #[arg(value_name = "JSON|FILE|-")]
    file: String,
    /// The application directory whose environment and values hold
    #[arg(long, value_name = "DIR", conflicts_with_all = ["environment", "values"])]
    app: Option<PathBuf>,
    /// The tag of the application's environment
    #[arg(long, requires = "app")]
    tag: Option<String>,
    /// The environment: {"tag": "…", "values": {…}}
    #[arg(long, value_name = "JSON|FILE")]
    environment: Option<String>,
    /// The values: {"name": value}
    #[arg(long, value_name = "JSON|FILE")]
    values: Option<String>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let substitutions = substitutions(args)?;
    let input = Input::read(&args.file, "file")?;
    let expanded = expr::expand(&input.node, &substitutions).map_err(|errors| {
        let findings = errors.into_iter().map(Finding::from).collect();
        Trouble::findings("the file", &input.source, Some(&input.node), findings)
    })?;
    if output.is_json() {
        output.document(&expanded.to_json())?;
    } else {
        output.line(expanded.to_pretty())?;
    }
    Ok(Answer::Yes)
}

fn substitutions(args: &Args) -> Result<Substitutions, Trouble> {
    if let Some(directory) = &args.app {
        let app = load_app(directory, args.tag.as_deref())?;
        return Ok(Substitutions {
            tag: Some(app.environment.tag.clone()),
            environment: Substitutions::named(&app.environment.values),
            values: Substitutions::named(&app.values),
            secrets: app.secret_values.keys().cloned().collect(),
        });
    }
    let environment = args.environment.as_deref().map(read_environment).transpose()?.unwrap_or_default();
    let values = args.values.as_deref().map(|values| input::document(values, "--values")).transpose()?;
    Ok(Substitutions {
        tag: Some(environment.tag),
        environment: Substitutions::named(&environment.values),
        values: values.as_ref().map(Substitutions::named).unwrap_or_default(),
        secrets: Vec::new(),
    })
}
