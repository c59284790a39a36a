//! JSON string literals inside other text.

use nom::IResult;
use nom::error::{Error, ErrorKind};

/// Parses a JSON string at the start of a text.
pub(super) fn string_literal(text: &str) -> IResult<&str, String> {
    let failed = || nom::Err::Error(Error::new(text, ErrorKind::Char));
    if !text.starts_with('"') {
        return Err(failed());
    }
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let Some(Ok(string)) = strings.next() else { return Err(failed()) };
    let rest = text.get(strings.byte_offset()..).ok_or_else(failed)?;
    Ok((rest, string))
}

/// Formats a text as a JSON string, including quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
