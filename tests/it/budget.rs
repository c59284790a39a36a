//! No request takes more than a bounded number of steps for a document, and searching for many values at once gives the
//! same results as searching for each of them.

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use expect_test::expect;
use portcullis::access::{Query, QueryError};
use portcullis::eval::{Context, EvalError};
use portcullis::guarded::{FindRequest, GuardedError, LimitExceeded, parse_writes};
use portcullis::mongo_query::{Filter, FindError, Position, Sort, compile_projection};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::update::{Moment, Update, UpdateErrorKind};
use portcullis::value::{Prepared, ValueRef, equal};
use portcullis::{Guard, GuardedCollection, Reason, User, json};
use portcullis_store::EmbeddedDocuments;

fn guard_of(rules: &str) -> Guard {
    let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")))
}

fn query(filter: &str) -> Result<Query, String> {
    Query::compile(Some(&json::parse(filter).unwrap()), None, None).map_err(|error| error.to_string())
}

fn int(number: usize) -> Bson {
    Bson::Int32(i32::try_from(number).unwrap())
}

fn raw(document: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).unwrap()
}

/// Values of every type, including some that equal, or nearly equal, values of another type.
fn values() -> Vec<Bson> {
    let text = r#"[null, true, false, 0, 1, -1, 0.5, 1.0, -0.0, 1e300, 1e20, 0.1, {"$numberLong": "1"},
        {"$numberLong": "9007199254740993"}, 9007199254740992.0, {"$numberDecimal": "1"}, {"$numberDecimal": "1.0"},
        {"$numberDecimal": "0.50"}, {"$numberDecimal": "0.1"}, {"$numberDecimal": "1E+20"}, {"$numberDecimal": "1E+300"},
        {"$numberDecimal": "1E+6000"}, {"$numberDecimal": "10E+5999"}, {"$numberDecimal": "1E-6000"}, {"$numberDecimal": "NaN"},
        {"$numberDouble": "NaN"}, {"$numberDecimal": "Infinity"}, {"$numberDouble": "Infinity"},
        {"$numberDouble": "-Infinity"}, {"$numberDecimal": "0.1000000000000000055511151231257827"},
        "", "a", "ab", {"$symbol": "a"}, {"$oid": "64b7f0c2a1d3e4f5a6b7c8d9"}, {"$date": {"$numberLong": "1"}},
        {"$timestamp": {"t": 1, "i": 0}}, {"$timestamp": {"t": 0, "i": 1}}, {"$minKey": 1}, {"$maxKey": 1},
        {"$binary": {"base64": "AAEC", "subType": "00"}}, {"$binary": {"base64": "AAEC", "subType": "05"}},
        {"$code": "a"}, {"$code": "a", "$scope": {"b": 1}}, {"$code": "a", "$scope": {"b": 1.0}},
        {}, [], [[]], [null], {"a": null}, {"a": 1}, {"a": 1.0}, {"a": {"$numberDecimal": "1.00"}}, {"a": 1, "b": 2},
        {"b": 2, "a": 1}, {"a": {"b": 1}}, [1, 2], [1.0, 2], [2, 1], [[1], 2], [{"a": "b"}], {"ab": "c"}, {"a": "bc"}]"#;
    let Bson::Array(values) = json::to_bson(&json::parse(text).unwrap()).unwrap() else { panic!("no array") };
    values
}

#[test]
fn a_long_list_contains_exactly_the_values_equal_to_its_elements() {
    let values = values();
    for left in &values {
        for start in 0..values.len() {
            // Each list contains two thirds of the values, which is enough to be hashed, and lacks a run of consecutive
            // ones.
            let list: Vec<Bson> = values.iter().cycle().skip(start).take(values.len() * 2 / 3).cloned().collect();
            let expected = list.iter().any(|value| equal(ValueRef::from(left), ValueRef::from(value)).unwrap());
            let filter = Filter::compile(&doc! { "a": { "$elemMatch": { "$in": list } } }).unwrap();
            let document = doc! { "a": [left.clone()] };
            // `null` in a list, and elements of arrays, match by other rules than equality.
            if matches!(left, Bson::Array(_)) {
                continue;
            }
            assert_eq!(filter.matches(&document).unwrap(), expected, "{left} from {start}");
            assert_eq!(filter.matches(&raw(&document)).unwrap(), expected, "{left} from {start}, raw");
        }
    }
}

