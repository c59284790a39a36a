//! Which tokens of a source are in a `try` block whose `catch` gets what they throw. Where the tokens do not show it,
//! as in the body of a function that the block defines, the answer is no.

use super::tokens::Token;

/// Words before a parenthesis that is followed by a block rather than by the body of a function.
const CONTROL: [&str; 7] = ["if", "for", "await", "while", "switch", "with", "catch"];

/// An open bracket.
#[derive(Clone, Copy, Default)]
struct Open {
    /// The innermost `try` block around it, up to the next function.
    block: Option<usize>,
    /// Whether it is the block itself.
    is_block: bool,
    /// Whether it is a parenthesis after a control word.
    is_control: bool,
    /// Whether the body of an arrow function without braces is open.
    in_arrow: bool,
}

impl Open {
    fn around(self) -> Option<usize> {
        self.block.filter(|_| !self.in_arrow)
    }
}

struct Block {
    outer: Option<usize>,
    has_catch: bool,
}

/// For each token, whether a `catch` of the same function gets what it throws.
pub(super) fn guarded(tokens: &[(Token, u32)]) -> Vec<bool> {
    let token = |index: Option<usize>| index.and_then(|index| tokens.get(index)).map(|(token, _)| token);
    let before = |index: usize, count: usize| token(index.checked_sub(count));
    let is_word = |token: Option<&Token>, word: &str| matches!(token, Some(Token::Word(found)) if found == word);
    let mut blocks: Vec<Block> = Vec::new();
    let mut outer = Vec::new();
    let mut open = Open::default();
    let mut closed_control = false;
    let mut places = Vec::with_capacity(tokens.len());
    for (index, (found, _)) in tokens.iter().enumerate() {
        let last = before(index, 1);
        match found {
            Token::Sign(sign @ ('{' | '(' | '[')) => {
                let around = open.around();
                outer.push(open);
                open = Open { block: around, ..Open::default() };
                let is_arrow = last == Some(&Token::Sign('>')) && before(index, 2) == Some(&Token::Sign('='));
                if *sign == '(' {
                    open.is_control = matches!(last, Some(Token::Word(word)) if CONTROL.contains(&word.as_str()));
                } else if *sign == '{' && is_word(last, "try") && before(index, 2) != Some(&Token::Sign('.')) {
                    open.block = Some(blocks.len());
                    open.is_block = true;
                    blocks.push(Block { outer: around, has_catch: false });
                } else if *sign == '{' && (is_arrow || last == Some(&Token::Sign(')')) && !closed_control) {
                    open.block = None;
                }
            }
            Token::Sign('}' | ')' | ']') => {
                if let Some(block) = open.block.filter(|_| open.is_block).and_then(|block| blocks.get_mut(block)) {
                    block.has_catch = is_word(token(index.checked_add(1)), "catch");
                }
                closed_control = open.is_control;
                open = outer.pop().unwrap_or_default();
            }
            Token::Sign('>') if last == Some(&Token::Sign('=')) => {
                open.in_arrow |= token(index.checked_add(1)) != Some(&Token::Sign('{'));
            }
            Token::Sign(';' | ',') => open.in_arrow = false,
            _ => {}
        }
        places.push(open.around());
    }
    // An inner block comes after those around it.
    let mut caught: Vec<bool> = Vec::with_capacity(blocks.len());
    for Block { outer, has_catch } in &blocks {
        let is_outer = outer.and_then(|outer| caught.get(outer)).copied().unwrap_or(false);
        caught.push(*has_catch || is_outer);
    }
    places.into_iter().map(|place| place.and_then(|place| caught.get(place)).copied().unwrap_or(false)).collect()
}
