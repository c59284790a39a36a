//! Replaces `%()` in a configuration file by the environment and the values, as when an application is loaded.

use portcullis::template;
use portcullis::text::Finding;

use super::Args;
use crate::Answer;
use crate::input::Input;
use crate::output::Output;
use crate::trouble::Trouble;

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let substitutions = match args.app()? {
        Some(app) => app.substitutions(),
        None => args.context.substitutions()?,
    };
    let input = Input::read(&args.template, "file")?;
    let expanded = template::expand(&input.node, &substitutions).map_err(|errors| {
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
