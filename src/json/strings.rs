//! Writes strings as JSON.

use crate::byte_search::string_end;

/// Appends text as a JSON string.
pub(crate) fn string(value: &str, text: &mut Vec<u8>) {
    text.reserve(value.len() + 2);
    text.push(b'"');
    escape(value, text);
    text.push(b'"');
}

/// Appends text as the content of a JSON string. Parts without escapes, usually the whole text, are copied at once.
pub(crate) fn escape(value: &str, text: &mut Vec<u8>) {
    let mut rest = value.as_bytes();
    while let Some((plain, [byte, after @ ..])) = string_end(rest).and_then(|end| rest.split_at_checked(end)) {
        text.extend_from_slice(plain);
        match byte {
            b'"' => text.extend_from_slice(br#"\""#),
            b'\\' => text.extend_from_slice(br"\\"),
            b'\n' => text.extend_from_slice(br"\n"),
            b'\r' => text.extend_from_slice(br"\r"),
            b'\t' => text.extend_from_slice(br"\t"),
            0x08 => text.extend_from_slice(br"\b"),
            0x0c => text.extend_from_slice(br"\f"),
            control => {
                text.extend_from_slice(br"\u00");
                text.extend([digit(control >> 4), digit(control & 15)]);
            }
        }
        rest = after;
    }
    text.extend_from_slice(rest);
}

/// Appends an `ObjectId` as extended JSON.
pub(super) fn object_id(id: [u8; 12], text: &mut Vec<u8>) {
    text.extend_from_slice(br#"{"$oid":""#);
    text.extend(id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text.extend_from_slice(br#""}"#);
}

/// A hexadecimal digit.
const fn digit(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) }
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn strings_are_written_as_serde_json_writes_them() {
        let every: String = ('\0'..='\u{ff}').chain(['€', '😀', '\u{2028}']).collect();
        let mut texts = vec![every, String::new(), "plain".into(), "quo\"te".into(), "end\\".into()];
        texts.extend((0..40).map(|length| "a".repeat(length) + "\u{1}" + &"é".repeat(length)));
        for value in texts {
            let mut text = Vec::new();
            string(&value, &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string(&value).unwrap());
        }
    }
}
