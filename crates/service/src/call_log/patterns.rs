//! Finds sensitive parts of a text by their form: tokens, and values under names such as `password`.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::names::is_sensitive;

/// The ranges of a text that must not be logged, in order.
pub(super) fn marked(text: &str) -> Vec<Range<usize>> {
    let mut places = named(text);
    places.extend(tokens(text));
    places.sort_by_key(|place| (place.start, place.end));
    places
}

/// The values under names such as `password`: in `"password": …` and `\"password\": …` of JSON, in `'password': …`, and
/// in `password=…` of forms.
pub(super) fn named(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !is_part_of_name(*byte) {
            at = at.saturating_add(1);
            continue;
        }
        let end = skip(bytes, at, is_part_of_name);
        let name = text.get(at..end).unwrap_or_default();
        at = end;
        if !is_sensitive(name) {
            continue;
        }
        let closed = skip(bytes, end, |byte| byte == b'\\');
        let is_quoted = matches!(bytes.get(closed), Some(b'"' | b'\''));
        let after = if is_quoted { closed.saturating_add(1) } else { end };
        let sign = skip(bytes, after, |byte| byte.is_ascii_whitespace());
        let is_value = match bytes.get(sign) {
            Some(b':') => is_quoted,
            Some(b'=') => true,
            _ => false,
        };
        if !is_value {
            continue;
        }
        let begin = skip(bytes, sign.saturating_add(1), |byte| byte.is_ascii_whitespace());
        at = value_end(bytes, begin);
        if begin < at {
            found.push(begin..at);
        }
    }
    found
}

/// The end of a value, quoted or not. A truncated value ends with the text.
fn value_end(bytes: &[u8], begin: usize) -> usize {
    let opened = skip(bytes, begin, |byte| byte == b'\\');
    match bytes.get(opened) {
        Some(b'"' | b'\'') => string_end(bytes, begin),
        Some(b'[' | b'{') if opened == begin => {
            let mut depth = 0_usize;
            let mut at = begin;
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'[' | b'{' => depth = depth.saturating_add(1),
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    b'"' | b'\'' | b'\\' => {
                        at = string_end(bytes, at);
                        continue;
                    }
                    _ => {}
                }
                at = at.saturating_add(1);
                if depth == 0 {
                    return at;
                }
            }
            bytes.len()
        }
        _ => skip(bytes, begin, |byte| !byte.is_ascii_whitespace() && !b",;&)]}\"'".contains(&byte)),
    }
}

/// The end of the string that begins here. Its quotes are preceded by backslashes if it is nested in another string.
fn string_end(bytes: &[u8], begin: usize) -> usize {
    let opened = skip(bytes, begin, |byte| byte == b'\\');
    let level = opened.saturating_sub(begin);
    let Some(quote) = bytes.get(opened).filter(|byte| matches!(byte, b'"' | b'\'')) else {
        return opened.max(begin.saturating_add(1));
    };
    // At this nesting level, an escaped backslash in the string's content consists of this many backslashes.
    let own = level.saturating_add(1).saturating_mul(2);
    let (mut at, mut backslashes) = (opened.saturating_add(1), 0_usize);
    while let Some(byte) = bytes.get(at) {
        at = at.saturating_add(1);
        if byte == quote && backslashes.checked_rem(own) == Some(level) {
            return at;
        }
        backslashes = if *byte == b'\\' { backslashes.saturating_add(1) } else { 0 };
    }
    bytes.len()
}

fn skip(bytes: &[u8], from: usize, is_skipped: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_skipped(*byte)).unwrap_or(rest.len());
    from.saturating_add(length)
}

const fn is_part_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// JSON Web Tokens, and the credentials after `Bearer` and `Basic`.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut scheme = None;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes.get(at).is_some_and(|byte| is_part_of_token(char::from(*byte))) {
            // Only spaces may separate a scheme from its credentials.
            scheme = scheme.filter(|_| bytes.get(at) == Some(&b' '));
            at = at.saturating_add(1);
            continue;
        }
        let end = skip(bytes, at, |byte| is_part_of_token(char::from(byte)));
        let word = text.get(at..end).unwrap_or_default();
        let jwt = word.find("eyJ").filter(|begin| word.get(*begin..).is_some_and(is_token));
        match (scheme.take(), jwt) {
            (Some(Scheme::Bearer), _) => found.push(at..end),
            (Some(Scheme::Basic), _) if is_basic(word, end == bytes.len()) => found.push(at..end),
            (_, Some(begin)) => found.push(at.saturating_add(begin)..end),
            _ => {}
        }
        scheme = Scheme::of(word);
        at = end;
    }
    found
}

#[derive(Clone, Copy)]
enum Scheme {
    Bearer,
    Basic,
}

impl Scheme {
    /// The scheme that a word ends with: `Authorization=Bearer`.
    fn of(word: &str) -> Option<Self> {
        let last = word.rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
        if last.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer)
        } else if last.eq_ignore_ascii_case("basic") {
            Some(Self::Basic)
        } else {
            None
        }
    }
}

/// Whether a word is a name and a password in base64, or is truncated and may be.
fn is_basic(word: &str, is_at_end: bool) -> bool {
    let decoded = STANDARD_NO_PAD.decode(word.trim_end_matches('='));
    is_at_end || decoded.is_ok_and(|pair| pair.contains(&b':'))
}

pub(super) fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() >= 2 && text.chars().all(is_part_of_token)
}

const fn is_part_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '=' | '+' | '/' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut shown = text.to_owned();
        for place in marked(text).into_iter().rev() {
            shown.replace_range(place, "*");
        }
        shown
    }

    #[test]
    fn values_of_password_like_names_are_marked_completely() {
        for (text, expected) in [
            (
                r#"{"password":123456,"creds":{"password":{"new":"s3"}},"n":1}"#,
                r#"{"password":*,"creds":{"password":*},"n":1}"#,
            ),
            (
                r#"{"a":[{"api_key" : "k]\"}"}],"Cookie":["sid=1"],"n":1}"#,
                r#"{"a":[{"api_key" : *}],"Cookie":*,"n":1}"#,
            ),
            (r#"{"s":"{\"token\":\"a\\\"b\",\"n\":1}"}"#, r#"{"s":"{\"token\":*,\"n\":1}"}"#),
            (r#"{"secret":"a\\","n":1}"#, r#"{"secret":*,"n":1}"#),
            ("{ 'password': 'x', n: 1 }", "{ 'password': *, n: 1 }"),
            ("user=ada&new_password=x%20y&n=2", "user=ada&new_password=*&n=2"),
            (r#"{"password":"cut of"#, r#"{"password":*"#),
            (r#"{"tokens":[{"a":"b"},"cut"#, r#"{"tokens":*"#),
            ("unexpected token: 'x'; the password is too short", "unexpected token: 'x'; the password is too short"),
            (r#"{"password":"#, r#"{"password":"#),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn values_after_bearer_and_basic_are_marked_in_any_letter_case() {
        for (text, expected) in [
            ("got eyJh.eyJz.c2ln, Bearer abc and eyJ alone", "got *, Bearer * and eyJ alone"),
            ("bearer abcdefgh; BASIC YWRhOnMzY3JldA==", "bearer *; BASIC *"),
            ("basic YWRhOnMzY3JldA cut: basic YWRhOn", "basic * cut: basic *"),
            ("the basic plan: BASIC; x", "the basic plan: BASIC; x"),
            (r#"["Basic YWRhOnMzY3JldA=="]"#, r#"["Basic *"]"#),
            ("t=eyJh.eyJz.c2ln", "t=*"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
