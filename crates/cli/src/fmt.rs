use std::path::Path;

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
    let mut changed = 0_usize;
    for argument in &args.files {
        let input = Input::read(argument, "expression")?;
        let canonical = policy::canonical(&input.node).map_err(|errors| {
            let findings = errors.into_iter().map(Finding::from).collect();
            Trouble::findings("the file", &input.source, Some(&input.node), findings)
        })?;
        let text = format!("{}\n", canonical.to_pretty());
        let is_canonical = input.source.text() == text;
        changed += usize::from(!is_canonical);
        if args.write && !is_canonical {
            if input.source.name().starts_with('<') {
                return Err(Trouble::usage("--write needs the path of a file"));
            }
            replace(Path::new(argument), &text)
                .map_err(|error| Trouble::Write { name: format!("`{argument}`"), error })?;
        }
        files.push(json!({ "file": input.source.name(), "canonical": is_canonical, "text": canonical.to_json() }));
        if output.is_json() {
            continue;
        }
        match (args.check, args.write) {
            (true, _) if !is_canonical => output.line(input.source.name())?,
            (false, false) => output.text(&text)?,
            _ => {}
        }
    }
    if output.is_json() {
        output.document(&json!({ "files": files }))?;
    }
    Ok(Answer::from_bool(!args.check || changed == 0))
}
