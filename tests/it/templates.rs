//! Laws of templates.

use bson::{Bson, Document, doc};
use portcullis::eval::{Context, Documents, Errors, Evaluation, Request, Truth, bind};
use portcullis::predicate::{Scope, lower};
use portcullis::template::Inputs;
use portcullis::value::{ValueRef, equal};
use portcullis::{Escape, Missing, Template, User, expr, json, testfile};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use portcullis_testkit::naive;

const EXPANSIONS: [&str; 16] = [
    "%%user.id",
    "%%user.type",
    "%%user.data.name",
    "%%user.data.none",
    "%%user.custom_data",
    "%%user.custom_data.a",
    "%%user.custom_data.b.c",
    "%%user.custom_data.list",
    "%%user.custom_data.list.c",
    "%%user.identities",
    "%%user.name",
    "%%values.v",
    "%%values.none",
    "%%request.httpMethod",
    "%%request.requestHeaders.x",
    "%%true",
];

fn expansion() -> impl Strategy<Value = String> {
    prop::sample::select(EXPANSIONS.to_vec()).prop_map(str::to_owned)
}

/// Texts, some of which look like template syntax.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c%($).,\"{}\\\\]{0,6}",
        Just("%%user.id".to_owned()),
        Just("%(%%user.id)".to_owned()),
        Just("%literal".to_owned()),
        Just("(x)".to_owned()),
        Just(String::new()),
        Just("65a0000000000000000000a1".to_owned()),
    ]
}

fn insertion() -> impl Strategy<Value = String> {
    prop_oneof![
        expansion().prop_map(|one| format!("%({one})")),
        (expansion(), expansion()).prop_map(|(one, other)| format!("%({one}, {other})")),
        (expansion(), hostile()).prop_map(|(one, text)| format!("%({one}, {})", json!(text))),
        hostile().prop_map(|text| format!("%({})", json!(text))),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![insertion(), "[ab%( ]{0,3}"], 1..4).prop_map(|parts| parts.concat())
}

fn template() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        4 => expansion().prop_map(Json::String),
        3 => text().prop_map(Json::String),
        1 => any::<i32>().prop_map(|number| json!(number)),
        1 => Just(json!(null)),
        1 => Just(json!({ "$oid": "65a0000000000000000000a1" })),
        1 => hostile().prop_map(|text| json!({ "%literal": { "a": text } })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let key = prop_oneof![
            3 => "[ab]{1,2}",
            2 => insertion(),
            3 => ("[ab.]{0,2}", insertion(), "[ab.%(]{0,2}").prop_map(|(before, one, behind)| [before, one, behind].concat()),
            1 => (insertion(), insertion()).prop_map(|(one, other)| one + &other),
        ];
        prop_oneof![
            3 => prop::collection::vec((key, inner.clone()), 0..4).prop_map(|members| Json::Object(members.into_iter().collect())),
            2 => prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            2 => prop::collection::vec(inner.clone(), 1..3).prop_map(|list| json!({ "%default": list })),
            1 => (prop::sample::select(vec!["%stringToOid", "%oidToString"]), inner)
                .prop_map(|(operator, operand)| json!({ operator: operand })),
        ]
    })
}

fn scalar() -> impl Strategy<Value = Bson> {
    prop_oneof![
        hostile().prop_map(Bson::String),
        (0..3_i32).prop_map(Bson::Int32),
        (0..3_i64).prop_map(Bson::Int64),
        (0..6_i32).prop_map(|half| Bson::Double(f64::from(half) / 2.0)),
        any::<bool>().prop_map(Bson::Boolean),
        (0..2_u8).prop_map(|byte| Bson::ObjectId(bson::oid::ObjectId::from_bytes([byte; 12]))),
        (0..2_i64).prop_map(|millis| Bson::DateTime(bson::DateTime::from_millis(millis))),
    ]
}

fn value() -> impl Strategy<Value = Bson> {
    let leaf = prop_oneof![8 => scalar(), 1 => Just(Bson::Null), 1 => Just(Bson::MinKey)];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Bson::Array),
            prop::collection::vec((prop_oneof!["[a-c]", hostile()], inner), 0..3).prop_map(|fields| Bson::Document(
                fields.into_iter().map(|(key, value)| (key.replace('\0', ""), value)).collect()
            )),
        ]
    })
}

