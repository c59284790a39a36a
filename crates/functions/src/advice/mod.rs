//! Reports probable mistakes that the sources of functions show: names that do not exist, promises that are tested like
//! values, triggers that fire themselves. It looks at tokens, not at syntax trees, and reports only what it recognizes.

mod loops;
mod names;
mod promises;
mod writes;

use std::collections::{BTreeMap, BTreeSet};

use portcullis::App;
use portcullis::text::Severity;

use crate::Library;
use crate::library::{Token, tokens};

/// A probable mistake in a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// How serious it is.
    pub severity: Severity,
    /// The stable identifier of the kind of mistake.
    pub code: &'static str,
    /// The file, relative to the application directory.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The description.
    pub message: String,
    /// The suggested fix.
    pub help: String,
}

/// The most calls in one source that are examined: for some of them, the rest of the source is searched.
const MAX_CALLS: usize = 1000;

/// The tokens of a source.
pub(crate) struct Script {
    pub(crate) file: String,
    pub(crate) tokens: Vec<(Token, u32)>,
}

impl Script {
    pub(crate) fn at(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index).map(|(token, _)| token)
    }

    pub(crate) fn line(&self, index: usize) -> u32 {
        self.tokens.get(index).map_or(1, |(_, line)| *line)
    }

    pub(crate) fn is_sign(&self, index: usize, sign: char) -> bool {
        self.at(index) == Some(&Token::Sign(sign))
    }

    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        match self.at(index) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// The index of the parenthesis that closes the one at `open`.
    pub(crate) fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (offset, (token, _)) in self.tokens.iter().enumerate().skip(open) {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Some(offset);
            }
        }
        None
    }

    /// The calls of the form `context.<member>.<method>("name"`.
    pub(crate) fn context_calls(&self, member: &str, method: &str) -> Vec<ContextCall<'_>> {
        let mut calls = Vec::new();
        for index in 0..self.tokens.len() {
            if self.word(index) != Some("context")
                || index.checked_sub(1).is_some_and(|before| self.is_sign(before, '.'))
            {
                continue;
            }
            let Some(name_at) = self.member(index + 1, member).and_then(|next| self.member(next, method)) else {
                continue;
            };
            let Some(Token::Text(name)) = self.at(name_at + 1).filter(|_| self.is_sign(name_at, '(')) else { continue };
            // In `"a" + b` the literal is not the whole name.
            if (self.is_sign(name_at + 2, ')') || self.is_sign(name_at + 2, ',')) && calls.len() < MAX_CALLS {
                calls.push(ContextCall { name, begin: index, open: name_at });
            }
        }
        calls
    }

    /// The index after `.name` or `?.name`, if that is what the tokens at `index` are.
    fn member(&self, index: usize, name: &str) -> Option<usize> {
        let dot = if self.is_sign(index, '?') { index + 1 } else { index };
        (self.is_sign(dot, '.') && self.word(dot + 1) == Some(name)).then_some(dot + 2)
    }
}

/// A call whose first argument is a literal name. `begin` and `open` are the token indices of its first token and of
/// its opening parenthesis.
pub(crate) struct ContextCall<'s> {
    pub(crate) name: &'s str,
    pub(crate) begin: usize,
    pub(crate) open: usize,
}

/// All advice about an application, sorted by file and line.
pub(crate) fn advise(app: &App, library: &Library) -> Vec<Advice> {
    let scripts: BTreeMap<&str, Script> = library
        .sources()
        .map(|(name, file, source)| (name, Script { file: file.to_owned(), tokens: tokens(source) }))
        .collect();
    let unfinished: BTreeSet<&str> =
        scripts.iter().filter(|(_, script)| promises::is_async(script)).map(|(name, _)| *name).collect();
    let mut found = Vec::new();
    for script in scripts.values() {
        names::unknown(app, library, script, &mut found);
        promises::tested(script, &unfinished, &mut found);
    }
    loops::loops(app, &scripts, &mut found);
    found.sort_by(|a, b| (&a.file, a.line, a.code).cmp(&(&b.file, b.line, b.code)));
    found
}
