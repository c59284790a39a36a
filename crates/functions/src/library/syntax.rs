use std::time::{Duration, Instant};

use rquickjs::context::EvalOptions;
use rquickjs::{CatchResultExt, CaughtError, Context, Runtime, Value};

use super::nul::without_nul;

/// Why a source is not a valid script.
pub(super) struct SyntaxError {
    pub(super) line: Option<u32>,
    pub(super) message: String,
}

/// Checks that a source is a complete script by itself, so that it cannot close the function in which it is wrapped.
pub(super) fn check(file: &str, source: &str) -> Result<(), SyntaxError> {
    let engine = |_| SyntaxError { line: None, message: "the engine cannot be started".into() };
    let runtime = Runtime::new().map_err(engine)?;
    runtime.set_memory_limit(256 * 1024 * 1024);
    let end = Instant::now() + Duration::from_secs(10);
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() > end)));
    let context = Context::full(&runtime).map_err(engine)?;
    context.with(|ctx| {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(file.to_owned());
        // Parsing comes before execution, and the first statement throws, so nothing of the source runs.
        let read =
            ctx.eval_with_options::<Value<'_>, _>(without_nul(format!("throw null;{source}\n")), options).catch(&ctx);
        match read {
            Err(CaughtError::Exception(exception)) => {
                let message = exception.message().unwrap_or_default();
                let line = exception.stack().and_then(|stack| line(&stack));
                Err(SyntaxError { line, message: format!("SyntaxError: {message}") })
            }
            Err(CaughtError::Error(error)) => Err(SyntaxError { line: None, message: error.to_string() }),
            Err(CaughtError::Value(_)) | Ok(_) => Ok(()),
        }
    })
}

/// The line in `    at functions/x.js:3:7`.
fn line(stack: &str) -> Option<u32> {
    let place = stack.lines().next()?.trim().trim_end_matches(')');
    let mut parts = place.rsplitn(3, ':');
    parts.next();
    parts.next()?.parse().ok()
}
