//! Random test files with few names and values, so that comparisons often involve equal ones.
//!
//! All choices are drawn from one list of numbers. Zero, or the end of the list, stands for the simplest choice, so
//! that proptest shrinks a failing file by shortening the list and lowering its numbers.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::name::Scope;

mod cases;
mod data;
mod expressions;
mod operators;
mod policies;
mod reads;
mod world;

pub use reads::{hostile, reads};

/// A test file with cases of every kind, without expectations.
pub fn file() -> impl Strategy<Value = Json> {
    proptest::collection::vec(any::<u16>(), 600..2400).prop_map(|choices| Maker::new(choices).file())
}

const HEX: &str = "64b7f0c2a1d3e4f5a6b7c8d9";
const UUID: &str = "00010203-0405-0607-0809-0a0b0c0d0e0f";
const FIELDS: [&str; 6] = ["a", "b", "c", "tags", "owner", "team"];
const PATHS: [&str; 20] = [
    "a",
    "b",
    "c",
    "tags",
    "owner",
    "team",
    "team.a",
    "team.b",
    "a.b",
    "a.a",
    "a.0",
    "tags.0",
    "tags.1",
    "team.0.a",
    "a.0.0",
    "team.a.b",
    "team.tags",
    "a.b.c",
    "team.0",
    "a.0.b",
];
const SCOPES: [(&str, Scope); 7] = [
    ("role", Scope::Role),
    ("field", Scope::Field),
    ("filter", Scope::Filter),
    ("query", Scope::Query),
    ("endpoint", Scope::Endpoint),
    ("service", Scope::Service),
    ("sync", Scope::Sync),
];

/// At least one value of every type, and several where they differ in equality or order.
pub fn scalars() -> Vec<Json> {
    vec![
        json!(1),
        json!({"$numberLong": "1"}),
        json!({"$numberDouble": "1.0"}),
        json!({"$numberDecimal": "1.00"}),
        json!("a"),
        json!("b"),
        json!(HEX),
        json!({"$oid": HEX}),
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!({}),
        json!(2),
        json!(0),
        json!({"$numberDouble": "-0.0"}),
        json!({"$numberDouble": "NaN"}),
        json!({"$numberDecimal": "NaN"}),
        json!({"$numberDouble": "0.1"}),
        json!({"$numberDecimal": "0.1"}),
        json!({"$numberLong": "9007199254740993"}),
        json!({"$numberDouble": "9007199254740992.0"}),
        json!({"$numberDouble": "Infinity"}),
        json!({"$numberDecimal": "-Infinity"}),
        json!(""),
        json!("abcdefghijkl"),
        json!({"$oid": "6162636465666768696a6b6c"}),
        json!(UUID),
        json!(UUID.to_uppercase()),
        json!({"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "04"}}),
        json!({"$binary": {"base64": "AAECAw==", "subType": "00"}}),
        json!({"$binary": {"base64": "AAECAw==", "subType": "05"}}),
        json!({"$symbol": "a"}),
        json!({"$date": {"$numberLong": "0"}}),
        json!({"$date": {"$numberLong": "1000"}}),
        json!({"$timestamp": {"t": 1, "i": 1}}),
        json!({"$timestamp": {"t": 1, "i": 2}}),
        json!({"$code": "a"}),
        json!({"$code": "a", "$scope": {}}),
        json!({"$minKey": 1}),
        json!({"$maxKey": 1}),
        json!({"$undefined": true}),
        json!({"$regularExpression": {"pattern": "a", "options": ""}}),
        json!({"$dbPointer": {"$ref": "a.b", "$id": {"$oid": HEX}}}),
    ]
}

fn is_regex(json: &Json) -> bool {
    json.get("$regularExpression").is_some()
}

/// Whether a literal is a valid operand of `$gt` and the like.
fn has_order(json: &Json) -> bool {
    match json {
        Json::Object(object) => object.keys().next().is_some_and(|key| {
            key.starts_with("$number") || ["$oid", "$date", "$timestamp", "$binary", "$symbol"].contains(&key.as_str())
        }),
        Json::Null | Json::Array(_) => false,
        _ => true,
    }
}

struct Maker {
    choices: std::vec::IntoIter<u16>,
    /// The values that this file prefers.
    pool: Vec<Json>,
    scope: Scope,
    /// Whether rules may sometimes be invalid.
    naughty: bool,
    /// Whether this is inside `$elemMatch`, where plain paths are always valid.
    in_element: bool,
    /// Whether documents and users contain values that would be operators in a query.
    hostile: bool,
    /// Whether rules only use what a database can evaluate: fields, compared with values from the context.
    askable: bool,
    /// How many of ten conditions are expressions instead of `true` or `false`.
    expressions: usize,
    users: Json,
}

impl Maker {
    fn new(choices: Vec<u16>) -> Maker {
        Maker {
            choices: choices.into_iter(),
            pool: Vec::new(),
            scope: Scope::Role,
            naughty: false,
            in_element: false,
            hostile: false,
            askable: false,
            expressions: 4,
            users: json!({}),
        }
    }

    /// A number below `count`; 0 if there are no choices left.
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.choices.next().unwrap_or(0)) % count
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn file(mut self) -> Json {
        let all = scalars();
        self.pool = (0..3).map(|_| self.pick(&all)).collect();
        self.users = self.users();
        let mut file = json!({"users": self.users});
        self.add_context(&mut file, 85);
        file["functions"] = self.functions();
        file["rules"] = self.rules();
        // Without choices, all further cases would be the same.
        let mut cases = vec![self.case(0)];
        while self.choices.len() > 0 && cases.len() < 12 {
            cases.push(self.case(cases.len()));
        }
        file["cases"] = Json::Array(cases);
        file
    }
}
