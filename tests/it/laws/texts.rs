//! JSON: whatever is written can be read back, every reader gives the same result, and no input causes a panic.

use bson::{Bson, RawDocumentBuf};
use portcullis::expr;
use portcullis::json;
use portcullis::policy::compile;
use portcullis_testkit::naive::generate;
use proptest::prelude::*;

use super::{doubled, guards, read};

/// A token of JSON text.
fn token() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        " ",
        "\n",
        "\t",
        "\"",
        "\\",
        "$",
        "\"a\"",
        "\"a\":",
        "\"b\":",
        "\"$oid\":",
        "\"\\u0024oid\":",
        "\"$date\":",
        "\"x\\u0000y\":",
        "\"\\ud800\"",
        "\"\\n\"",
        "\"\u{e9}\"",
        "0",
        "1",
        "-0",
        "01",
        "1.5",
        "-2e3",
        "1e999",
        "2147483648",
        "9223372036854775808",
        "-9223372036854775808",
        "true",
        "false",
        "null",
        "nullx",
        "NaN",
        "\u{feff}",
        "{\"$oid\":\"65b00000000000000000000A\"}",
        "{\"$numberLong\":\"1\"}",
        "{\"$oid\":\"65\"}",
        "{\"a\":1,\"$oid\":\"65b000000000000000000001\"}",
        "{\"$a\":1}",
        "{\"a\":1,\"a\":2}",
        "[1,[2,{}]]",
        "[]",
        "{}",
    ])
}

#[test]
fn ordinary_json_takes_the_fast_path() {
    for text in [
        r#"{"_id": {"$oid":"65b000000000000000000001"}, "a": [1, -2.5, "x\ny", true, null, {"b": {}}], "c": []}"#,
        r#" {"_id": {"$oid": "65b000000000000000000001"}, "at": {"$date": "2024-01-01T00:00:00Z"}, "n": 12345678901} "#,
        "{}",
    ] {
        assert!(json::to_raw_document(text.as_bytes(), &mut Vec::new()).is_some(), "{text}");
    }
    let keys: Vec<String> = (0..100).map(|key| format!("\"k{key}\": {key}")).collect();
    let text = format!("{{{}}}", keys.join(", "));
    assert!(json::to_raw_document(text.as_bytes(), &mut Vec::new()).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn extended_json_round_trips(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (_, document, _) in guards(&file) {
            let value = Bson::Document(document);
            let text = json::from_bson(&value).to_string();
            let back = json::to_bson(&json::parse(&text).unwrap()).unwrap();
            prop_assert!(portcullis::value::identical((&value).into(), (&back).into()).unwrap(), "{text}");
        }
    }

    #[test]
    fn writing_a_document_equals_printing_its_value(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (_, document, _) in guards(&file) {
            let printed = json::from_bson(&Bson::Document(document.clone())).to_string();
            let mut written = Vec::new();
            json::write(&document, &mut written).unwrap();
            prop_assert_eq!(&printed, &String::from_utf8(written).unwrap());
            for raw in RawDocumentBuf::try_from(&document).ok().into_iter().chain(doubled(&document)) {
                let mut written = Vec::new();
                json::write(&raw, &mut written).unwrap();
                prop_assert_eq!(&printed, &String::from_utf8(written).unwrap());
            }
        }
    }

    #[test]
    fn the_fast_and_the_strict_json_parser_agree(
        file in generate::file(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), token(), any::<bool>()), 0..4),
        tokens in proptest::collection::vec(token(), 0..14),
    ) {
        let mut texts = vec![format!("{{{}}}", tokens.concat()), format!("{{\"a\":{}}}", tokens.concat())];
        for (_, document, _) in read(&file).iter().flat_map(guards) {
            let text = json::from_bson(&Bson::Document(document.clone())).to_string();
            let pretty = json::parse(&text).unwrap().to_pretty();
            texts.extend([text, pretty, Bson::Document(document).into_canonical_extjson().to_string()]);
        }
        let mut bytes = Vec::new();
        for text in texts {
            for changed in changes.iter().map(Some).chain([None]) {
                let mut text = text.clone();
                if let Some((at, token, insert)) = changed {
                    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                    let at = *at.get(&places);
                    let end = if *insert { at } else { at + text[at..].chars().next().map_or(0, char::len_utf8) };
                    text.replace_range(at..end, token);
                }
                if let Some(straight) = json::to_raw_document(text.as_bytes(), &mut bytes) {
                    let careful = json::to_document(&json::parse(&text).unwrap()).unwrap();
                    let careful = RawDocumentBuf::try_from(&careful).unwrap();
                    prop_assert_eq!(straight.as_bytes(), careful.as_bytes(), "{}", text);
                }
            }
        }
    }

    #[test]
    fn no_input_panics_the_parsers_or_the_guard(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200), file in generate::file()) {
        let _ = expr::parse_str(&text);
        if let Ok(node) = json::parse(&text) {
            let _ = compile(&node);
        }
        let Ok(mut raw) = RawDocumentBuf::from_bytes({
            let mut framed = i32::try_from(bytes.len() + 5).unwrap().to_le_bytes().to_vec();
            framed.extend(&bytes);
            framed.push(0);
            framed
        }) else { return Ok(()) };
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, document, _) in guards(&file) {
            let _ = guard.read(&raw);
            let _ = guard.update(&document, &raw);
            let _ = guard.delete(&raw);
            raw = RawDocumentBuf::try_from(&document).unwrap_or(raw);
        }
    }
}
