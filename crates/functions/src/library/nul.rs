/// A source in which each character U+0000 is written as an escape, since the engine takes none. They may stand in texts, templates, regular
/// expressions and comments; anywhere else both are a syntax error.
pub(crate) fn without_nul(source: String) -> String {
    if !source.contains('\0') {
        return source;
    }
    let mut written = String::with_capacity(source.len().saturating_add(64));
    let mut is_escaped = false;
    for character in source.chars() {
        match character {
            // Behind a backslash the character stands for itself, and so does the rest of the escape.
            '\0' if is_escaped => written.push_str("u0000"),
            '\0' => written.push_str("\\u0000"),
            other => written.push(other),
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::without_nul;

    #[test]
    fn a_backslash_before_it_is_the_one_of_the_escape() {
        assert_eq!(without_nul("'a\0' + '\\\0\0' + '\\\\\0'".to_owned()), r"'a\u0000' + '\u0000\u0000' + '\\\u0000'");
        assert_eq!(without_nul("'\\\\'".to_owned()), r"'\\'");
    }
}
