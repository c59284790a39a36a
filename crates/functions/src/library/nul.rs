/// Replaces each U+0000 in a source by an escape, since the engine rejects the character. It is valid in strings,
/// templates, regular expressions and comments; elsewhere both the character and the escape are syntax errors.
pub(crate) fn without_nul(source: String) -> String {
    if !source.contains('\0') {
        return source;
    }
    let mut written = String::with_capacity(source.len().saturating_add(64));
    let mut is_escaped = false;
    for character in source.chars() {
        match character {
            // The preceding backslash serves as that of the escape: escaped, U+0000 stands for itself.
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
    fn a_backslash_before_nul_becomes_the_backslash_of_the_escape() {
        assert_eq!(without_nul("'a\0' + '\\\0\0' + '\\\\\0'".to_owned()), r"'a\u0000' + '\u0000\u0000' + '\\\u0000'");
        assert_eq!(without_nul("'\\\\'".to_owned()), r"'\\'");
    }
}
