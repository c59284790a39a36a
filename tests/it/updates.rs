//! Updates in memory have the same results as on a MongoDB server.

use bson::{Bson, DateTime, Document, doc};
use expect_test::expect;
use portcullis::mongo_query::{Filter, Position};
use portcullis::update::{self, Applied, Moment, Operator, Update, UpdateError};
use portcullis::value::{ValueRef, identical};

use portcullis_testkit::contracts::update_cases::{Case, cases};

fn same(a: &Document, b: &Document) -> bool {
    identical(ValueRef::Document(a.into()), ValueRef::Document(b.into())) == Ok(true)
}

fn outcome(case: &Case) -> Result<Applied, Vec<UpdateError>> {
    let now = DateTime::from_millis(0);
    let seeded = case.document.clone().map_or_else(|| update::upsert_document(&case.filter, case.is_replacement()), Ok);
    let before = seeded.map_err(|error| vec![error])?;
    let applied = if case.is_replacement() {
        update::replace(&before, &case.update, now)
    } else {
        let moment = Moment { inserts: case.document.is_none(), ..Moment::at(now) };
        Update::compile(&case.update, &case.array_filters)?.apply(before, &moment)
    };
    let applied = applied.map_err(|error| vec![error])?;
    if case.document.is_some() {
        return Ok(applied);
    }
    let document = update::check_document(applied.document, now).map_err(|error| vec![error])?;
    Ok(Applied { document, ..applied })
}

