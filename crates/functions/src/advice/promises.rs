use std::collections::BTreeSet;

use portcullis::text::{OneLine, Severity};

use super::{Advice, Script};
use crate::library::Token;

/// Whether a function is `async` and so returns a promise.
pub(super) fn is_async(script: &Script) -> bool {
    let assigned = |index: &usize| {
        script.word(*index) == Some("exports")
            && script.is_sign(index + 1, '=')
            && !script.is_sign(index + 2, '=')
            && !index.checked_sub(1).is_some_and(|before| script.is_sign(before, '.'))
    };
    // The last assignment wins.
    let Some(at) = (0..script.tokens.len()).rfind(assigned) else { return false };
    match script.word(at + 2) {
        Some("async") => true,
        // `exports = isOwner`, which is declared elsewhere in the file.
        Some(name) if !matches!(name, "function" | "class" | "new" | "await") => is_async_name(script, name),
        _ => false,
    }
}

/// Whether the source contains `async function name` or `name = async …`.
fn is_async_name(script: &Script, name: &str) -> bool {
    (0..script.tokens.len()).any(|index| {
        script.word(index) == Some("async")
            && ((script.word(index + 1) == Some("function") && script.word(index + 2) == Some(name))
                || index
                    .checked_sub(2)
                    .is_some_and(|before| script.word(before) == Some(name) && script.is_sign(before + 1, '=')))
    })
}

/// Reports promises of `functions.execute` that are tested like the values to which they resolve: a promise is always
/// truthy.
pub(super) fn tested(script: &Script, unfinished: &BTreeSet<&str>, found: &mut Vec<Advice>) {
    for call in script.context_calls("functions", "execute") {
        if !unfinished.contains(call.name) {
            continue;
        }
        let Some(end) = script.closing(call.open) else { continue };
        if !is_tested(script, call.begin, end) && !is_tested_later(script, call.begin, end) {
            continue;
        }
        found.push(Advice {
            severity: Severity::Error,
            code: "function-promise-tested",
            file: script.file.clone(),
            line: script.line(call.begin),
            message: format!("`{}` is async, so this tests a promise, which is always true", OneLine(call.name)),
            help: format!(
                "write `await context.functions.execute(\"{}\", …)` in an async function",
                OneLine(call.name)
            ),
        });
    }
}

/// Whether the tokens from `begin` to `end` are a condition or part of one.
fn is_tested(script: &Script, begin: usize, end: usize) -> bool {
    let before = |steps: usize| begin.checked_sub(steps);
    let sign = |steps: usize, sign| before(steps).is_some_and(|at| script.is_sign(at, sign));
    let twice = |at: usize, sign| script.is_sign(at, sign) && script.is_sign(at + 1, sign);
    if sign(1, '!') {
        return true;
    }
    let is_asked = script.is_sign(end + 1, '?') && !script.is_sign(end + 2, '.') && !script.is_sign(end + 2, '?');
    if is_asked || twice(end + 1, '&') || twice(end + 1, '|') {
        return before(1).is_none_or(|at| script.word(at) != Some("await"));
    }
    let closes = script.is_sign(end + 1, ')');
    let opens =
        sign(1, '(') && before(2).and_then(|at| script.word(at)).is_some_and(|word| matches!(word, "if" | "while"));
    let joins = (sign(1, '&') && sign(2, '&')) || (sign(1, '|') && sign(2, '|'));
    closes && (opens || joins)
}

/// Whether the expression is assigned to a variable that is tested and never awaited.
fn is_tested_later(script: &Script, begin: usize, end: usize) -> bool {
    let (Some(name_at), Some(assign_at)) = (begin.checked_sub(2), begin.checked_sub(1)) else { return false };
    let Some(name) = script.word(name_at).filter(|_| script.is_sign(assign_at, '=')) else { return false };
    if script.is_sign(end + 1, '.') {
        return false;
    }
    let mut is_condition = false;
    for index in end + 1..script.tokens.len() {
        if script.at(index) != Some(&Token::Word(name.to_owned())) {
            continue;
        }
        let before = index.checked_sub(1);
        if before.is_some_and(|at| script.is_sign(at, '.')) || script.is_sign(index + 1, ':') {
            continue;
        }
        // The promise is awaited or resolved here, or this is another variable of the same name.
        let is_resolved =
            before.and_then(|at| script.word(at)).is_some_and(|word| matches!(word, "await" | "const" | "let" | "var"))
                || (script.is_sign(index + 1, '.') && script.word(index + 2) == Some("then"))
                || script.is_sign(index + 1, '=') && !script.is_sign(index + 2, '=');
        if is_resolved {
            return is_condition;
        }
        is_condition |= !script.is_sign(index + 1, '.') && is_tested(script, index, index);
    }
    is_condition
}
