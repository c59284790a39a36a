//! A document, a filter, an order and a projection, a line each: nothing panics, and decoded and raw documents give the same.
#![no_main]

use bson::{Bson, Document, RawDocumentBuf};
use libfuzzer_sys::fuzz_target;
use portcullis::mongo_query::{Filter, Sort, compile_projection};
use portcullis_fuzz::{document, is_part, same};

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some(document_) = document(lines.next()) else { return };
    let Ok(raw) = RawDocumentBuf::try_from(&document_) else { return };
    if let Some(Ok(filter)) = document(lines.next()).map(|filter| Filter::compile(&filter)) {
        assert_eq!(filter.matches(&document_), filter.matches(&*raw));
    }
    if let Some(Ok(sort)) = document(lines.next()).map(|sort| Sort::compile(&sort))
        && let (Ok(decoded), Ok(raw)) = (sort.key(&document_), sort.key(&*raw))
    {
        assert!(sort.compare(&decoded, &raw).is_eq(), "{decoded:?} and {raw:?}");
    }
    if let Some(Ok(projection)) = document(lines.next()).map(|projection| compile_projection(&projection)) {
        let (decoded, raw) = (projection.apply(&document_), projection.apply(&*raw));
        let whole = |document: Document| Bson::Document(document);
        if let (Ok(decoded), Ok(raw)) = (decoded, raw) {
            let (decoded, raw) = (whole(decoded), whole(raw));
            assert!(same(&decoded, &raw), "{decoded} and {raw}");
            assert!(is_part(&decoded, &whole(document_.clone())), "{decoded} is no part of {document_}");
        }
    }
});
