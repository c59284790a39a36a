use std::cell::Cell;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast};

use super::pattern_error::PatternError;
use super::pattern_extent::states;
use super::pattern_rewriting::{Follow, Rewriting};

/// A regular expression with MongoDB's semantics, which is matched in time linear in the length of the text.
///
/// MongoDB uses PCRE on UTF-8, without Unicode properties for classes: `\d`, `\w`, `\s` and `\b` are ASCII, and `$`
/// also matches before a line break at the end of the text. Patterns that need backtracking, or that PCRE and the
/// linear-time engine would interpret differently, are rejected. The differences were determined on MongoDB 6.0
/// (fixtures/mongodb/regex.json).
#[derive(Clone, Debug)]
pub struct Pattern {
    pattern: String,
    options: String,
    regex: Regex,
    states: usize,
}

/// The maximum length of a pattern in bytes.
const MAX_LENGTH: usize = 8 * 1024;
/// The maximum memory of a compiled pattern, in bytes.
const MAX_COMPILED: usize = 1 << 20;
/// The maximum memory for states computed during matching, in bytes.
const MAX_CACHED: usize = 1 << 18;
/// The fixed cost of a pattern, in states.
const STATES_PER_PATTERN: usize = 200;
/// The number of states that take, in the worst case, as long per byte of text as one step.
const STATES_PER_STEP: usize = 16;
/// With at most this many states, the automaton built while matching fits in memory, so each byte takes constant time.
const FEW_STATES: usize = 10;

/// The maximum number of states over all patterns of a request, where each pattern counts as 200 states more. This
/// amounts to several hundred patterns.
pub const MAX_STATES: usize = 100_000;

/// The maximum number of states over all patterns in the rules and schemas of an application, counted like those of a
/// request. A state takes about 120 bytes, so the patterns take at most about 400 MB.
const MAX_STATES_OF_APPLICATION: usize = 3_000_000;

/// The number of pattern states still available, shared by all parts of a request or by all files of an application.
#[derive(Clone, Debug)]
pub struct PatternAllowance {
    left: Rc<Cell<usize>>,
    of_application: bool,
}

impl Default for PatternAllowance {
    fn default() -> Self {
        Self { left: Rc::new(Cell::new(MAX_STATES)), of_application: false }
    }
}

impl PatternAllowance {
    /// Creates the allowance of an application, for its rules and schemas.
    pub(crate) fn of_application() -> Self {
        Self { left: Rc::new(Cell::new(MAX_STATES_OF_APPLICATION)), of_application: true }
    }

    /// Compiles a pattern and subtracts its states from the allowance.
    ///
    /// # Errors
    /// Same as [`Pattern::new`]; and [`PatternError::TooMany`] or [`PatternError::TooManyInApplication`].
    pub(crate) fn compile(&self, pattern: &str, options: &str) -> Result<Pattern, PatternError> {
        let source = Source::parse(pattern, options)?;
        let Some(left) = self.left.get().checked_sub(source.states) else {
            return Err(match self.of_application {
                true => PatternError::TooManyInApplication,
                false => PatternError::TooMany,
            });
        };
        self.left.set(left);
        source.compile()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.pattern, &self.options) == (&other.pattern, &other.options)
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// See [`PatternError`].
    ///
    /// ```
    /// use portcullis::expr::Pattern;
    /// assert!(Pattern::new("^ab$", "i").unwrap().is_match("AB\n"));
    /// assert!(Pattern::new("(a)\\1", "").is_err());
    /// ```
    pub fn new(pattern: &str, options: &str) -> Result<Self, PatternError> {
        Source::parse(pattern, options)?.compile()
    }

    /// Whether the pattern matches any part of the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// All matches, in order and without overlap, with their groups.
    pub(crate) fn captures<'t>(&'t self, text: &'t str) -> impl Iterator<Item = regex::Captures<'t>> {
        self.regex.captures_iter(text)
    }

    /// The number of steps for matching a text of this length in bytes.
    pub(crate) const fn steps(&self, length: usize) -> usize {
        let states = self.states.saturating_sub(STATES_PER_PATTERN);
        length.saturating_mul(if states <= FEW_STATES { 1 } else { states }) / STATES_PER_STEP
    }

    /// The pattern as written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The options in alphabetical order.
    #[must_use]
    pub fn options(&self) -> &str {
        &self.options
    }
}

/// A parsed pattern.
struct Source<'t> {
    pattern: &'t str,
    options: &'t str,
    tree: Ast,
    states: usize,
}

impl<'t> Source<'t> {
    fn parse(pattern: &'t str, options: &'t str) -> Result<Self, PatternError> {
        if let Some(unknown) = options.chars().find(|c| !"imsx".contains(*c)) {
            return Err(PatternError::OptionUnknown(unknown));
        }
        if pattern.len() > MAX_LENGTH {
            return Err(PatternError::TooLarge);
        }
        let has = |option| options.contains(option);
        let tree = ast::parse::ParserBuilder::new()
            .nest_limit(100)
            .ignore_whitespace(has('x'))
            .build()
            .parse(pattern)
            .map_err(|error| syntax(error.kind()))?;
        let states = states(&tree, has('i') || pattern.contains("(?")).saturating_add(STATES_PER_PATTERN);
        Ok(Self { pattern, options, tree, states })
    }

    fn compile(self) -> Result<Pattern, PatternError> {
        let Self { pattern, options, tree, states } = self;
        let has = |option| options.contains(option);
        let mut rewriting =
            Rewriting { text: pattern, multi_line: has('m'), folding: has('i'), extended: has('x'), edits: Vec::new() };
        rewriting.visit(&tree, Follow::Nothing)?;
        let regex = RegexBuilder::new(&rewriting.finish())
            .case_insensitive(has('i'))
            .multi_line(has('m'))
            .dot_matches_new_line(has('s'))
            .ignore_whitespace(has('x'))
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_CACHED)
            .nest_limit(150)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
                other => PatternError::Syntax(last_line(&other.to_string())),
            })?;
        let mut options: Vec<char> = options.chars().collect();
        options.sort_unstable();
        options.dedup();
        Ok(Pattern { pattern: pattern.to_owned(), options: options.into_iter().collect(), regex, states })
    }
}

fn syntax(kind: &ast::ErrorKind) -> PatternError {
    match kind {
        ast::ErrorKind::UnsupportedBackreference => {
            PatternError::Syntax("backreferences need a backtracking engine and are not supported".to_owned())
        }
        ast::ErrorKind::UnsupportedLookAround => {
            PatternError::Syntax("lookahead and lookbehind need a backtracking engine and are not supported".to_owned())
        }
        other => PatternError::Syntax(other.to_string()),
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
