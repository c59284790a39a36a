//! `datalogic-rs`: compiled JSONLogic. Values live in arenas, and evaluating a borrowed value converts nothing.
//!
//! From bytes, a value is created that borrows its strings. From text, the engine's own parser creates it.

use bson::{RawBsonRef, RawDocument};
use datalogic_rs::bumpalo::Bump;
use datalogic_rs::{DataValue, Engine, Logic};

use super::{Contender, NAMED, Wanted, everything, only_bson};
use crate::clock::Stopwatch;
use crate::decisions::{Answer, Decision, Tier, user};
use crate::documents::{Documents, FIELDS};

pub(super) fn contenders() -> Vec<Contender> {
    let plain = Contender {
        engine: "datalogic-rs",
        variant: None,
        prepared_bytes: 1_200,
        runs: everything,
        race: |decision, tier, documents, stopwatch| race(decision, tier, Wanted::Whole, documents, stopwatch),
    };
    let named = Contender {
        variant: Some(NAMED),
        runs: only_bson,
        race: |decision, tier, documents, stopwatch| {
            race(decision, tier, Wanted::of(decision), documents, stopwatch);
        },
        ..plain
    };
    vec![plain, named]
}

fn rule(decision: Decision) -> String {
    let rule = match decision {
        Decision::A => {
            r#"{"or": [
                {"and": [{"===": [{"var": "owner"}, "%ID%"]}, {"in": ["%ROLE%", ["editor", "admin"]]}]},
                {"in": ["%ID%", {"var": "members"}]}
            ]}"#
        }
        Decision::B => {
            r#"{"if": [
                {"and": [{"===": ["%ROLE%", "admin"]}, {"===": [{"var": "site"}, "%SITE%"]}]},
                {"if": [{"!==": [{"var": "status"}, "gone"]}, 1, 0]},
                {"and": [{"===": ["%ROLE%", "inspector"]}, {"===": [{"var": "status"}, "gone"]}]},
                {"if": [{">=": [{"var": "age"}, 18]}, 3, 2]},
                {"and": [{"===": [{"var": "owner"}, "%ID%"]}, {"in": ["%ROLE%", ["editor", "admin"]]}]},
                {"if": [{"in": [{"var": "status"}, ["active", "pending"]]}, 5, 4]},
                {"and": [
                    {"===": ["%ROLE%", "editor"]},
                    {"===": [{"var": "team"}, "%TEAM%"]},
                    {"===": [{"var": "site"}, "%SITE%"]}
                ]},
                {"if": [{"===": [{"var": "status"}, "active"]}, 7, 6]},
                {"and": [{"in": ["%ID%", {"var": "members"}]}, {"===": ["%ROLE%", "editor"]}]},
                {"if": [{"in": [{"var": "status"}, ["active", "pending"]]}, 9, 8]},
                {"and": [{"===": [{"var": "site"}, "%SITE%"]}, {">=": [%GRADE%, 3]}]},
                {"if": [{">=": [{"var": "age"}, 40]}, 11, 10]},
                {"and": [{"in": [{"var": "team"}, %TEAMS%]}, {">=": [%GRADE%, 3]}]},
                {"if": [{"===": [{"var": "status"}, "active"]}, 13, 12]},
                {"and": [{">=": [{"var": "age"}, 55]}, {"in": ["%ROLE%", ["editor", "viewer"]]}]},
                {"if": [{"===": [{"var": "status"}, "gone"]}, 15, 14]},
                16
            ]}"#
        }
        Decision::C => {
            r#"{"if": [
                {"and": [{"===": [{"var": "before.owner"}, "%ID%"]}, {"in": ["%ROLE%", ["editor", "admin"]]}]},
                {"if": [{"and": [
                    {"===": [{"var": "before.owner"}, {"var": "after.owner"}]},
                    {"===": [{"var": "before.site"}, {"var": "after.site"}]}
                ]}, 1, 0]},
                {"in": ["%ID%", {"var": "before.members"}]},
                {"if": [{"and": [
                    {"===": [{"var": "before.owner"}, {"var": "after.owner"}]},
                    {"===": [{"var": "before.site"}, {"var": "after.site"}]}
                ]}, 3, 2]},
                16
            ]}"#
        }
    };
    user::fill_in(rule)
}

