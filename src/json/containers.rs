//! Writes documents and arrays as JSON on one line; the caller supplies the format of their values.

use super::strings::string;
use crate::value::{ArrayRef, DocumentRef, Elements, Fields, Malformed, ValueRef};

/// Appends a document, whose values are written by `write`. Of duplicate keys, only the first is written; the others
/// are still validated, since invalid BSON is an error wherever it occurs.
pub(super) fn object<'d, E: From<Malformed>>(
    document: DocumentRef<'d>,
    text: &mut Vec<u8>,
    write: impl Fn(&str, ValueRef<'d>, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    text.push(b'{');
    let mut fields = Fields::of(document);
    let mut first = true;
    while let Some(field) = fields.next() {
        let (key, field) = field?;
        let value = field.value()?;
        if fields.repeats(key) {
            continue;
        }
        if !first {
            text.push(b',');
        }
        first = false;
        string(key, text);
        text.push(b':');
        write(key, value, text)?;
    }
    text.push(b'}');
    Ok(())
}

/// Appends an array, whose elements are written by `write`.
pub(super) fn elements<'d, E: From<Malformed>>(
    array: ArrayRef<'d>,
    text: &mut Vec<u8>,
    write: impl Fn(ValueRef<'d>, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    text.push(b'[');
    for (index, element) in Elements::of(array).enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write(element?.value()?, text)?;
    }
    text.push(b']');
    Ok(())
}
