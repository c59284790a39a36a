//! `zen-expression`: an expression, compiled to bytecode and run by one virtual machine over reference-counted
//! values.

use bson::{RawBsonRef, RawDocument};
use zen_expression::expression::Standard;
use zen_expression::variable::{Symbol, VariableMap};
use zen_expression::vm::VM;
use zen_expression::{Expression, Variable, compile_expression};

use super::{Contender, NAMED, Wanted, everything, only_bson};
use crate::clock::Stopwatch;
use crate::decisions::{Answer, Decision, Tier, user};
use crate::documents::Documents;

pub(super) fn contenders() -> Vec<Contender> {
    let plain = Contender {
        engine: "zen-expression",
        variant: None,
        prepared_bytes: 2_700,
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
    user::fill_in(match decision {
        Decision::A => r#"(owner == "%ID%" and "%ROLE%" in ["editor", "admin"]) or "%ID%" in members"#,
        Decision::B => {
            r#"
            "%ROLE%" == "admin" and site == "%SITE%" ? (status != "gone" ? 1 : 0) :
            "%ROLE%" == "inspector" and status == "gone" ? (age >= 18 ? 3 : 2) :
            owner == "%ID%" and "%ROLE%" in ["editor", "admin"] ? (status in ["active", "pending"] ? 5 : 4) :
            "%ROLE%" == "editor" and team == "%TEAM%" and site == "%SITE%" ? (status == "active" ? 7 : 6) :
            "%ID%" in members and "%ROLE%" == "editor" ? (status in ["active", "pending"] ? 9 : 8) :
            site == "%SITE%" and %GRADE% >= 3 ? (age >= 40 ? 11 : 10) :
            team in %TEAMS% and %GRADE% >= 3 ? (status == "active" ? 13 : 12) :
            age >= 55 and "%ROLE%" in ["editor", "viewer"] ? (status == "gone" ? 15 : 14) :
            16"#
        }
        Decision::C => {
            r#"
            before.owner == "%ID%" and "%ROLE%" in ["editor", "admin"]
                ? (before.owner == after.owner and before.site == after.site ? 1 : 0) :
            "%ID%" in before.members
                ? (before.owner == after.owner and before.site == after.site ? 3 : 2) :
            16"#
        }
    })
}

fn value(bson: RawBsonRef<'_>) -> Variable {
    match bson {
        RawBsonRef::String(text) => Variable::String(Symbol::from(text)),
        RawBsonRef::Int32(number) => Variable::Number(number.into()),
        RawBsonRef::Double(number) => Variable::Number(number.try_into().expect("a decimal number")),
        RawBsonRef::ObjectId(id) => Variable::String(Symbol::from(id.to_hex())),
        RawBsonRef::Document(document) => object(document, Wanted::Whole),
        RawBsonRef::Array(array) => {
            Variable::from_array(array.into_iter().map(|element| value(element.expect("BSON"))).collect())
        }
        other => panic!("no document has {other:?}"),
    }
}

fn object(document: &RawDocument, wanted: Wanted) -> Variable {
    let mut members = VariableMap::new();
    wanted.each(document, |key, bson| {
        members.insert(Symbol::from(key), value(bson));
    });
    Variable::from_object(members)
}

fn pair(before: Variable, after: Variable) -> Variable {
    let members = [(Symbol::from_static("before"), before), (Symbol::from_static("after"), after)];
    Variable::from_object(members.into_iter().collect())
}

struct Compiled {
    expression: Expression<Standard>,
    machine: VM,
}

impl Compiled {
    fn new(decision: Decision) -> Self {
        Self { expression: compile_expression(&rule(decision)).expect("a rule"), machine: VM::new() }
    }

    fn decide(&mut self, document: Variable) -> Answer {
        match self.expression.evaluate_with(document, &mut self.machine).expect("an answer") {
            Variable::Bool(holds) => holds.into(),
            Variable::Number(answer) => answer.try_into().expect("an answer"),
            other => panic!("{} is no answer", other.type_name()),
        }
    }
}

fn race(decision: Decision, tier: Tier, wanted: Wanted, documents: &Documents, stopwatch: &mut Stopwatch) {
    let mut compiled = Compiled::new(decision);
    let n = documents.len();
    let after = wanted.after();
    let converted = |at, wanted, after| match decision {
        Decision::A | Decision::B => object(documents.bson(at), wanted),
        Decision::C => pair(object(documents.bson(at), wanted), object(documents.bson_after(at), after)),
    };
    let parsed = |text| serde_json::from_str::<Variable>(text).expect("JSON");
    match tier {
        Tier::Prepared => {
            let prepared: Vec<Variable> = (0..n).map(|at| converted(at, Wanted::Whole, Wanted::Whole)).collect();
            stopwatch.measure(n, |at| compiled.decide(prepared[at].clone()));
        }
        Tier::Bson => stopwatch.measure(n, |at| compiled.decide(converted(at, wanted, after))),
        Tier::Json => stopwatch.measure(n, |at| {
            compiled.decide(match decision {
                Decision::A | Decision::B => parsed(documents.json(at)),
                Decision::C => pair(parsed(documents.json(at)), parsed(documents.json_after(at))),
            })
        }),
    }
}
