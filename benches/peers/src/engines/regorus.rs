//! `regorus`: Rego, compiled to a program for its virtual machine (RVM). The machine is reused; the document is its
//! input.

use std::sync::Arc;

use bson::{RawBsonRef, RawDocument};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::value::{Array, Object};
use regorus::{Engine, Value};

use super::{Contender, NAMED, Wanted, everything, only_bson};
use crate::clock::Stopwatch;
use crate::decisions::{Answer, Decision, NO_ROLE, Tier, answer, user};
use crate::documents::{Documents, FIELDS};

pub(super) fn contenders() -> Vec<Contender> {
    let plain = Contender {
        engine: "regorus",
        variant: None,
        prepared_bytes: 1_700,
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

const RULE: &str = "data.peers.answer";

fn rule(decision: Decision) -> String {
    user::fill_in(match decision {
        Decision::A => {
            r#"package peers
            default answer := false
            answer if { input.owner == "%ID%"; "%ROLE%" in {"editor", "admin"} }
            answer if "%ID%" in input.members
            "#
        }
        Decision::B => {
            r#"package peers
            answer := [0, read] if { "%ROLE%" == "admin"; input.site == "%SITE%"; read := input.status != "gone" }
            else := [1, read] if { "%ROLE%" == "inspector"; input.status == "gone"; read := input.age >= 18 }
            else := [2, read] if {
                input.owner == "%ID%"; "%ROLE%" in {"editor", "admin"}; read := input.status in {"active", "pending"}
            }
            else := [3, read] if {
                "%ROLE%" == "editor"; input.team == "%TEAM%"; input.site == "%SITE%"; read := input.status == "active"
            }
            else := [4, read] if {
                "%ID%" in input.members; "%ROLE%" == "editor"; read := input.status in {"active", "pending"}
            }
            else := [5, read] if { input.site == "%SITE%"; %GRADE% >= 3; read := input.age >= 40 }
            else := [6, read] if { input.team in %TEAMS%; %GRADE% >= 3; read := input.status == "active" }
            else := [7, read] if {
                input.age >= 55; "%ROLE%" in {"editor", "viewer"}; read := input.status == "gone"
            }
            else := null
            "#
        }
        Decision::C => {
            r#"package peers
            kept if { input.before.owner == input.after.owner; input.before.site == input.after.site }
            default may := false
            may if kept
            answer := [0, may] if { input.before.owner == "%ID%"; "%ROLE%" in {"editor", "admin"} }
            else := [1, may] if "%ID%" in input.before.members
            else := null
            "#
        }
    })
}

/// Field names that are created once, so that the keys of documents only share references.
struct Keys(Vec<(&'static str, Value)>);

impl Keys {
    fn new() -> Self {
        let names = FIELDS.into_iter().chain(["before", "after"]);
        Self(names.map(|name| (name, Value::from(name))).collect())
    }

    fn get(&self, key: &str) -> Value {
        self.0.iter().find(|(name, _)| *name == key).map_or_else(|| Value::from(key), |(_, key)| key.clone())
    }

    fn value(&self, bson: RawBsonRef<'_>) -> Value {
        match bson {
            RawBsonRef::String(text) => Value::from(text),
            RawBsonRef::Int32(number) => Value::from(number),
            RawBsonRef::Double(number) => Value::from(number),
            RawBsonRef::ObjectId(id) => Value::from(id.to_hex()),
            RawBsonRef::Document(document) => self.object(document, Wanted::Whole),
            RawBsonRef::Array(array) => {
                array.into_iter().map(|element| self.value(element.expect("BSON"))).collect::<Array>().into_value()
            }
            other => panic!("no document has {other:?}"),
        }
    }

    fn object(&self, document: &RawDocument, wanted: Wanted) -> Value {
        let mut members = Object::new();
        wanted.each(document, |key, bson| {
            members.insert(self.get(key), self.value(bson));
        });
        members.into_value()
    }

    fn pair(&self, before: Value, after: Value) -> Value {
        [(self.get("before"), before), (self.get("after"), after)].into_iter().collect::<Object>().into_value()
    }
}

fn machine(decision: Decision) -> RegoVM {
    let mut engine = Engine::new();
    engine.add_policy("peers.rego".to_owned(), rule(decision)).expect("a policy");
    let policy = engine.compile_with_entrypoint(&RULE.into()).expect("a policy");
    let program = Compiler::compile_from_policy(&policy, &[RULE]).expect("a program");
    let mut machine = RegoVM::new();
    machine.load_program(Arc::clone(&program));
    machine.set_data(Value::new_object()).expect("no data");
    machine
}

fn decide(machine: &mut RegoVM, document: Value) -> Answer {
    machine.set_input(document);
    match machine.execute().expect("an answer") {
        Value::Bool(holds) => holds.into(),
        Value::Null => NO_ROLE,
        Value::Array(both) => match (both.get(0), both.get(1)) {
            (Some(role), Some(Value::Bool(may))) => answer(role.as_u8().expect("a role"), *may),
            _ => panic!("{both:?} is no answer"),
        },
        other => panic!("{other:?} is no answer"),
    }
}

fn race(decision: Decision, tier: Tier, wanted: Wanted, documents: &Documents, stopwatch: &mut Stopwatch) {
    let mut machine = machine(decision);
    let mut decide = |document| decide(&mut machine, document);
    let keys = Keys::new();
    let n = documents.len();
    let after = wanted.after();
    let converted = |at, wanted, after| match decision {
        Decision::A | Decision::B => keys.object(documents.bson(at), wanted),
        Decision::C => keys.pair(keys.object(documents.bson(at), wanted), keys.object(documents.bson_after(at), after)),
    };
    let parsed = |text| Value::from_json_str(text).expect("JSON");
    match tier {
        Tier::Prepared => {
            let prepared: Vec<Value> = (0..n).map(|at| converted(at, Wanted::Whole, Wanted::Whole)).collect();
            stopwatch.measure(n, |at| decide(prepared[at].clone()));
        }
        Tier::Bson => stopwatch.measure(n, |at| decide(converted(at, wanted, after))),
        Tier::Json => stopwatch.measure(n, |at| {
            decide(match decision {
                Decision::A | Decision::B => parsed(documents.json(at)),
                Decision::C => keys.pair(parsed(documents.json(at)), parsed(documents.json_after(at))),
            })
        }),
    }
}
