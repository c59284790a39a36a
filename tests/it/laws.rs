//! What holds for every rule, user and document: random tests, each named by the law that it states.

use std::path::Path;
use std::sync::Arc;

use bson::raw::CString;
use bson::{Bson, Document, RawBson, RawDocumentBuf, doc};
use portcullis::access::{Buffer, Decision, Guard, Outcome, Reason, Visible};
use portcullis::eval::{Context, Documents, Errors, Evaluation, Truth, bind, trace};
use portcullis::expr::{self, Expr};
use portcullis::json;
use portcullis::policy::{RulesFile, compile};
use portcullis::predicate::{Predicate, Scope, lower};
use portcullis::testfile::{Case, GivenDocuments, Kind, TestFile};
use portcullis::text::Spanned;
use portcullis::user::User;
use portcullis::value::{DocumentRef, Prepared, ValueRef};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::agreement::with_expectation;
use crate::regressions::{ways, with_array};
use portcullis_testkit::naive::generate;

/// A generated file as the engine reads it; none if it is refused.
fn read(file: &Json) -> Option<TestFile> {
    let mut file = file.clone();
    let cases = file["cases"].as_array()?.iter().map(with_expectation).collect();
    file["cases"] = Json::Array(cases);
    TestFile::parse("generated.json", file.to_string().as_bytes(), Path::new(".")).ok()
}

/// The expressions of a file that have a meaning, each with what it sees.
fn expressions(file: &TestFile) -> Vec<(Spanned<Expr>, Scope, Predicate, &GivenDocuments, &Case)> {
    let cases = file.cases.iter().filter_map(|case| {
        let Kind::Expression { expression, scope, documents } = &case.kind else { return None };
        let expr = expr::parse(expression).ok()?;
        let predicate = lower(&expr, *scope).ok()?;
        Some((expr, *scope, predicate, &**documents, case))
    });
    cases.collect()
}

/// Values of which some are equal although they are written differently.
fn scalar() -> impl Strategy<Value = Bson> {
    prop_oneof![
        (0..20_i32).prop_map(Bson::Int32),
        (0..20_i64).prop_map(Bson::Int64),
        (0..40_i32).prop_map(|half| Bson::Double(f64::from(half) / 2.0)),
        (0..20_i32).prop_map(|number| Bson::Decimal128(format!("{number}.0").parse().unwrap())),
        Just(Bson::Double(f64::NAN)),
        Just(Bson::Null),
        "[ab]{1,2}".prop_map(Bson::String),
        "[ab]{1,2}".prop_map(Bson::Symbol),
        any::<bool>().prop_map(Bson::Boolean),
        (0..3_u8).prop_map(|byte| Bson::ObjectId(bson::oid::ObjectId::from_bytes([byte; 12]))),
        (0..3_i64).prop_map(|millis| Bson::DateTime(bson::DateTime::from_millis(millis))),
        (0..3_u8).prop_map(|byte| doc! { "b": i32::from(byte) }.into()),
    ]
}

fn documents(given: &GivenDocuments) -> Documents<'_> {
    Documents {
        root: given.root.as_ref().map(ValueRef::from),
        prev_root: given.prev_root.as_ref().map(ValueRef::from),
        this: given.this.as_ref().map(ValueRef::from),
        prev: given.prev.as_ref().map(ValueRef::from),
    }
}

/// What a case supplies, but for the parts that are withheld.
fn context(file: &TestFile, case: &Case, given: &GivenDocuments, withheld: &[&str]) -> Context {
    let mut context = Context::new().with_functions(Arc::clone(&file.host()));
    let part = |name: &str| !withheld.contains(&name);
    if let (true, Some(user)) = (part("user"), &case.user) {
        context = context.with_user(user.clone());
    }
    if let (true, Some(values)) = (part("values"), case.given.values.as_ref().or(file.given.values.as_ref())) {
        context = context.with_values(values.clone());
    }
    let environment = case.given.environment.as_ref().or(file.given.environment.as_ref());
    if let (true, Some(environment)) = (part("environment"), environment) {
        context = context.with_environment(environment.clone());
    }
    if let (true, Some(request)) = (part("request"), case.given.request.as_ref().or(file.given.request.as_ref())) {
        context = context.with_request(request.clone());
    }
    if let (true, Some(args)) = (part("args"), &given.args) {
        context = context.with_args(args.clone());
    }
    if let (true, Some(partition)) = (part("partition"), &given.partition) {
        context = context.with_partition(partition.clone());
    }
    context
}