fn user() -> impl Strategy<Value = User> {
    (
        prop_oneof!["[ab]{1,2}", Just("65a0000000000000000000a1".to_owned())],
        prop::option::of(value()),
        value(),
        value(),
        value(),
    )
        .prop_map(|(id, name, a, c, list)| {
            let custom_data = doc! { "a": a, "b": { "c": c }, "list": [{ "c": list }, 1] };
            let mut user = User::new(id).with_custom_data(custom_data);
            if let Some(name) = name {
                user.data.insert("name", name);
            }
            user
        })
}

/// A context without request and values, and one with them.
fn contexts(user: &User, v: &Bson) -> (Context, Context) {
    let early = Context::new().without_now().with_user(user.clone());
    let request = Request::from_document(doc! { "httpMethod": "GET", "requestHeaders": { "X": ["a", "b"] } }).unwrap();
    let late = Context::new().without_now().with_user(user.clone()).with_request(request);
    (early, late.with_values(doc! { "v": v.clone() }))
}

fn parse(template: &Json) -> Option<Template> {
    Template::from_node(&json::parse(&template.to_string()).ok()?).ok()
}

fn bytes(value: &Bson) -> Vec<u8> {
    bson::serialize_to_vec(&doc! { "": value.clone() }).unwrap()
}

