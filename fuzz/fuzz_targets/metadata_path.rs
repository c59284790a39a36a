//! The path of a metadata field and the claims of a token, a line each: a path is printed as it can be read again, and finds
//! what stands under its names.
#![no_main]

use bson::{Bson, Document};
use libfuzzer_sys::fuzz_target;
use portcullis::auth::MetadataPath;
use portcullis_fuzz::document;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let text = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let path = match MetadataPath::parse(&text) {
        Ok(path) => path,
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1);
            return;
        }
    };
    assert_eq!(MetadataPath::parse(&path.to_string()).as_ref(), Ok(&path), "printed as {path}");
    assert_eq!(path.names().last().map(String::as_str), Some(path.last()));
    if let Some(claims) = document(lines.next()) {
        assert_eq!(path.look_up(&claims), walk(&claims, path.names()));
    }
});

fn walk<'c>(claims: &'c Document, names: &[String]) -> Option<&'c Bson> {
    let (name, rest) = names.split_first()?;
    match (claims.get(name)?, rest) {
        (value, []) => Some(value),
        (Bson::Document(inner), rest) => walk(inner, rest),
        _ => None,
    }
}