fn truth(predicate: &Predicate, given: &GivenDocuments, context: &Context) -> Truth {
    let errors = Errors::default();
    Evaluation::new(documents(given), context, &errors).truth(&bind(predicate, context))
}

/// The document that a case asks about, and the guard that decides about it.
fn guards(file: &TestFile) -> Vec<(Guard, Document, Document)> {
    let nothing = GivenDocuments::default();
    let cases = file.cases.iter().filter_map(|case| {
        let (before, after) = match &case.kind {
            Kind::Read(one) | Kind::Search(one) | Kind::Insert(one) | Kind::Delete(one) => (one.clone(), one.clone()),
            Kind::Update(before, after) => (before.clone(), after.clone()),
            _ => return None,
        };
        let rules = compile(case.rules.as_ref().or(file.rules.as_ref())?).ok()?;
        let context = context(file, case, &nothing, &[]);
        Some((Guard::new(RulesFile::effective(Some(&rules), None), context), before, after))
    });
    cases.collect()
}

/// The same conditions in the opposite order, at every level.
fn reversed(json: &Json) -> Json {
    match json {
        Json::Object(fields) if !fields.keys().any(|key| key.starts_with('$') && key.len() > 9) => {
            Json::Object(fields.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

/// Every field of one value is a field of the other, with a value of which the same holds.
fn is_part(part: &Bson, whole: &Bson) -> bool {
    match (part, whole) {
        (Bson::Document(part), Bson::Document(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|whole| is_part(value, whole)))
        }
        (Bson::Array(part), Bson::Array(whole)) => {
            let mut rest = whole.iter();
            part.iter().all(|element| rest.any(|whole| is_part(element, whole)))
        }
        // NaN is unlike itself to this comparison.
        (part, whole) => part == whole || format!("{part:?}") == format!("{whole:?}"),
    }
}

/// The same document in BSON's bytes, in which each key of each document stands a second time, as a null.
fn doubled(document: &Document) -> Option<RawDocumentBuf> {
    fn value(of: &Bson) -> Option<RawBson> {
        match of {
            Bson::Document(inside) => doubled(inside).map(RawBson::Document),
            Bson::Array(inside) => {
                Some(RawBson::Array(inside.iter().map(value).collect::<Option<Vec<_>>>()?.into_iter().collect()))
            }
            other => RawBson::try_from(other.clone()).ok(),
        }
    }
    let mut bytes = RawDocumentBuf::new();
    for (key, field) in document {
        bytes.append(CString::try_from(key.as_str()).ok()?, value(field)?);
    }
    for key in document.keys() {
        bytes.append(CString::try_from(key.as_str()).ok()?, RawBson::Null);
    }
    Some(bytes)
}

/// A decision in words, and what it shows.
fn shown<T>(decision: &Decision<'_, T>, show: impl Fn(&T) -> Document) -> String {
    let outcome = match decision.outcome() {
        Outcome::Allow(visible) => show(visible).to_string(),
        Outcome::Deny(reason) => format!("{reason:?}"),
    };
    format!("{:?}: {outcome} {:?}", decision.role(), decision.errors())
}

fn visible(guard: &Guard, document: &Document) -> Option<Document> {
    guard.read(document).allowed().map(|visible| visible.to_document().unwrap())
}

/// A piece of a JSON text.
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
fn ordinary_texts_are_read_straight() {
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

/// Whether a value holds fields, which could stand twice.
fn has_fields(value: &Bson) -> bool {
    match value {
        Bson::Document(document) => !document.is_empty(),
        Bson::Array(elements) => elements.iter().any(has_fields),
        _ => false,
    }
}

/// Whether a text has a value, or a part of it, that holds fields.
fn is_compared_whole(value: &Bson, text: &str) -> bool {
    let is_part = |value: &Bson| is_compared_whole(value, text);
    let in_parts = match value {
        Bson::Document(document) => document.values().any(is_part),
        Bson::Array(elements) => elements.iter().any(is_part),
        _ => false,
    };
    in_parts || (has_fields(value) && text.contains(&json::from_bson(value).to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn binding_first_or_last_is_the_same(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, _, predicate, given, case) in expressions(&file) {
            let context = context(&file, case, given, &[]);
            let bound = truth(&predicate, given, &context);
            let traced = trace(&predicate, documents(given), &context, &Errors::default());
            prop_assert_eq!(bound, traced.truth, "{}", expr.value);
        }
    }

    #[test]
    fn settling_only_turns_unknown_to_false(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, _, predicate, given, case) in expressions(&file) {
            let context = context(&file, case, given, &[]);
            let errors = Errors::default();
            let evaluation = Evaluation::new(documents(given), &context, &errors);
            let (exact, settled) =
                (evaluation.truth(&bind(&predicate, &context)), evaluation.truth(&bind(&predicate, &context).settle()));
            let allowed = settled == exact || (exact, settled) == (Truth::Unknown, Truth::False);
            prop_assert!(allowed, "{exact} became {settled}: {}", expr.value);
        }
    }

    #[test]
    fn printing_then_parsing_gives_the_same_expression(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, ..) in expressions(&file) {
            let printed = expr.value.to_string();
            let again = expr::parse_str(&printed).unwrap();
            prop_assert_eq!(&again.value.to_string(), &printed);
            // NaN is unlike itself.
            prop_assert!(again.value == expr.value || printed.contains("NaN"), "{}", printed);
        }
    }

    #[test]
    fn the_order_of_conditions_never_changes_a_result(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, scope, predicate, given, case) in expressions(&file) {
            let turned = expr::parse_str(&reversed(&expr.value.to_json()).to_string()).unwrap();
            let turned = lower(&turned, scope).unwrap();
            let context = context(&file, case, given, &[]);
            prop_assert_eq!(truth(&predicate, given, &context), truth(&turned, given, &context), "{}", expr.value);
        }
    }

    #[test]
    fn an_unknown_condition_never_grants(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, _, predicate, given, case) in expressions(&file) {
            let supplied = truth(&predicate, given, &context(&file, case, given, &[]));
            for part in ["user", "values", "environment", "request", "args", "partition"] {
                let withheld = truth(&predicate, given, &context(&file, case, given, &[part]));
                // What is known without a part stays so with it, whatever the part says.
                let kept = !matches!(withheld, Truth::True | Truth::False) || withheld == supplied;
                prop_assert!(kept, "{withheld} without the {part}, {supplied} with it: {}", expr.value);
            }
        }
    }

    #[test]
    fn decoded_raw_and_prepared_documents_agree(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, before, after) in guards(&file) {
            let (Ok(raw_before), Ok(raw_after)) =
                (RawDocumentBuf::try_from(&before), RawDocumentBuf::try_from(&after)) else { continue };
            let seen = |outcome: &Outcome<portcullis::access::Visible<'_>>| match outcome {
                Outcome::Allow(visible) => format!("{:?}", visible.to_document().unwrap()),
                Outcome::Deny(reason) => format!("{reason:?}"),
            };
            let (prepared_before, prepared_after) =
                (Prepared::new(&raw_before).unwrap(), Prepared::new(&raw_after).unwrap());
            let forms: [(DocumentRef<'_>, DocumentRef<'_>); 2] =
                [((&raw_before).into(), (&raw_after).into()), ((&prepared_before).into(), (&prepared_after).into())];
            for (old, new) in forms {
                prop_assert_eq!(seen(guard.read(&before).outcome()), seen(guard.read(old).outcome()));
                prop_assert_eq!(seen(guard.search(&before).outcome()), seen(guard.search(old).outcome()));
                let decoded = [guard.insert(&after), guard.update(&before, &after), guard.delete(&before)];
                let other = [guard.insert(new), guard.update(old, new), guard.delete(old)];
                for (decoded, other) in decoded.iter().zip(&other) {
                    prop_assert_eq!(decoded.reason(), other.reason());
                    prop_assert_eq!(decoded.role(), other.role());
                    prop_assert_eq!(decoded.errors(), other.errors());
                }
            }
        }
    }

    #[test]
    fn a_long_list_means_what_its_elements_mean(
        list in proptest::collection::vec(scalar(), 0..40),
        asked in scalar(),
        in_array in any::<bool>(),
    ) {
        let document = if in_array { doc! { "a": [asked] } } else { doc! { "a": asked } };
        let elements = list.iter().map(json::from_bson);
        let one_by_one: Vec<Json> = elements.clone().map(|element| json!({ "a": { "$eq": element } })).collect();
        let one_by_one = if list.is_empty() { json!(false) } else { json!({ "%or": one_by_one }) };
        let user = User::new("u").with_custom_data(doc! { "list": list.clone() });
        let held = |expression: Json| {
            let expr = expr::parse_str(&expression.to_string()).unwrap();
            let context = Context::new().with_user(user.clone());
            let documents = Documents { root: Some((&document).into()), ..Documents::default() };
            Evaluation::new(documents, &context, &Errors::default())
                .truth(&bind(&lower(&expr, Scope::Role).unwrap(), &context))
        };
        let literal = held(json!({ "a": { "$in": elements.collect::<Vec<_>>() } }));
        prop_assert_eq!(literal, held(one_by_one));
        // Of the context, an element that nothing may be compared with is Unknown.
        let of_context = held(json!({ "a": { "$in": "%%user.custom_data.list" } }));
        prop_assert!(of_context == literal || list.contains(&Bson::Null) && of_context == Truth::Unknown);
    }

    #[test]
    fn a_field_is_found_wherever_it_stands(
        keys in proptest::collection::btree_set("[a-cé]{0,3}|[a-c]{6,10}|[a-c]{15,18}|owner|status", 0..60),
        values in proptest::collection::vec(scalar(), 60),
        order in any::<u64>(),
    ) {
        let mut keys: Vec<_> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        if !keys.is_empty() {
            let turn = usize::try_from(order).unwrap_or(7) % keys.len();
            keys.rotate_left(turn);
        }
        let document: Document = keys.iter().cloned().zip(values).collect();
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        let prepared = Prepared::new(&raw).unwrap();
        prop_assert_eq!(prepared.as_bytes(), raw.as_bytes());
        for key in keys.iter().map(String::as_str).chain(["a", "owner", "missing", "aaaaaaaa"]) {
            // As text, in which NaN is itself.
            let of = |document: DocumentRef<'_>| {
                format!("{:?}", document.get(key).unwrap().map(|value| value.to_bson().unwrap()))
            };
            prop_assert_eq!(of((&document).into()), of((&raw).into()));
            prop_assert_eq!(of((&document).into()), of((&prepared).into()));
        }
    }

    #[test]
    fn redacting_the_bytes_is_redacting_the_document(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        let mut buffer = Buffer::new();
        for (guard, stored, other) in guards(&file) {
            let Ok(raw) = RawDocumentBuf::try_from(&stored) else { continue };
            let decoded = shown(&guard.read(&stored), |visible| visible.to_document().unwrap());
            let bytes = guard.read(&raw);
            prop_assert_eq!(&decoded, &shown(&bytes, |visible| visible.to_document().unwrap()));
            let whole = |visible: &Visible<'_>| matches!(visible, Visible::Whole(_));
            let decoded_whole = guard.read(&stored).allowed().is_some_and(|visible| whole(&visible));
            prop_assert_eq!(decoded_whole, bytes.allowed().is_some_and(|visible| whole(&visible)));
            // The buffer holds whatever was written on it before.
            let _ = guard.read_into(&RawDocumentBuf::try_from(&other).unwrap_or_default(), &mut buffer);
            let read = guard.read_into(&raw, &mut buffer);
            prop_assert_eq!(&decoded, &shown(&read, |visible| Document::try_from(*visible).unwrap()));
            // What is written is what encoding the visible part would have written.
            if let Some(visible) = read.allowed() {
                let encoded = RawDocumentBuf::try_from(&Document::try_from(visible).unwrap()).unwrap();
                prop_assert_eq!(encoded.as_bytes(), visible.as_bytes());
            }
            let searched = guard.search_into(&raw, &mut buffer);
            let searched = shown(&searched, |visible| Document::try_from(*visible).unwrap());
            prop_assert_eq!(shown(&guard.search(&stored), |visible| visible.to_document().unwrap()), searched);
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_redacted_by_its_first_value(file in generate::file()) {
        let mut written = file.clone();
        written["cases"].take();
        let written = written.to_string();
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, stored, _) in guards(&file) {
            // A rule that has the very value, or an element of it, compares it whole, as bytes.
            let is_compared = stored.values().any(|value| is_compared_whole(value, &written));
            let Some(twice) = doubled(&stored).filter(|_| !is_compared) else { continue };
            let once = DocumentRef::from(&twice).to_document().unwrap();
            prop_assert_eq!(once.to_string(), stored.to_string());
            let (once, twice) = (guard.read(&once), guard.read(&twice));
            // Whole bytes are compared as bytes.
            if once.errors().is_empty() && once.role() == twice.role() {
                let once = shown(&once, |visible| visible.to_document().unwrap());
                prop_assert_eq!(once, shown(&twice, |visible| visible.to_document().unwrap()));
            }
        }
    }

    #[test]
    fn bytes_that_are_no_document_never_become_a_part_of_one(
        file in generate::file(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (guard, stored, _) in guards(&file) {
            let Ok(raw) = RawDocumentBuf::try_from(&stored) else { continue };
            let mut bytes = raw.into_bytes();
            // The document's own length and end are looked at before it is a raw document at all.
            let inside = bytes.len() - 5;
            for (at, byte) in changes.iter().filter(|_| inside > 0) {
                bytes[4 + at.index(inside)] = *byte;
            }
            let raw = RawDocumentBuf::from_bytes(bytes).unwrap();
            if let Some(Visible::RawPart(part)) = guard.read(&raw).allowed() {
                prop_assert!(DocumentRef::from(&part).to_document().is_ok(), "{part:?} of {raw:?}");
            }
        }
    }

    #[test]
    fn a_read_never_invents_a_field(file in generate::file()) {
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
    fn narrowing_never_widens(file in generate::file(), other in generate::file()) {
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

    #[test]
    fn an_ejson_value_reads_back_the_same(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (_, document, _) in guards(&file) {
            let value = Bson::Document(document);
            let text = json::from_bson(&value).to_string();
            let back = json::to_bson(&json::parse(&text).unwrap()).unwrap();
            prop_assert!(portcullis::value::identical((&value).into(), (&back).into()).unwrap(), "{text}");
        }
    }

    #[test]
    fn a_document_is_written_as_its_value_prints(file in generate::file()) {
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
    fn a_text_read_straight_is_the_document_that_it_is_carefully(
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
    fn nothing_panics(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200), file in generate::file()) {
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

    #[test]
    fn an_array_is_read_alike_whatever_keys_its_elements_have(
        elements in proptest::collection::vec((prop::sample::select(vec!["", "0", "1", "x", "10", "abc"]), array_text()), 0..5),
    ) {
        let elements: Vec<(&str, &[u8])> = elements.iter().map(|(key, text)| (*key, text.as_slice())).collect();
        let raw = with_array("labels", &elements);
        for (rule, text) in [(r#"{"labels": "ada"}"#, &b"ada"[..]), (r#"{"labels": {"$in": ["secret", "x"]}}"#, b"secret")] {
            let has = elements.iter().any(|(_, element)| *element == text);
            prop_assert_eq!(ways(rule, &raw), [has; 4], "{}", rule);
        }
    }

    #[test]
    fn what_a_guard_has_read_before_changes_nothing(
        documents in proptest::collection::vec(proptest::collection::vec((shape_key(), shape_value()), 0..12), 1..12),
    ) {
        let rules = json::parse(r#"{"roles": [
            {"name": "a", "apply_when": {"owner": "u1", "o": {"$ne": "u1"}}, "read": true},
            {"name": "b", "apply_when": {"own": "u1"}, "fields": {"owner": {"read": true}, "ownership_of_all": {"read": true}}},
            {"name": "c", "apply_when": {"ownersh": "u1", "ownership_of_all": "u1"}, "read": {"owner": "u2"}}
        ]}"#).unwrap();
        let rules = compile(&rules).unwrap();
        let guard = || Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")));
        let before = guard();
        for fields in &documents {
            let mut raw = RawDocumentBuf::new();
            // Of a key that stands twice the first counts.
            for (key, value) in fields {
                raw.append(CString::try_from(*key).unwrap(), RawBson::try_from(value.clone()).unwrap());
            }
            let mut document = Document::new();
            for (key, value) in fields {
                document.entry(*key).or_insert_with(|| value.clone());
            }
            let alone = guard();
            for guard in [&before, &alone] {
                let (of_raw, of_decoded) = (guard.read(&raw), guard.read(&document));
                prop_assert_eq!(of_raw.role(), of_decoded.role(), "{:?}", fields);
                prop_assert_eq!(of_raw.reason(), of_decoded.reason(), "{:?}", fields);
            }
        }
    }
}

/// Texts of every first byte of a length, some of which read as elements themselves.
fn array_text() -> impl Strategy<Value = Vec<u8>> {
    let begins: [&[u8]; 6] =
        [b"ada", b"secret", b"", b"\0x\x021\0\x05\x01\0\0", b"\0x\x021\0\x04\0\0\0ada\0", b"\x021\0"];
    (prop::sample::select(begins.to_vec()), prop::sample::select(vec![0_usize, 3, 20, 254, 255, 256, 511])).prop_map(
        |(begin, length)| {
            let mut text = begin.to_vec();
            text.resize(length.max(text.len()), b'a');
            text
        },
    )
}

/// Keys that are alike at their beginnings, or too long to be compared at once.
fn shape_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "o", "ow", "own", "owner", "owners", "ownersh", "ownershi", "ownership_of_all", "x"])
}

/// Some have a length in their bytes, some have not.
fn shape_value() -> impl Strategy<Value = Bson> {
    prop::sample::select(vec!["u1".into(), "u1".into(), "u2".into(), Bson::Int32(5), Bson::Double(1.5), Bson::Null])
}