#[test]
fn existing_output_does_not_count_towards_the_size_of_a_result() {
    let template = Template::parse(r#"{"a": "%%user.id"}"#).unwrap();
    let context = Context::new().with_user(User::new("u1"));
    let mut text = vec![b' '; json::MAX_SIZE];
    assert!(template.write_json(&context, Missing::Refuse, &mut text).unwrap());
    assert!(text.ends_with(br#"{"a":"u1"}"#));
}

/// Custom data with this many fields, a template that refers to `asked` of them, and its result.
fn wide(asked: i64, others: i64) -> (Context, Json, Document) {
    let fields: Document = (0..asked + others).map(|field| (format!("f{field}"), doc! { "v": field }.into())).collect();
    let template: serde_json::Map<String, Json> =
        (0..asked).map(|field| (format!("k{field}"), json!(format!("%%user.custom_data.f{field}.v")))).collect();
    let expected = (0..asked).map(|field| (format!("k{field}"), Bson::Int64(field))).collect();
    (Context::new().with_user(User::new("u").with_custom_data(fields)), template.into(), expected)
}

#[test]
fn any_number_of_fields_is_found_in_documents_of_any_size() {
    for (asked, others) in [(1, 0), (1, 7), (1, 8), (1, 300), (3, 23), (15, 1), (16, 0), (17, 0), (17, 300), (40, 2)] {
        let (context, template, expected) = wide(asked, others);
        let template = parse(&template).unwrap();
        let written = template.to_raw(&context).unwrap().into_bytes();
        assert_eq!(written, bson::serialize_to_vec(&expected).unwrap(), "{asked} and {others}");
        assert_eq!(template.resolve(&context).unwrap(), Bson::Document(expected));
    }
}

#[test]
fn a_result_of_the_maximum_size_is_written_and_a_larger_one_refused() {
    let template = Template::parse(r#"{"a": "%%user.id"}"#).unwrap();
    for (others, fits) in [(r#"{"a":""}"#.len(), true), (0, false)] {
        let context = Context::new().with_user(User::new("x".repeat(json::MAX_SIZE - others)));
        assert_eq!(template.to_json(&context).is_ok(), fits, "{others} bytes less than the most");
    }
    let context = Context::new().with_user(User::new("x".repeat(json::MAX_SIZE / 2 + 1)));
    let template = Template::text("%(%%user.id)%(%%user.id)", Escape::None).unwrap();
    let mut text = Vec::new();
    let error = template.write_text(&context, &mut text).unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
    assert_eq!(text, b"");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn inserted_values_are_not_resolved_again(user in user(), value in value()) {
        let mut user = user;
        user.data.insert("x", value.clone());
        let context = Context::new().without_now().with_user(user);
        let template = Template::parse(r#"{"a": ["%%user.data.x"]}"#).unwrap();
        let resolved = template.resolve(&context).unwrap();
        prop_assert_eq!(bytes(&resolved), bytes(&doc! { "a": [value.clone()] }.into()));
        // Parsing a kept template must not interpret any of the inserted values.
        let kept = template.resolve_with(&context, Missing::Keep).unwrap().unwrap();
        let again = Template::from_bson(&kept).unwrap().resolve(&Context::new().without_now()).unwrap();
        prop_assert_eq!(bytes(&again), bytes(&resolved));
        let quoted = Template::from_bson(&doc! { "%literal": value.clone() }.into()).unwrap();
        prop_assert_eq!(bytes(&quoted.resolve(&Context::new()).unwrap()), bytes(&value));
    }

    #[test]
    fn resolving_a_kept_template_equals_resolving_it_directly(template in template(), user in user(), v in value()) {
        let Some(template) = parse(&template) else { return Ok(()) };
        let (early, late) = contexts(&user, &v);
        let Ok(Some(kept)) = template.resolve_with(&early, Missing::Keep) else { return Ok(()) };
        let kept = Template::from_bson(&kept).map_err(|errors| TestCaseError::fail(format!("{kept}: {errors}")))?;
        for missing in [Missing::Refuse, Missing::Null, Missing::Remove] {
            let in_two = kept.resolve_with(&late, missing).ok().flatten();
            let in_one = template.resolve_with(&late, missing).ok().flatten();
            prop_assert_eq!(in_two.as_ref().map(bytes), in_one.as_ref().map(bytes), "{:?} of {}", missing, kept.to_bson());
        }
    }

    #[test]
    fn a_complete_result_is_the_same_under_all_policies_except_keep(template in template(), user in user(), v in value()) {
        let Some(template) = parse(&template) else { return Ok(()) };
        let (_, context) = contexts(&user, &v);
        let Ok(resolved) = template.resolve(&context) else {
            prop_assert!(!template.unresolved(&context).is_empty());
            return Ok(());
        };
        prop_assert!(template.unresolved(&context).is_empty());
        for missing in [Missing::Null, Missing::Remove] {
            let other = template.resolve_with(&context, missing).unwrap().unwrap();
            prop_assert_eq!(bytes(&other), bytes(&resolved));
        }
        if let Bson::Document(document) = &resolved {
            prop_assert_eq!(template.to_raw(&context).unwrap().into_bytes(), bson::serialize_to_vec(document).unwrap());
        }
        // Values that JSON cannot represent are rejected there as well.
        let whole = Template::from_bson(&doc! { "%literal": resolved }.into()).unwrap();
        match (template.to_json(&context), whole.to_json(&context)) {
            (Ok(text), Ok(expected)) => prop_assert_eq!(text, expected),
            (text, expected) => prop_assert!(text.is_err() && expected.is_err(), "{:?} but {:?}", text, expected),
        }
    }

    /// If everything resolves, the result is written in a single pass; otherwise, it is resolved part by part.
    #[test]
    fn a_failed_output_writes_nothing_and_has_the_errors_of_resolve(template in template(), user in user(), v in value()) {
        let Some(template) = parse(&template) else { return Ok(()) };
        let (early, _) = contexts(&user, &v);
        let Err(unresolved) = template.resolve(&early) else { return Ok(()) };
        let mut text = b"before".to_vec();
        let failed = template.write_json(&early, Missing::Refuse, &mut text).unwrap_err();
        prop_assert_eq!(text, b"before");
        // There may be further values that JSON cannot represent.
        for failure in unresolved.as_slice() {
            prop_assert!(failed.as_slice().contains(failure), "{} but not {}", failed, failure);
        }
        if matches!(template.to_bson(), Bson::Document(_)) {
            prop_assert_eq!(template.to_raw(&early).unwrap_err(), unresolved);
        }
    }

    #[test]
    fn written_output_equals_the_resolved_value(text in text(), user in user(), v in value(), escape in prop::sample::select(Escape::ALL.to_vec())) {
        let Ok(template) = Template::text(&text, escape.0) else { return Ok(()) };
        let (early, late) = contexts(&user, &v);
        for context in [early, late] {
            let mut out = b"before".to_vec();
            match (template.write_text(&context, &mut out), template.resolve(&context)) {
                (Ok(()), Ok(Bson::String(expected))) => prop_assert_eq!(out, [b"before", expected.as_bytes()].concat()),
                (Err(error), Err(expected)) => {
                    prop_assert_eq!(error, expected);
                    prop_assert_eq!(out, b"before");
                }
                (written, resolved) => prop_assert!(false, "{:?} but {:?}", written, resolved),
            }
        }
    }

    #[test]
    fn the_naive_resolver_agrees(template in template(), user in user(), v in value(), policy in prop::sample::select(vec!["refuse", "null", "remove"])) {
        let given = json!({
            "user": Bson::Document(user.to_document()).into_canonical_extjson(),
            "values": { "v": v.into_canonical_extjson() },
            "request": { "httpMethod": "GET", "requestHeaders": { "X": ["a", "b"] } },
        });
        let case = json!({ "name": "one", "resolve": template, "given": given, "unresolved": policy, "expect": { "missing": true } });
        let file = json!({ "cases": [case] });
        let Ok(read) = testfile::TestFile::parse("generated.json", file.to_string().as_bytes(), ".".as_ref()) else { return Ok(()) };
        let Ok(got) = &testfile::answers(&read).unwrap()[0] else { return Ok(()) };
        let naive = naive::answer(&file, &file["cases"][0]);
        prop_assume!(naive.get("unsupported").is_none());
        prop_assert!(naive::agrees(got, &naive), "{}\nengine {}\nnaive  {}", template, got, naive);
    }

    /// Templates and rules share the same expansions.
    #[test]
    fn an_equality_rule_holds_exactly_if_the_resolved_operand_equals_the_field(operand in scalar(), field in scalar()) {
        let mut user = User::new("u");
        user.data.insert("x", operand);
        let context = Context::new().with_user(user);
        let rule = expr::parse_str(r#"{"f": "%%user.data.x"}"#).unwrap();
        let predicate = lower(&rule, Scope::Role).unwrap();
        let document: Document = doc! { "f": field.clone() };
        let documents = Documents { root: Some((&document).into()), ..Documents::default() };
        let errors = Errors::default();
        let truth = Evaluation::new(documents, &context, &errors).truth(&bind(&predicate, &context));
        let resolved = Template::parse(r#""%%user.data.x""#).unwrap().resolve(&context).unwrap();
        let equals = equal(ValueRef::from(&field), ValueRef::from(&resolved)).unwrap();
        prop_assert_eq!(truth == Truth::True, equals);
    }

    #[test]
    fn no_input_panics(text in "\\PC{0,40}", part in "[%(),\"a-z. {}\\[\\]:0-9\\\\]{0,30}") {
        for text in [&text, &part] {
            let _ = Template::parse(text);
            for (escape, _) in Escape::ALL {
                if let Ok(template) = Template::text(text, escape) {
                    let _ = template.to_text(&Context::new());
                    let _ = template.resolve_with(&Context::new(), Missing::Keep);
                }
            }
            if let Ok(template) = Template::from_bson(&Bson::String(text.clone())) {
                let _ = template.resolve_with(Inputs::from(&Context::new()).with_secrets(), Missing::Keep);
            }
        }
    }
}

#[test]
fn an_inserted_key_does_not_turn_a_document_into_a_literal_of_extended_json() {
    let template = Template::parse(r#"{"a": {"$%(%%values.key)": "65a0000000000000000000a1"}}"#).unwrap();
    let context = |key: &str| Context::new().with_values(doc! { "key": key });
    assert_eq!(template.to_json(&context("in")).unwrap(), r#"{"a":{"$in":"65a0000000000000000000a1"}}"#);
    for missing in [Missing::Refuse, Missing::Null, Missing::Remove] {
        let mut written = Vec::new();
        let resolved = template.write_json(&context("oid"), missing, &mut written);
        assert!(!String::from_utf8(written).unwrap().contains("$oid"), "{missing:?}: {resolved:?}");
    }
    let error = template.to_json(&context("oid")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/a/$%(%%values.key): `%%values.key`: a document with the key `$oid` reads as another value in extended JSON; write BSON"
    );
    // BSON has types of its own, so `$oid` is an ordinary key there.
    assert_eq!(
        template.resolve(&context("oid")).unwrap(),
        bson::bson!({ "a": { "$oid": "65a0000000000000000000a1" } })
    );
}
