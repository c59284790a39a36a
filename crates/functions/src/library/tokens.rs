//! Splits a source into tokens, as far as needed to find the modules that it requires. This is not a parser; the engine
//! has one.

/// A word, a literal, or a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    /// A string literal, or a template literal without expressions.
    Text(String),
    /// A literal whose value is not decoded: one with escapes or expressions, or a regular expression.
    Unread,
    Sign(char),
}

/// Words after which a slash begins a regular expression.
const BEFORE_REGEX: [&str; 13] =
    ["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "instanceof", "await"];

/// The tokens of a source, each with its line from 1. Comments are left out, as is the text of templates with
/// expressions.
pub(crate) fn tokens(source: &str) -> Vec<(Token, u32)> {
    Scanner { chars: source.chars().peekable(), line: 1, tokens: Vec::new(), templates: Vec::new() }.scan()
}

struct Scanner<'s> {
    chars: std::iter::Peekable<std::str::Chars<'s>>,
    line: u32,
    tokens: Vec<(Token, u32)>,
    /// For each open template literal, the number of open braces in the current expression.
    templates: Vec<usize>,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.chars.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    fn push(&mut self, token: Token) {
        self.tokens.push((token, self.line));
    }

    fn scan(mut self) -> Vec<(Token, u32)> {
        while let Some(character) = self.next() {
            match character {
                '"' | '\'' | '`' => self.text(character),
                '/' => self.slash(),
                '{' => {
                    if let Some(open) = self.templates.last_mut() {
                        *open += 1;
                    }
                    self.push(Token::Sign('{'));
                }
                '}' => match self.templates.last_mut() {
                    Some(0) => {
                        self.templates.pop();
                        self.template_rest();
                    }
                    Some(open) => {
                        *open -= 1;
                        self.push(Token::Sign('}'));
                    }
                    None => self.push(Token::Sign('}')),
                },
                _ if is_word(character) => self.word(character),
                _ if character.is_whitespace() => {}
                _ => self.push(Token::Sign(character)),
            }
        }
        self.tokens
    }

    fn word(&mut self, first: char) {
        let mut word = String::from(first);
        while let Some(next) = self.chars.next_if(|next| is_word(*next)) {
            word.push(next);
        }
        self.push(Token::Word(word));
    }

    /// Scans a string, or a template literal up to its end or the next expression.
    fn text(&mut self, quote: char) {
        let line = self.line;
        let mut text = Some(String::new());
        while let Some(character) = self.next() {
            match character {
                '\\' => {
                    self.next();
                    text = None;
                }
                '\n' if quote != '`' => break,
                '$' if quote == '`' && self.chars.next_if_eq(&'{').is_some() => {
                    self.templates.push(0);
                    text = None;
                    break;
                }
                _ if character == quote => break,
                _ => text.as_mut().into_iter().for_each(|text| text.push(character)),
            }
        }
        self.tokens.push((text.map_or(Token::Unread, Token::Text), line));
    }

    /// Scans a template literal after an expression, up to its end or the next expression.
    fn template_rest(&mut self) {
        let from = self.tokens.len();
        self.text('`');
        if let Some((token, _)) = self.tokens.get_mut(from) {
            *token = Token::Unread;
        }
    }

    fn slash(&mut self) {
        match self.chars.peek().copied() {
            Some('/') => while self.chars.next_if(|next| *next != '\n').is_some() {},
            Some('*') => {
                self.next();
                let mut last = ' ';
                while let Some(character) = self.next() {
                    if last == '*' && character == '/' {
                        break;
                    }
                    last = character;
                }
            }
            _ if self.expects_value() => self.regex(),
            _ => self.push(Token::Sign('/')),
        }
    }

    fn expects_value(&self) -> bool {
        match self.tokens.last() {
            None => true,
            Some((Token::Sign(sign), _)) => !matches!(sign, ')' | ']' | '}'),
            Some((Token::Word(word), _)) => BEFORE_REGEX.contains(&word.as_str()),
            Some((Token::Text(_) | Token::Unread, _)) => false,
        }
    }

    fn regex(&mut self) {
        let mut in_class = false;
        while let Some(character) = self.next() {
            match character {
                '\\' => {
                    self.next();
                }
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => break,
                '\n' => break,
                _ => {}
            }
        }
        self.push(Token::Unread);
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}
