use regex_syntax::ast::{self, Ast};

/// An estimate of the number of automaton states of a pattern, with repetitions expanded. It determines the cost of
/// compiling the pattern and keeping it in memory and, in the worst case, of matching it against one byte of text.
pub(super) fn states(tree: &Ast, folding: bool) -> usize {
    match tree {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => 1,
        Ast::Literal(literal) => character(literal.c, folding),
        Ast::Dot(_) => DOT_STATES,
        Ast::ClassUnicode(_) => CLASS_OF_UNICODE,
        Ast::ClassPerl(_) => 2,
        Ast::ClassBracketed(class) => {
            let negated = if class.negated { DOT_STATES } else { 0 };
            negated + of_set(&class.kind, folding)
        }
        Ast::Repetition(repetition) => states(&repetition.ast, folding).saturating_mul(times(&repetition.op.kind)),
        Ast::Group(group) => states(&group.ast, folding).saturating_add(2),
        Ast::Alternation(alternation) => sum(&alternation.asts, folding).saturating_add(alternation.asts.len()),
        Ast::Concat(concat) => sum(&concat.asts, folding),
    }
}

/// Any character: one alternative for each length in UTF-8.
const DOT_STATES: usize = 10;
/// A Unicode class, such as `\pL`, or a case-folded range. These consist of several hundred ranges.
const CLASS_OF_UNICODE: usize = 1500;

fn sum(parts: &[Ast], folding: bool) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(states(part, folding)))
}

fn times(kind: &ast::RepetitionKind) -> usize {
    use ast::{RepetitionKind as K, RepetitionRange as R};
    let times = match kind {
        K::ZeroOrOne | K::ZeroOrMore | K::OneOrMore => 1,
        K::Range(R::Exactly(times) | R::AtLeast(times) | R::Bounded(_, times)) => *times,
    };
    usize::try_from(times).unwrap_or(usize::MAX).saturating_add(1)
}

const fn character(character: char, folding: bool) -> usize {
    // Case folding may add characters with longer encodings.
    character.len_utf8() * if folding { 3 } else { 1 }
}

fn of_set(set: &ast::ClassSet, folding: bool) -> usize {
    match set {
        ast::ClassSet::Item(item) => of_item(item, folding),
        ast::ClassSet::BinaryOp(operation) => of_set(&operation.lhs, folding) + of_set(&operation.rhs, folding),
    }
}

fn of_item(item: &ast::ClassSetItem, folding: bool) -> usize {
    use ast::ClassSetItem as I;
    match item {
        I::Empty(_) => 0,
        I::Literal(literal) => character(literal.c, folding),
        I::Range(range) if folding && !range.end.c.is_ascii() => CLASS_OF_UNICODE,
        I::Range(range) => 2 * range.end.c.len_utf8(),
        I::Unicode(_) => CLASS_OF_UNICODE,
        I::Ascii(_) | I::Perl(_) => DOT_STATES,
        I::Bracketed(class) => DOT_STATES + of_set(&class.kind, folding),
        I::Union(union) => union.items.iter().fold(0, |sum, item| sum.saturating_add(of_item(item, folding))),
    }
}