fn value<'a>(bson: RawBsonRef<'a>, arena: &'a Bump) -> DataValue<'a> {
    match bson {
        RawBsonRef::String(text) => DataValue::from_borrowed_str(text),
        RawBsonRef::Int32(number) => DataValue::from_i64(number.into()),
        RawBsonRef::Double(number) => DataValue::from_f64(number),
        RawBsonRef::ObjectId(id) => DataValue::from_str_in(&id.to_hex(), arena),
        RawBsonRef::Document(document) => object(document, Wanted::Whole, arena),
        RawBsonRef::Array(array) => {
            let mut elements = datalogic_rs::bumpalo::collections::Vec::with_capacity_in(4, arena);
            elements.extend(array.into_iter().map(|element| value(element.expect("BSON"), arena)));
            DataValue::Array(elements.into_bump_slice())
        }
        other => panic!("no document has {other:?}"),
    }
}

/// A document to be kept in memory. All documents share the same keys, which therefore stay in the CPU caches.
fn kept<'a>(document: &'a RawDocument, arena: &'a Bump) -> DataValue<'a> {
    let mut members = datalogic_rs::bumpalo::collections::Vec::with_capacity_in(12, arena);
    Wanted::Whole.each(document, |key, bson| {
        members.push((FIELDS.into_iter().find(|field| *field == key).unwrap_or(key), value(bson, arena)));
    });
    DataValue::Object(members.into_bump_slice())
}

fn object<'a>(document: &'a RawDocument, wanted: Wanted, arena: &'a Bump) -> DataValue<'a> {
    let mut members = datalogic_rs::bumpalo::collections::Vec::with_capacity_in(12, arena);
    wanted.each(document, |key, bson| members.push((key, value(bson, arena))));
    DataValue::Object(members.into_bump_slice())
}

fn pair<'a>(before: DataValue<'a>, after: DataValue<'a>, arena: &'a Bump) -> DataValue<'a> {
    DataValue::Object(arena.alloc_slice_copy(&[("before", before), ("after", after)]))
}

/// A compiled rule and its engine.
struct Compiled {
    engine: Engine,
    logic: Logic,
}

impl Compiled {
    fn new(decision: Decision) -> Self {
        let engine = Engine::new();
        let logic = engine.compile(rule(decision).as_str()).expect("a rule");
        Self { engine, logic }
    }

    fn decide<'a>(&'a self, document: &'a DataValue<'a>, arena: &'a Bump) -> Answer {
        match self.engine.evaluate(&self.logic, document, arena).expect("an answer") {
            DataValue::Bool(holds) => (*holds).into(),
            DataValue::Number(answer) => answer.as_i64().and_then(|answer| answer.try_into().ok()).expect("an answer"),
            other => panic!("{other:?} is no answer"),
        }
    }
}

fn race(decision: Decision, tier: Tier, wanted: Wanted, documents: &Documents, stopwatch: &mut Stopwatch) {
    let compiled = Compiled::new(decision);
    let n = documents.len();
    let after = wanted.after();
    let mut arena = Bump::with_capacity(1 << 16);
    match tier {
        Tier::Prepared => {
            let store = Bump::new();
            let prepared: Vec<DataValue<'_>> = (0..n)
                .map(|at| match decision {
                    Decision::A | Decision::B => kept(documents.bson(at), &store),
                    Decision::C => {
                        pair(kept(documents.bson(at), &store), kept(documents.bson_after(at), &store), &store)
                    }
                })
                .collect();
            stopwatch.measure(n, |at| {
                // For prepared documents, evaluation only allocates what an operator needs.
                if at % 1_024 == 0 {
                    arena.reset();
                }
                compiled.decide(&prepared[at], &arena)
            });
        }
        Tier::Bson => stopwatch.measure(n, |at| {
            arena.reset();
            let document = match decision {
                Decision::A | Decision::B => object(documents.bson(at), wanted, &arena),
                Decision::C => pair(
                    object(documents.bson(at), wanted, &arena),
                    object(documents.bson_after(at), after, &arena),
                    &arena,
                ),
            };
            compiled.decide(&document, &arena)
        }),
        Tier::Json => stopwatch.measure(n, |at| {
            arena.reset();
            let parsed = |text| DataValue::from_str(text, &arena).expect("JSON");
            let document = match decision {
                Decision::A | Decision::B => parsed(documents.json(at)),
                Decision::C => pair(parsed(documents.json(at)), parsed(documents.json_after(at)), &arena),
            };
            compiled.decide(&document, &arena)
        }),
    }
}
