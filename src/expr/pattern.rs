use std::cell::Cell;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast};
use thiserror::Error;

use super::pattern_extent::states;

/// A regular expression of `$regex`, with MongoDB's semantics, matched in time linear in the length of the text.
///
/// MongoDB uses PCRE on UTF-8 without Unicode properties for classes: `\d`, `\w`, `\s` and `\b` are ASCII, and `$` also
/// matches before a line break at the very end. A pattern for which PCRE and the linear-time engine would disagree, or
/// which requires a backtracking engine, is rejected. The differences were observed on server 6.0
/// (fixtures/mongodb/regex.json).
#[derive(Clone, Debug)]
pub struct Pattern {
    pattern: String,
    options: String,
    regex: Regex,
    states: usize,
}

/// Why a pattern is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is not valid, or requires a backtracking engine.
    #[error("invalid regular expression: {0}")]
    Syntax(String),
    /// Compiling it would take too much memory.
    #[error("the regular expression is too large")]
    TooLarge,
    /// `$options` other than `i`, `m`, `s`, `x`.
    #[error("unknown letter `{0}` in `$options`: `i`, `m`, `s` and `x` are known")]
    OptionUnknown(char),
    /// The patterns of a request exceed their common limit.
    #[error(
        "the regular expressions of one request are too many or too large together; write fewer, or shorter repetitions"
    )]
    TooMany,
    /// The patterns in the rules and schemas of an application exceed their common limit.
    #[error(
        "the regular expressions of one application are too many or too large together; write fewer, or shorter repetitions"
    )]
    TooManyInApplication,
    /// PCRE interprets it differently from the linear-time engine.
    #[error("`{0}` in a regular expression means something else in MongoDB; it is not supported")]
    Unsupported(String),
}

/// The maximum length of a pattern in bytes.
const MAX_LENGTH: usize = 8 * 1024;
/// The memory limit of a compiled pattern in bytes.
const MAX_COMPILED: usize = 1 << 20;
/// The memory limit of the states that are computed while matching, in bytes.
const MAX_CACHED: usize = 1 << 18;
/// The overhead of a pattern, expressed in states.
const EACH: usize = 200;
/// The number of states that, at worst, take as long per byte of text as one step of other work.
const STATES_PER_STEP: usize = 16;
/// A pattern with at most this many states is compiled to an automaton that fits in memory and matches each byte in
/// constant time.
const FEW: usize = 10;

/// The maximum number of states of all patterns of one request, plus 200 for each pattern: some hundred patterns.
pub const MAX_STATES: usize = 100_000;

/// The maximum number of states of all patterns in the rules and schemas of one application, counted as for a request.
/// A state takes about 120 bytes, hence at most about 400 MB in total.
const MAX_STATES_OF_APPLICATION: usize = 3_000_000;

/// The remaining pattern states of one request, shared by all its parts, or of one application.
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

    /// Compiles a pattern and deducts its states.
    ///
    /// # Errors
    /// As [`Pattern::new`], and [`PatternError::TooMany`] or [`PatternError::TooManyInApplication`].
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

    /// Whether any part of the text matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The successive matches with their groups.
    pub(crate) fn captures<'t>(&'t self, text: &'t str) -> impl Iterator<Item = regex::Captures<'t>> {
        self.regex.captures_iter(text)
    }

    /// The steps for matching a text of this length.
    pub(crate) const fn steps(&self, length: usize) -> usize {
        let states = self.states.saturating_sub(EACH);
        length.saturating_mul(if states <= FEW { 1 } else { states }) / STATES_PER_STEP
    }

    /// The pattern as written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The options, sorted.
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
        let states = states(&tree, has('i') || pattern.contains("(?")).saturating_add(EACH);
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

/// What can follow a part of the pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// Nothing: the match ends there.
    Nothing,
    /// Something that may match the empty string.
    Something,
    /// Something that matches at least one character.
    Text,
}

