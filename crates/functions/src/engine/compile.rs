use rquickjs::context::EvalOptions;
use rquickjs::{Ctx, Function, Result};

use super::bytecode::MODULE_HEAD;
use crate::library::without_nul;

/// The text inserted before a source, on its first line, so that the author's line numbers stay correct. Source: what
/// App Services does was inferred from functions that declare `exports`, or the same names in several files.
pub(super) const PREFIX: &str = "(function (context, require, exports) { return function () {";

/// Compiles the source of a function into a function of `context`, `require` and `exports`.
pub(super) fn function<'js>(ctx: &Ctx<'js>, file: &str, source: &str) -> Result<Function<'js>> {
    evaluate(ctx, file, format!("{PREFIX}{source}\n;return exports; }}; }})"))
}

/// Compiles a file of a package into a function of the variables that Node provides to modules.
pub(super) fn module<'js>(ctx: &Ctx<'js>, file: &str, source: &str) -> Result<Function<'js>> {
    // A script may begin with a `#!` line.
    let source = if source.starts_with("#!") { source.split_once('\n').map_or("", |(_, rest)| rest) } else { source };
    evaluate(ctx, file, format!("{MODULE_HEAD}{source}\n}})"))
}

fn evaluate<'js>(ctx: &Ctx<'js>, file: &str, source: String) -> Result<Function<'js>> {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(file.replace('\0', ""));
    ctx.eval_with_options(without_nul(source), options)
}
