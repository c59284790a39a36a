//! Rewrites patterns so that the linear-time engine interprets them like PCRE.

use regex_syntax::ast::{self, Ast};

use super::pattern_error::PatternError;

/// What follows a part of the pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// Nothing: the match ends after this part.
    Nothing,
    /// Something that may match the empty string.
    Something,
    /// Something that matches at least one character.
    Text,
}

/// Whether a part matches only non-empty text.
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

/// Collects the replacements of parts that the engines interpret differently.
pub(super) struct Rewriting<'t> {
    pub(super) text: &'t str,
    pub(super) multi_line: bool,
    pub(super) folding: bool,
    pub(super) extended: bool,
    pub(super) edits: Vec<(ast::Span, &'static str)>,
}

impl Rewriting<'_> {
    pub(super) fn finish(mut self) -> String {
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

    pub(super) fn visit(&mut self, tree: &Ast, follow: Follow) -> Result<(), PatternError> {
        match tree {
            Ast::Empty(_) | Ast::Dot(_) | Ast::ClassUnicode(_) => {}
            Ast::Literal(literal) => self.literal(literal)?,
            Ast::Flags(flags) => self.flags(&flags.flags)?,
            Ast::ClassPerl(class) => self.perl(class),
            Ast::ClassBracketed(class) => self.class(class)?,
            Ast::Assertion(assertion) => self.assertion(assertion, follow)?,
            Ast::Repetition(repetition) => {
                // In PCRE, `{,n}` is literal text, and `a*+` is a possessive repetition.
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
            // In PCRE, `\v` is any vertical white space.
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
                    // The parser handles extended mode.
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
        // Case folding must not add the Kelvin sign (K) and the long s (ſ) to `\w`.
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
        // In PCRE, white space in a class is literal, even in extended mode.
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
            // In PCRE, `^` does not match after a line break at the end of the text. The engines agree only if at least
            // one more character has to match.
            A::StartLine if self.multi_line && follow != Follow::Text => return Err(self.unsupported(&assertion.span)),
            A::StartLine | A::StartText | A::EndText => {}
            A::EndLine if self.multi_line => {}
            // Here the line break may be consumed: nothing follows, and only whether there is a match matters.
            A::EndLine if follow == Follow::Nothing => self.edit(&assertion.span, r"(?:\n?\z)"),
            A::EndLine => return Err(self.unsupported(&assertion.span)),
            A::WordBoundary => self.edit(&assertion.span, r"(?-u:\b)"),
            A::NotWordBoundary => self.edit(&assertion.span, r"(?-u:\B)"),
            // `\<` and similar assertions are literal characters in PCRE.
            _ => return Err(self.unsupported(&assertion.span)),
        }
        Ok(())
    }
}

/// Stands in for `\w` in a class; the `\w` itself is matched by a separate class without case folding.
const WORD_APART: &str = "[_]";
