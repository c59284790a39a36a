//! Grants: never more than the document contains, than another permission grants, or than a wider rule grants.

use bson::Bson;
use portcullis::policy::{RulesFile, compile};
use portcullis::predicate::Scope;
use portcullis::testfile::GivenDocuments;
use portcullis::{Guard, Reason, json};
use portcullis_testkit::naive::generate;
use proptest::prelude::*;
use serde_json::json;

use super::{context, expressions, guards, read, visible};

/// Whether every field of one value is in the other, with a value for which the same holds.
fn is_part(part: &Bson, whole: &Bson) -> bool {
    match (part, whole) {
        (Bson::Document(part), Bson::Document(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|whole| is_part(value, whole)))
        }
        (Bson::Array(part), Bson::Array(whole)) => {
            let mut rest = whole.iter();
            part.iter().all(|element| rest.any(|whole| is_part(element, whole)))
        }
        // NaN does not equal itself, so it is compared by text.
        (part, whole) => part == whole || format!("{part:?}") == format!("{whole:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_read_never_adds_a_field(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, document, _) in guards(&file) {
            if let Some(visible) = visible(&guard, &document) {
                prop_assert!(is_part(&visible.clone().into(), &document.clone().into()), "{visible} of {document}");
                prop_assert!(!visible.is_empty());
            }
        }
    }

    #[test]
    fn a_no_op_changes_nothing(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, document, _) in guards(&file) {
            let decision = guard.update(&document, &document);
            prop_assert!(!matches!(decision.reason(), Some(Reason::Fields(_))), "{:?}", decision.reason());
        }
    }

    #[test]
    fn write_permission_implies_read(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, scope, _, _, case) in expressions(&file) {
            let rules = json!({"roles": [{"name": "R", "apply_when": {}, "write": expr.value.to_json()}]});
            let (Scope::Role, Ok(rules)) = (scope, compile(&json::parse(&rules.to_string()).unwrap())) else { continue };
            let nothing = GivenDocuments::default();
            let guard = Guard::new(RulesFile::effective(Some(&rules), None), context(&file, case, &nothing, &[]));
            for (_, document, _) in guards(&file).into_iter().filter(|(_, document, _)| !document.is_empty()) {
                if guard.update(&document, &document).is_allowed() {
                    let seen = visible(&guard, &document);
                    prop_assert_eq!(format!("{seen:?}"), format!("{:?}", Some(&document)), "{}", expr.value);
                }
            }
        }
    }

    #[test]
    fn narrowing_never_grants_more(file in generate::file(), other in generate::file()) {
        let (true, Some(filters)) = (file["rules"].is_object(), other["rules"]["filters"].as_array()) else {
            return Ok(());
        };
        let mut narrow = file.clone();
        let own = narrow["rules"]["filters"].as_array().cloned().unwrap_or_default();
        narrow["rules"]["filters"] = own.iter().chain(filters).cloned().collect();
        narrow["cases"].as_array_mut().unwrap().iter_mut().for_each(|case| {
            case.as_object_mut().unwrap().remove("rules");
        });
        let mut plain = file.clone();
        plain["cases"] = narrow["cases"].clone();
        let (Some(plain), Some(narrow)) = (read(&plain), read(&narrow)) else { return Ok(()) };
        for ((wide, document, _), (narrow, ..)) in guards(&plain).iter().zip(guards(&narrow)) {
            if let Some(seen) = visible(&narrow, document) {
                let all = visible(wide, document);
                prop_assert!(all.is_some_and(|all| is_part(&seen.clone().into(), &all.into())));
            }
        }
    }
}