#[test]
fn a_long_list_in_the_document_contains_exactly_the_values_equal_to_its_elements() {
    let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":{"a":{"$in":"%%root.b"}},"read":true}]}"#);
    let values: Vec<Bson> = values().into_iter().filter(|value| !matches!(value, Bson::Array(_))).collect();
    for (at, wanted) in values.iter().enumerate() {
        let list: Vec<Bson> = values.iter().skip(at / 2).step_by(2).cloned().collect();
        let expected = list.iter().any(|value| equal(wanted.into(), value.into()).unwrap());
        // After several unsuccessful searches, the list is hashed.
        let left: Vec<Bson> = (0..20).map(|n| int(n + 1000)).chain([wanted.clone()]).collect();
        let document = doc! { "a": left, "b": list };
        assert_eq!(guard.read(&document).is_allowed(), expected, "{wanted}");
        assert_eq!(guard.read(&raw(&document)).is_allowed(), expected, "{wanted}, raw");
        assert_eq!(guard.read(&Prepared::new(&raw(&document)).unwrap()).is_allowed(), expected, "{wanted}, prepared");
    }
}

#[test]
fn all_with_many_values_requires_each_of_them() {
    for count in [3, 8, 9, 40] {
        let list: Vec<Bson> = (0..count).map(int).collect();
        let filter = Filter::compile(&doc! { "a": { "$all": list.clone() } }).unwrap();
        let read =
            query(&format!(r#"{{"a":{{"$all":{}}}}}"#, Bson::Array(list.clone()).into_relaxed_extjson())).unwrap();
        let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":{},"read":true}]}"#);
        let few: Vec<Bson> = list.iter().skip(1).cloned().collect();
        let with_fields: Vec<Bson> = list.iter().map(|n| doc! { "x": n }.into()).collect();
        for (document, holds) in [
            (doc! { "a": list.iter().rev().cloned().collect::<Vec<_>>() }, true),
            (doc! { "a": [list.clone()] }, false),
            (doc! { "a": few }, false),
            (doc! { "a": with_fields }, false),
            (doc! { "a": 0 }, false),
            (doc! {}, false),
        ] {
            assert_eq!(filter.matches(&document).unwrap(), holds, "{count}: {document}");
            assert_eq!(
                guard.find(&read, [(&document).into()]).unwrap().len(),
                usize::from(holds),
                "{count}: {document}"
            );
        }
        // `null` and Missing, as in a search for a single value.
        let nulls: Vec<Bson> = vec![Bson::Null; count];
        let filter = Filter::compile(&doc! { "a.b": { "$all": nulls } }).unwrap();
        assert!(filter.matches(&doc! { "a": [{ "c": 1 }] }).unwrap());
        assert!(filter.matches(&doc! {}).unwrap());
        assert!(!filter.matches(&doc! { "a": { "b": 1 } }).unwrap());
    }
}

#[test]
fn all_with_many_values_matches_no_definite_element() {
    let list: Vec<Bson> = (0..9).map(int).collect();
    let filter = Filter::compile(&doc! { "a": { "$all": list.clone() } }).unwrap();
    assert_eq!(filter.position(&doc! { "a": list }).unwrap(), Position::Unclear);
}

/// The lists and arrays are so long that comparing all pairs would take minutes.
#[test]
fn many_values_are_not_compared_pairwise() {
    let documents: Vec<Bson> = (0..30_000).map(|n| doc! { "n": int(n), "x": 1 }.into()).collect();
    let others: Vec<Bson> = (30_000..60_000).map(|n| doc! { "n": int(n), "x": 1 }.into()).collect();
    let filter = Filter::compile(&doc! { "a": { "$in": documents.clone() } }).unwrap();
    assert!(!filter.matches(&raw(&doc! { "a": others.clone() })).unwrap());
    let update = Update::compile(&doc! { "$pull": { "a": { "$in": documents.clone() } } }, &[]).unwrap();
    let both: Vec<Bson> = documents.iter().chain(&others).cloned().collect();
    let pulled = update.apply(doc! { "a": both }, &Moment::at(DateTime::now())).unwrap();
    assert_eq!(pulled.document, doc! { "a": others });
    let numbers: Vec<Bson> = (0..50_000).map(int).collect();
    let filter = Filter::compile(&doc! { "a": { "$all": numbers.clone() } }).unwrap();
    assert!(filter.matches(&doc! { "a": numbers.iter().rev().cloned().collect::<Vec<_>>() }).unwrap());
    let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":{"a":{"$in":"%%root.b"}},"read":true}]}"#);
    let document = doc! { "a": numbers, "b": (50_000..100_000).map(int).collect::<Vec<_>>() };
    assert_eq!(guard.read(&document).reason(), Some(&Reason::NoRole));
}

/// A document with many fields, one of which is duplicated.
fn wide(count: usize) -> (Document, RawDocumentBuf) {
    let mut document: Document = (0..count).map(|number| (format!("f{number}"), int(number))).collect();
    document.insert("in", document.clone());
    document.insert("list", (0..count).map(|number| doc! { "x": int(number) }.into()).collect::<Vec<Bson>>());
    let mut bytes = raw(&document);
    bytes.append(bson::cstr!("f7"), "again");
    (document, bytes)
}

#[test]
fn wide_raw_and_decoded_documents_agree() {
    let (decoded, raw) = wide(3000);
    let names = (0..100).map(|number| number * 31);
    let of = |condition: &dyn Fn(usize) -> Document| -> Document {
        doc! { "$and": names.clone().map(|number| condition(number).into()).collect::<Vec<Bson>>() }
    };
    for filter in [
        of(&|number| doc! { format!("f{number}"): if number < 3000 { int(number) } else { Bson::Null } }),
        of(&|number| doc! { format!("in.f{number}"): if number < 3000 { int(number) } else { Bson::Null } }),
        of(&|number| doc! { format!("list.{number}.x"): int(number.min(2999)) }),
        of(&|number| doc! { format!("f{number}"): { "$exists": number < 3000 } }),
        of(&|_| doc! { "f7": 7 }),
        of(&|_| doc! { "f7": "again" }),
    ] {
        let filter = Filter::compile(&filter).unwrap();
        assert_eq!(filter.matches(&raw).unwrap(), filter.matches(&decoded).unwrap());
    }
}

#[test]
fn projections_of_many_and_few_fields_agree() {
    let (document, raw) = wide(200);
    for sign in [0, 1] {
        let names: Vec<String> = (0..120)
            .map(|number| if number % 3 == 0 { format!("in.f{number}") } else { format!("f{number}") })
            .collect();
        let projection = compile_projection(&names.iter().map(|name| (name.clone(), sign.into())).collect()).unwrap();
        let has = |name: &str| names.iter().any(|one| one == name) == (sign == 1);
        let left = |document: &Document, above: &str| -> Document {
            document
                .iter()
                .filter(|(name, _)| has(&format!("{above}{name}")))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let mut expected = left(&document, "");
        expected.remove("in");
        expected.remove("list");
        let mut seen = projection.apply(&document).unwrap();
        assert_eq!(projection.apply(&raw).unwrap(), seen);
        assert_eq!(seen.remove("in"), Some(left(document.get_document("in").unwrap(), "in.").into()));
        seen.remove("list");
        assert_eq!(seen, expected);
    }
}

#[test]
fn renaming_many_fields_equals_renaming_them_one_by_one() {
    let now = Moment::at(DateTime::now());
    let rename = |pairs: Document, document: Document| {
        Update::compile(&doc! { "$rename": pairs }, &[]).unwrap().apply(document, &now)
    };
    let (document, _) = wide(60);
    let mut pairs = Document::new();
    for number in 0..60 {
        pairs.insert(format!("f{number}"), format!("g.{number}"));
        pairs.insert(format!("in.f{number}"), format!("h{number}"));
    }
    pairs.insert("absent", "h60");
    pairs.insert("in.absent.too", "h61");
    let renamed = rename(pairs.clone(), document.clone()).unwrap().document;
    let mut one_by_one = document;
    for (from, to) in &pairs {
        one_by_one = rename(doc! { from: to }, one_by_one).unwrap().document;
    }
    // Fields that are added have an order of their own, which does not matter here.
    let sorted = |document: Document| document.into_iter().collect::<std::collections::BTreeMap<_, _>>();
    assert_eq!(sorted(renamed.clone()), sorted(one_by_one));
    assert!(renamed.get_document("in").unwrap().is_empty());
    let error = rename(doc! { "a.0": "b" }, doc! { "a": [1] }).unwrap_err();
    assert_eq!(*error.kind(), UpdateErrorKind::RenameElement);
    let many: Document = (0..40_000).map(|number| (format!("f{number}"), format!("g{number}").into())).collect();
    let renamed = rename(many, wide(60_000).0).unwrap().document;
    assert!(renamed.contains_key("g39999") && !renamed.contains_key("f39999") && renamed.contains_key("f40000"));
}

#[test]
fn the_patterns_of_a_request_share_a_limit() {
    let pattern = r"\w{400}";
    let few: Vec<Bson> = (0..10).map(|n| doc! { format!("f{n}"): { "$regex": pattern } }.into()).collect();
    let many: Vec<Bson> = few.iter().cycle().take(200).cloned().collect();
    let text = |list: &[Bson]| format!(r#"{{"$or":{}}}"#, Bson::Array(list.to_vec()).into_relaxed_extjson());
    assert!(query(&text(&few)).is_ok());
    expect!["this pattern (the regular expressions of one request are too many or too large together; write fewer, or shorter repetitions) is not supported here"].assert_eq(&query(&text(&many)).unwrap_err());
    assert!(Filter::compile(&doc! { "$or": few.clone() }).is_ok());
    assert!(matches!(Filter::compile(&doc! { "$or": many.clone() }), Err(FindError::Unsupported { .. })));
    // The limit also applies to many small patterns, to array filters, and to the writes of a request.
    let small: Vec<Bson> = (0..1000).map(|n| doc! { format!("f{n}"): { "$regex": "^a" } }.into()).collect();
    assert!(query(&text(&small)).is_err());
    let filters: Vec<Document> = (0..200).map(|n| doc! { format!("e{n}"): { "$regex": pattern } }).collect();
    let set: Document = (0..200).map(|n| (format!("a.$[e{n}]"), 1.into())).collect();
    assert!(Update::compile(&doc! { "$set": set }, &filters).is_err());
    let write = format!(r#"{{"deleteOne":{{"filter":{}}}}}"#, text(&few).replace("400", "100"));
    assert!(parse_writes(&json::parse(&format!("[{}]", [write.as_str(); 2].join(","))).unwrap()).is_ok());
    assert!(parse_writes(&json::parse(&format!("[{}]", vec![write.as_str(); 200].join(","))).unwrap()).is_err());
    // A class with thousands of characters counts accordingly.
    let classes: Vec<Bson> = (0..20).map(|n| doc! { format!("f{n}"): { "$regex": r"\pL\pL\pL\pL" } }.into()).collect();
    assert!(query(&text(&classes)).is_err());
}

/// Matching takes time linear in the text, but each byte may cost as much as the pattern has states.
#[test]
fn a_large_pattern_on_a_large_string_exceeds_the_step_limit() {
    let text = "ab".repeat(1_000_000);
    let document = doc! { "_id": 1, "s": text };
    let open = guard_of(r#"{"roles":[{"name":"R","apply_when":{},"read":true}]}"#);
    let asked = query(r#"{"s":{"$regex":"a[ab]{500}c"}}"#).unwrap();
    for stored in [(&document).into(), (&raw(&document)).into()] {
        assert_eq!(open.find(&asked, [stored]).unwrap_err(), QueryError::StepsSpent);
    }
    assert!(open.find(&query(r#"{"s":{"$regex":"bb"}}"#).unwrap(), [(&document).into()]).unwrap().is_empty());
    let rules = r#"{"roles":[{"name":"R","apply_when":{"s":{"$regex":"a[ab]{500}c"}},"read":true,"write":true},
        {"name":"all","apply_when":{},"read":true}]}"#;
    let guard = guard_of(rules);
    // The decision is a denial that names the error, and later roles are not tried.
    let decision = guard.read(&document);
    assert_eq!((decision.reason(), decision.errors()), (Some(&Reason::Failed), &[EvalError::StepsSpent][..]));
    assert_eq!(guard.update(&document, &document).reason(), Some(&Reason::Failed));
    let schema = r#"{"roles":[{"name":"R","apply_when":{},"write":true}],
        "schema":{"properties":{"s":{"pattern":"a[ab]{500}c"}}}}"#;
    let decision = guard_of(schema).insert(&document).errors().to_vec();
    assert_eq!(decision, [EvalError::StepsSpent]);
}

#[test]
fn conditions_on_array_elements_take_a_bounded_number_of_steps() {
    let parts: Vec<Bson> = (0..3000).map(|n| doc! { "a": { "$ne": int(n + 100_000) } }.into()).collect();
    let inside: Vec<Bson> = (0..3000).map(|n| doc! { "x": { "$ne": int(n + 100_000) } }.into()).collect();
    let numbers = doc! { "a": (0..10_000).map(int).collect::<Vec<_>>() };
    let documents = doc! { "a": (0..10_000).map(|n| doc! { "x": int(n) }.into()).collect::<Vec<Bson>>() };
    for (filter, document) in [
        (doc! { "$and": parts }, &numbers),
        (doc! { "a": { "$elemMatch": { "$nor": [{ "$and": inside }] } } }, &documents),
    ] {
        let filter = Filter::compile(&filter).unwrap();
        assert!(filter.matches(document).unwrap_err().is_steps());
        assert!(filter.matches(&raw(document)).unwrap_err().is_steps());
    }
}

#[test]
fn updates_of_array_elements_take_a_bounded_number_of_steps() {
    let now = Moment::at(DateTime::now());
    let array = doc! { "a": (0..20_000).map(|n| doc! { "x": int(n) }.into()).collect::<Vec<Bson>>() };
    let refused = |update: Document, filters: &[Document]| {
        let update = Update::compile(&update, filters).unwrap();
        let error = update.apply(array.clone(), &now).unwrap_err();
        assert!(matches!(error.kind(), UpdateErrorKind::Malformed(error) if error.is_steps()), "{error}");
        // MongoDB has no step budget, so it may support the update.
        assert!(error.is_unsupported());
    };
    let names = |count: usize| (0..count).map(|n| (format!("a.$[].y{n}"), int(n))).collect::<Document>();
    refused(doc! { "$unset": names(2000) }, &[]);
    let filters: Vec<Document> = (0..500).map(|n| doc! { format!("f{n}.x"): -1 }).collect();
    let set: Document = (0..500).map(|n| (format!("a.$[f{n}].y"), int(n))).collect();
    refused(doc! { "$set": set }, &filters);
    let or: Vec<Bson> = (0..2000).map(|n| doc! { "x": int(n + 1_000_000) }.into()).collect();
    refused(doc! { "$pull": { "a": { "$or": or } } }, &[]);
    let fields: Document = (0..32).map(|n| (format!("y{n}"), 1.into())).collect();
    let large = doc! { "a": vec![Bson::from(doc! {}); 200_000] };
    let sorted = Update::compile(&doc! { "$push": { "a": { "$each": [], "$sort": fields } } }, &[]).unwrap();
    assert!(
        matches!(sorted.apply(large, &now).unwrap_err().kind(), UpdateErrorKind::Malformed(error) if error.is_steps())
    );
    let fields: Document = (0..33).map(|n| (format!("y{n}"), 1.into())).collect();
    assert!(Update::compile(&doc! { "$push": { "a": { "$each": [], "$sort": fields } } }, &[]).is_err());
}

#[test]
fn fields_added_by_an_update_count_by_their_memory() {
    let now = Moment::at(DateTime::now());
    let array = doc! { "a": vec![Bson::from(doc! {}); 20_000] };
    for update in [doc! { "$set": {} }, doc! { "$inc": {} }] {
        let (operator, _) = update.into_iter().next().unwrap();
        let value = if operator == "$set" { Bson::Null } else { 1.into() };
        let names: Document = (0..200).map(|n| (format!("a.$[].x{n}"), value.clone())).collect();
        let error = Update::compile(&doc! { operator: names }, &[]).unwrap().apply(array.clone(), &now).unwrap_err();
        // Either limit may be reached first.
        let is_spent = matches!(error.kind(), UpdateErrorKind::Malformed(error) if error.is_steps());
        assert!(is_spent || *error.kind() == UpdateErrorKind::TooLarge);
    }
}

/// For each element of an array, the sort order would follow the path from the element at the index again.
#[test]
fn sorting_by_an_array_index_takes_a_bounded_number_of_steps() {
    let inner: Vec<Bson> = (0..6000).map(int).collect();
    let outer: Vec<Bson> = [Bson::Array(inner)].into_iter().chain((0..6000).map(int)).collect();
    let document = doc! { "a": outer };
    let sort = Sort::compile(&doc! { "a.0": 1 }).unwrap();
    for error in [sort.key(&document).unwrap_err(), sort.key(&raw(&document)).unwrap_err()] {
        assert!(matches!(error, FindError::Malformed(error) if error.is_steps()));
    }
}

#[tokio::test]
async fn values_are_kept_up_to_the_limit_regardless_of_one_document() {
    let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), Namespace::parse("db.c").unwrap());
    let mut transaction = store.begin().await.unwrap();
    let many = doc! { "_id": 1, "a": (0..200_000).map(|n| int(200_000 - n)).collect::<Vec<_>>() };
    transaction.insert(&namespace, &many).await.unwrap();
    transaction.commit().await.unwrap();
    let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":{},"read":true}]}"#);
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let all = FindRequest::parse(&json::parse("{}").unwrap()).unwrap();
    let error = collection.distinct("a", &all).await.unwrap_err();
    assert!(matches!(error, GuardedError::LimitExceeded(LimitExceeded::Held { .. })), "{error}");
}

/// A literal passes through the parser once per nesting level, and a condition through the printer.
#[test]
fn deeply_nested_values_are_read_once() {
    let list = vec!["1"; 100_000].join(",");
    for (open, close) in [("[", "]"), (r#"{"$not":"#, "}"), (r#"{"$elemMatch":{"$not":"#, "}}")] {
        let levels = 90 / open.matches(['{', '[']).count();
        let inner = if open == "[" { format!("[{list}]") } else { format!(r#"{{"$in":[{list}]}}"#) };
        query(&format!(r#"{{"a":{}{inner}{}}}"#, open.repeat(levels), close.repeat(levels))).unwrap();
    }
}

#[test]
fn only_part_of_a_large_filter_is_sent_to_the_database() {
    let guard = guard_of(r#"{"roles":[{"name":"R","apply_when":{},"read":true}]}"#);
    let few = query(r#"{"a":1,"b":2}"#).unwrap();
    assert!(!guard.narrow(&few).unwrap().needs_check());
    let many: Vec<String> = (0..200).map(|n| format!(r#""f{n}":{{"$ne":{n}}}"#)).collect();
    let plan = guard.narrow(&query(&format!("{{{}}}", many.join(","))).unwrap()).unwrap();
    assert!(plan.needs_check() && plan.filter().unwrap().len() == 64);
}