#[test]
fn updates_match_recorded_results_of_mongodb() {
    let mut failures = Vec::new();
    for case in cases() {
        let (got, expect) = (outcome(&case), &case.expect);
        let holds = match (&got, case.unsupported) {
            (Err(errors), true) => errors.iter().all(UpdateError::is_unsupported),
            (Ok(_), true) => false,
            (Ok(applied), false) => match (expect.get_document("document"), expect.get_document("inserted")) {
                (Ok(document), _) => {
                    same(&applied.document, document) && expect.get_bool("modified").unwrap() == applied.modified
                }
                (_, Ok(document)) => same(&applied.document, document),
                _ => false,
            },
            (Err(errors), false) => {
                let code = expect.get_i32("refused").ok();
                code.is_some() && errors.iter().any(|error| error.kind().code() == code)
            }
        };
        if !holds {
            failures.push(format!("{}: {}\n  expected {expect}\n  got {got:?}", case.place, case.update));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn an_update_lists_its_paths_as_written() {
    let update = doc! {
        "$set": { "a.$[].b": 1, "c": { "d": 1 } }, "$rename": { "old": "new.name" }, "$unset": { "x.$[e]": "" },
        "$setOnInsert": { "i": 1 },
    };
    let update = Update::compile(&update, &[doc! { "e": 1 }]).unwrap();
    let named: Vec<_> = update.named().iter().map(|named| (named.operator, named.path.as_str())).collect();
    assert_eq!(
        named,
        [
            (Operator::Set, "a.$[].b"),
            (Operator::Set, "c"),
            (Operator::Rename, "old"),
            (Operator::Rename, "new.name"),
            (Operator::Unset, "x.$[e]"),
            (Operator::SetOnInsert, "i"),
        ]
    );
}

#[test]
fn every_error_has_its_position() {
    let update =
        doc! { "$set": { "a..b": 1 }, "$inc": { "n": "x" }, "$sett": { "a": 1 }, "$push": { "l": { "$each": 1 } } };
    let errors = Update::compile(&update, &[]).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "`$set` of `a..b`: a path must not contain empty names",
            "`$inc` of `n`: takes a number, not `x`",
            "unknown update operator `$sett`; did you mean `$set`?",
            "`$push` of `l`: takes an array as its `$each`, not 1",
        ]
    );
}

#[test]
fn current_date_uses_the_given_time() {
    let now = DateTime::from_millis(1_700_000_000_123);
    let update = doc! { "$currentDate": { "a": true, "b": { "$type": "date" }, "c": { "$type": "timestamp" } } };
    let update = Update::compile(&update, &[]).unwrap();
    let after = update.apply(doc! {}, &Moment::at(now)).unwrap().document;
    let timestamp = Bson::Timestamp(bson::Timestamp { time: 1_700_000_000, increment: 1 });
    assert_eq!(after, doc! { "a": now, "b": now, "c": timestamp });
}

#[test]
fn sorting_an_array_has_the_same_limit_of_fields_as_sorting_documents() {
    let push = |fields: usize| {
        let order: Document = (0..fields).map(|n| (format!("f{n}"), Bson::Int32(1))).collect();
        Update::compile(&doc! { "$push": { "l": { "$each": [], "$sort": order } } }, &[])
    };
    assert!(push(32).is_ok());
    let errors = push(33).unwrap_err();
    expect!["`$push` of `l`: takes at most 32 fields as its `$sort`, not 33 fields"].assert_eq(&errors[0].to_string());
}

#[test]
fn a_small_update_cannot_exhaust_memory() {
    let list: Vec<Bson> = (0..200_000).map(|_| Bson::Array(Vec::new())).collect();
    let before = doc! { "_id": 1, "l": list };
    let update = doc! { "$push": { "l.$[]": { "$each": ["x".repeat(1 << 20)], "$slice": 0 } } };
    let update = Update::compile(&update, &[]).unwrap();
    let refused = update.apply(before, &Moment::at(DateTime::now())).unwrap_err();
    assert_eq!(refused.kind(), &update::UpdateErrorKind::TooLarge);
    // Many arrays, each of which is padded as far as allowed.
    let paths = (0..100).map(|n| (format!("l{n}.1400000"), Bson::Int32(1)));
    let update = Update::compile(&doc! { "$set": paths.collect::<Document>() }, &[]).unwrap();
    let before = (0..100).map(|n| (format!("l{n}"), Bson::Array(Vec::new()))).collect();
    let refused = update.apply(before, &Moment::at(DateTime::now())).unwrap_err();
    assert_eq!(refused.kind(), &update::UpdateErrorKind::TooLarge);
}

#[test]
fn work_grows_with_the_sum_of_the_sizes() {
    let began = std::time::Instant::now();
    let list: Vec<Bson> = (0..100_000).map(Bson::Int32).collect();
    let other: Vec<Bson> = (50_000..150_000).map(Bson::Int32).collect();
    for update in [
        doc! { "$addToSet": { "l": { "$each": other.clone() } } },
        doc! { "$pullAll": { "l": other } },
        doc! { "$unset": (0..100_000).map(|n| (format!("f{n}"), Bson::Int32(1))).collect::<Document>() },
    ] {
        let mut before: Document = (0..100_000).map(|n| (format!("f{n}"), Bson::Int32(1))).collect();
        before.insert("l", list.clone());
        let update = Update::compile(&update, &[]).unwrap();
        assert!(update.apply(before, &Moment::at(DateTime::now())).unwrap().modified);
    }
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn the_position_of_a_matched_element_is_known_only_if_unambiguous() {
    let document =
        doc! { "l": [5, 6], "d": [{ "b": 1 }, { "b": 2, "c": [1, 2] }], "n": [[1], [2]], "x": 3, "o": { "l": [1, 2] } };
    let cases = [
        (doc! { "l": 6 }, Position::Element(1)),
        (doc! { "x": 3, "l": { "$gt": 4 } }, Position::Element(0)),
        (doc! { "d.b": 2 }, Position::Element(1)),
        (doc! { "d": { "$elemMatch": { "b": 2 } } }, Position::Element(1)),
        (doc! { "d.c": 2 }, Position::Element(1)),
        (doc! { "o.l": 2 }, Position::Element(1)),
        (doc! { "$and": [{ "l": 6 }] }, Position::Element(1)),
        (doc! { "n": { "$elemMatch": { "$elemMatch": { "$eq": 2 } } } }, Position::Element(1)),
        (doc! { "x": 3 }, Position::Nowhere),
        (doc! { "l": [5, 6] }, Position::Nowhere),
        (doc! { "l": { "$size": 2 } }, Position::Nowhere),
        (doc! { "l": 6, "d.b": 1 }, Position::Unclear),
        (doc! { "$or": [{ "l": 6 }, { "l": 5 }] }, Position::Unclear),
        (doc! { "l": { "$ne": 7 } }, Position::Unclear),
        (doc! { "$nor": [{ "l": { "$exists": false } }] }, Position::Unclear),
        (doc! { "n": [2] }, Position::Unclear),
        (doc! { "d.1.b": 2 }, Position::Unclear),
    ];
    for (filter, expected) in cases {
        let compiled = Filter::compile(&filter).unwrap();
        assert!(compiled.matches(&document).unwrap(), "{filter}");
        assert_eq!(compiled.position(&document), Ok(expected), "{filter}");
    }
}