/// Whether every match of a part contains at least one character.
fn consumes(tree: &Ast) -> bool {
    match tree {
        Ast::Literal(_) | Ast::Dot(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) | Ast::ClassBracketed(_) => true,
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => false,
        Ast::Repetition(repetition) => {
            let optional = match &repetition.op.kind {
                ast::RepetitionKind::ZeroOrOne | ast::RepetitionKind::ZeroOrMore => true,
                ast::RepetitionKind::OneOrMore => false,
                ast::RepetitionKind::Range(range) => matches!(
                    range,
                    ast::RepetitionRange::Exactly(0)
                        | ast::RepetitionRange::AtLeast(0)
                        | ast::RepetitionRange::Bounded(0, _)
                ),
            };
            !optional && consumes(&repetition.ast)
        }
        Ast::Group(group) => consumes(&group.ast),
        Ast::Alternation(alternation) => alternation.asts.iter().all(consumes),
        Ast::Concat(concat) => concat.asts.iter().any(consumes),
    }
}

/// Collects replacements for the parts with a different meaning, by their positions.
struct Rewriting<'t> {
    text: &'t str,
    multi_line: bool,
    folding: bool,
    extended: bool,
    edits: Vec<(ast::Span, &'static str)>,
}

impl Rewriting<'_> {
    fn finish(mut self) -> String {
        self.edits.sort_by_key(|(span, _)| span.start.offset);
        let mut out = String::new();
        let mut at = 0;
        for (span, replacement) in &self.edits {
            out.push_str(self.text.get(at..span.start.offset).unwrap_or_default());
            out.push_str(replacement);
            at = span.end.offset;
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }

    fn unsupported(&self, span: &ast::Span) -> PatternError {
        PatternError::Unsupported(self.text.get(span.start.offset..span.end.offset).unwrap_or_default().to_owned())
    }

    fn edit(&mut self, span: &ast::Span, replacement: &'static str) {
        self.edits.push((*span, replacement));
    }

    fn visit(&mut self, tree: &Ast, follow: Follow) -> Result<(), PatternError> {
        match tree {
            Ast::Empty(_) | Ast::Dot(_) | Ast::ClassUnicode(_) => {}
            Ast::Literal(literal) => self.literal(literal)?,
            Ast::Flags(flags) => self.flags(&flags.flags)?,
            Ast::ClassPerl(class) => self.perl(class),
            Ast::ClassBracketed(class) => self.class(class)?,
            Ast::Assertion(assertion) => self.assertion(assertion, follow)?,
            Ast::Repetition(repetition) => {
                // In PCRE, `{,n}` is literal text and `a*+` is possessive.
                let is_text = self.text.get(repetition.op.span.start.offset..).is_some_and(|op| op.starts_with("{,"));
                if is_text || matches!(*repetition.ast, Ast::Repetition(_)) {
                    return Err(self.unsupported(&repetition.op.span));
                }
                self.visit(&repetition.ast, Follow::Something)?;
            }
            Ast::Group(group) => {
                let outer = (self.multi_line, self.folding);
                if let ast::GroupKind::NonCapturing(flags) = &group.kind {
                    self.flags(flags)?;
                }
                self.visit(&group.ast, follow)?;
                (self.multi_line, self.folding) = outer;
            }
            Ast::Alternation(alternation) => {
                for branch in &alternation.asts {
                    self.visit(branch, follow)?;
                }
            }
            Ast::Concat(concat) => {
                for (index, part) in concat.asts.iter().enumerate() {
                    let later = concat.asts.get(index + 1..).unwrap_or_default();
                    let inner = if later.iter().any(consumes) {
                        Follow::Text
                    } else if later.iter().all(|part| matches!(part, Ast::Empty(_) | Ast::Flags(_))) {
                        follow
                    } else if follow == Follow::Text {
                        Follow::Text
                    } else {
                        Follow::Something
                    };
                    self.visit(part, inner)?;
                }
            }
        }
        Ok(())
    }

    fn literal(&self, literal: &ast::Literal) -> Result<(), PatternError> {
        use ast::{LiteralKind as L, SpecialLiteralKind as S};
        match literal.kind {
            // In PCRE, any vertical white space.
            L::Special(S::VerticalTab) => Err(self.unsupported(&literal.span)),
            _ => Ok(()),
        }
    }

    fn flags(&mut self, flags: &ast::Flags) -> Result<(), PatternError> {
        use ast::Flag as F;
        for item in &flags.items {
            if let ast::FlagsItemKind::Flag(flag) = item.kind {
                match flag {
                    F::DotMatchesNewLine => {}
                    F::CaseInsensitive => self.folding = flags.flag_state(F::CaseInsensitive).unwrap_or(self.folding),
                    F::MultiLine => self.multi_line = flags.flag_state(F::MultiLine).unwrap_or(self.multi_line),
                    // The parser has already applied white space mode.
                    F::IgnoreWhitespace | F::SwapGreed | F::Unicode | F::CRLF => {
                        return Err(self.unsupported(&item.span));
                    }
                }
            }
        }
        Ok(())
    }

    fn perl(&mut self, class: &ast::ClassPerl) {
        use ast::ClassPerlKind as K;
        // Case folding must not add the Kelvin sign and the long s to `\w`.
        let replacement = match (&class.kind, class.negated) {
            (K::Digit, false) => "[0-9]",
            (K::Digit, true) => "[^0-9]",
            (K::Space, false) => r"[\t\n\x0B\f\r\x20]",
            (K::Space, true) => r"[^\t\n\x0B\f\r\x20]",
            (K::Word, false) => "(?-i:[0-9A-Za-z_])",
            (K::Word, true) => "(?-i:[^0-9A-Za-z_])",
        };
        self.edit(&class.span, replacement);
    }

    fn class(&mut self, class: &ast::ClassBracketed) -> Result<(), PatternError> {
        let written = self.text.get(class.span.start.offset..class.span.end.offset).unwrap_or_default();
        // In PCRE, white space in a class is literal even in extended mode.
        if self.extended && written.contains(|c: char| c.is_whitespace() || c == '#') {
            return Err(self.unsupported(&class.span));
        }
        let ast::ClassSet::Item(item) = &class.kind else { return Err(self.unsupported(&class.span)) };
        let words = self.edits.len();
        self.class_item(item)?;
        let has_word = self.edits.get(words..).unwrap_or_default().iter().any(|(_, text)| *text == WORD_APART);
        if has_word {
            if class.negated {
                return Err(self.unsupported(&class.span));
            }
            let start = ast::Span::new(class.span.start, class.span.start);
            let end = ast::Span::new(class.span.end, class.span.end);
            self.edit(&start, "(?:(?-i:[0-9A-Za-z_])|");
            self.edit(&end, ")");
        }
        Ok(())
    }

    fn class_item(&mut self, item: &ast::ClassSetItem) -> Result<(), PatternError> {
        use ast::ClassPerlKind as K;
        match item {
            ast::ClassSetItem::Bracketed(inner) => return Err(self.unsupported(&inner.span)),
            ast::ClassSetItem::Perl(class) => {
                let replacement = match (&class.kind, class.negated) {
                    (K::Digit, false) => "[0-9]",
                    (K::Digit, true) => "[^0-9]",
                    (K::Space, false) => r"[\t\n\x0B\f\r\x20]",
                    (K::Space, true) => r"[^\t\n\x0B\f\r\x20]",
                    (K::Word, false) if self.folding => WORD_APART,
                    (K::Word, false) => "[0-9A-Za-z_]",
                    (K::Word, true) if self.folding => return Err(self.unsupported(&class.span)),
                    (K::Word, true) => "[^0-9A-Za-z_]",
                };
                self.edit(&class.span, replacement);
            }
            ast::ClassSetItem::Literal(literal) => self.literal(literal)?,
            ast::ClassSetItem::Union(union) => {
                for item in &union.items {
                    self.class_item(item)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn assertion(&mut self, assertion: &ast::Assertion, follow: Follow) -> Result<(), PatternError> {
        use ast::AssertionKind as A;
        match assertion.kind {
            // PCRE's `^` does not match after a line break at the very end. The two agree only if at least one
            // character must follow.
            A::StartLine if self.multi_line && follow != Follow::Text => return Err(self.unsupported(&assertion.span)),
            A::StartLine | A::StartText | A::EndText => {}
            A::EndLine if self.multi_line => {}
            // Consuming the line break makes no difference if nothing follows, because only the existence of a match
            // matters.
            A::EndLine if follow == Follow::Nothing => self.edit(&assertion.span, r"(?:\n?\z)"),
            A::EndLine => return Err(self.unsupported(&assertion.span)),
            A::WordBoundary => self.edit(&assertion.span, r"(?-u:\b)"),
            A::NotWordBoundary => self.edit(&assertion.span, r"(?-u:\B)"),
            // `\<` and similar assertions, which are literals in PCRE.
            _ => return Err(self.unsupported(&assertion.span)),
        }
        Ok(())
    }
}

/// Replaces a `\w` in a class; the `\w` is matched separately, without case folding.
const WORD_APART: &str = "[_]";
