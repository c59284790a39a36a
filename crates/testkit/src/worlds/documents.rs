//! Random documents whose fields usually contain what their names suggest, and sometimes anything. They are extended
//! JSON, so that a failing case can be printed and read back.

use serde_json::{Map, Value as Json, json};

use super::choices::Choices;

/// The fields that rules may use to permit writes. No rule in [`policies`](super::policies) lets a user write them in
/// a document that is partly hidden, so no write can reveal what was hidden before.
pub const CONDITIONS: [&str; 3] = ["owner", "level", "kind"];

/// The other top-level fields.
pub const FIELDS: [&str; 10] = ["n", "m", "s", "t", "tags", "rows", "sub", "code", "any", "when"];

pub const PATHS: [&str; 34] = [
    "_id",
    "owner",
    "level",
    "kind",
    "n",
    "m",
    "s",
    "t",
    "tags",
    "rows",
    "sub",
    "code",
    "any",
    "when",
    "n",
    "m",
    "s",
    "sub.a",
    "sub.b",
    "sub.c",
    "sub.deep",
    "sub.deep.x",
    "sub.deep.y",
    "rows.a",
    "rows.b",
    "rows.c",
    "rows.0",
    "rows.0.a",
    "rows.1.b",
    "rows.in.x",
    "tags.0",
    "any.a",
    "any.0",
    "absent",
];

pub fn path(choices: &mut Choices) -> String {
    choices.pick(&PATHS).to_owned()
}

pub fn name(choices: &mut Choices) -> &'static str {
    if choices.chance(15) { choices.pick(&CONDITIONS) } else { choices.pick(&FIELDS) }
}

pub fn number(choices: &mut Choices) -> Json {
    if choices.chance(65) {
        return json!(choices.pick(&[0, 1, 2, 3, 5, 7, -1, 10]));
    }
    choices.pick(&[
        json!({"$numberLong": "9223372036854775807"}),
        json!({"$numberLong": "9223372036854775806"}),
        json!({"$numberLong": "-9223372036854775808"}),
        json!({"$numberLong": "4"}),
        json!(2_147_483_647),
        json!({"$numberDouble": "1.5"}),
        json!({"$numberDouble": "1e308"}),
        json!({"$numberDouble": "NaN"}),
        json!({"$numberDouble": "-0.0"}),
        json!({"$numberDecimal": "2.50"}),
        json!({"$numberDecimal": "9.999999999999999999999999999999999E6144"}),
    ])
}

pub fn text(choices: &mut Choices) -> Json {
    if choices.chance(75) {
        return json!(choices.pick(&["a", "b", "ab", "abc", "c"]));
    }
    let long = "x".repeat(300);
    json!(choices.pick(&["", "A", "é", "$n", "$$ROOT", "%%user.id", "u1", "^a", "a.b", "12", long.as_str()]))
}

pub fn scalar(choices: &mut Choices) -> Json {
    match choices.below(8) {
        0..=2 => number(choices),
        3..=5 => text(choices),
        6 => choices.pick(&[json!(null), json!(true), json!(false), json!([]), json!({})]),
        _ => choices.pick(&[
            json!({"$oid": "010101010101010101010101"}),
            json!({"$date": {"$numberLong": "0"}}),
            json!({"$date": {"$numberLong": "86400000"}}),
            json!({"$timestamp": {"t": 1, "i": 1}}),
            json!({"$binary": {"base64": "AAECAw==", "subType": "00"}}),
            json!({"$regularExpression": {"pattern": "a", "options": ""}}),
            json!({"$minKey": 1}),
            json!({"$maxKey": 1}),
            json!({"$symbol": "a"}),
        ]),
    }
}

pub fn value(choices: &mut Choices, depth: usize) -> Json {
    match choices.below(if depth == 0 { 4 } else { 8 }) {
        4 | 5 => (0..choices.below(3)).map(|_| value(choices, depth - 1)).collect(),
        6 | 7 => members(choices, &["a", "b", "c", "0", "deep"], |choices, _| value(choices, depth - 1)),
        _ => scalar(choices),
    }
}

fn members(choices: &mut Choices, names: &[&str], of: impl Fn(&mut Choices, &str) -> Json) -> Json {
    let mut members = Map::new();
    for name in names {
        if choices.chance(70) {
            let value = of(choices, name);
            members.insert((*name).to_owned(), value);
        }
    }
    Json::Object(members)
}

fn of_row(choices: &mut Choices, name: &str) -> Json {
    match name {
        _ if choices.chance(8) => value(choices, 1),
        "a" => number(choices),
        "b" => text(choices),
        "in" | "deep" => members(choices, &["x", "y"], |choices, _| number(choices)),
        _ => scalar(choices),
    }
}

/// A value for a top-level field.
pub fn field(choices: &mut Choices, name: &str) -> Json {
    if name != "_id" && !CONDITIONS.contains(&name) && choices.chance(7) {
        return value(choices, 2);
    }
    match name {
        "owner" => json!(choices.pick(&["u1", "u1", "u2"])),
        "level" => json!(choices.below(5)),
        "kind" => json!(choices.pick(&["a", "b", "ab", "c"])),
        "n" | "m" => number(choices),
        "code" => json!(choices.below(1000)),
        "s" | "t" => text(choices),
        "tags" => (0..choices.below(4)).map(|_| scalar(choices)).collect(),
        "rows" => (0..choices.below(4))
            .map(|_| match choices.below(12) {
                0 => value(choices, 1),
                _ => members(choices, &["a", "b", "c", "in"], of_row),
            })
            .collect(),
        "sub" => members(choices, &["a", "b", "c", "deep"], of_row),
        "when" => json!({"$date": {"$numberLong": choices.pick(&["0", "86400000", "1577836800000"])}}),
        _ => value(choices, 2),
    }
}

/// A random document with this `_id`.
pub fn document(choices: &mut Choices, id: &Json) -> Json {
    let mut fields = Map::new();
    fields.insert("_id".to_owned(), id.clone());
    let mut names: Vec<&str> = CONDITIONS.iter().chain(&FIELDS).copied().collect();
    // The order of fields varies, since it is visible to readers.
    for at in 1..names.len() {
        names.swap(at, choices.below(at + 1));
    }
    let (ruled, others) = choices.pick(&[(100, 70), (100, 70), (100, 30), (25, 15)]);
    for name in names {
        if choices.chance(if CONDITIONS.contains(&name) { ruled } else { others }) {
            let value = field(choices, name);
            fields.insert(name.to_owned(), value);
        }
    }
    Json::Object(fields)
}
