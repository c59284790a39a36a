//! Random policies under which a user may read and write parts of documents.
//!
//! A write permission that depends on something its user may not read reveals it, which is the choice of the policy's
//! author. The policies here avoid that: their conditions only use the user, the stored value of the field that they
//! protect, and the fields in [`CONDITIONS`], which are the same in both worlds and which only users who see the
//! whole document may write.

use serde_json::{Map, Value as Json, json};

use super::choices::Choices;
use super::documents::{CONDITIONS, FIELDS};

/// The user for whom all of these policies are evaluated.
pub fn user() -> Json {
    json!({"id": "u1", "data": {"name": "Ada"}, "custom_data": {"kind": "a", "levels": [1, 3], "tags": ["a", "b"]}})
}

/// Where a condition is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Role,
    Read,
    Write,
}

pub fn policy(choices: &mut Choices) -> Json {
    match choices.below(10) {
        0..=1 => return plain(choices),
        2..=3 => return generous(choices),
        _ => {}
    }
    let count = choices.pick(&[1, 1, 1, 2, 2, 3]);
    let roles: Vec<Json> = (0..count).map(|number| role(choices, number, number + 1 == count)).collect();
    let mut rules = json!({"roles": roles});
    if choices.chance(30) {
        // Combining inclusions and exclusions makes every request fail, so each policy uses only one kind.
        let shown = usize::from(choices.chance(30));
        rules["filters"] = (0..choices.pick(&[1, 1, 2])).map(|number| filter(choices, number, shown)).collect();
    }
    if choices.chance(12) {
        rules["schema"] = schema(choices);
    }
    rules
}

/// Every field is visible in all documents or in none, so the database does most of the work.
fn plain(choices: &mut Choices) -> Json {
    let mut fields = Map::new();
    let others = choices.chance(50);
    for name in ["_id"].iter().chain(&CONDITIONS).chain(&FIELDS) {
        let entry = match choices.below(5) {
            0 | 1 => json!({"read": true}),
            2 if !CONDITIONS.contains(name) => json!({"read": true, "write": true}),
            3 if !others => continue,
            _ => json!({}),
        };
        fields.insert((*name).to_owned(), entry);
    }
    let mut role = json!({"name": "R", "apply_when": {}, "fields": fields});
    if others {
        role["additional_fields"] = json!({"read": true});
    }
    let mut rules = json!({"roles": [role]});
    if choices.chance(25) {
        let apply_when = condition(choices, Place::Role);
        rules["roles"][0]["apply_when"] = apply_when;
    }
    if choices.chance(25) {
        let projection: Json =
            choices.pick(&[json!({"n": 0, "s": 0}), json!({"sub": 0}), json!({"m": 1, "kind": 1, "_id": 1})]);
        rules["filters"] = json!([{"name": "F", "apply_when": {}, "projection": projection}]);
    }
    rules
}

/// A policy that lets the user write all but a few fields.
fn generous(choices: &mut Choices) -> Json {
    let mut fields = Map::new();
    for name in CONDITIONS {
        fields.insert(name.to_owned(), json!({"read": true}));
    }
    for _ in 0..choices.pick(&[1, 2, 3]) {
        let name = choices.pick(&FIELDS);
        let entry = match choices.below(4) {
            0 | 1 => json!({}),
            2 => {
                let depth = if ["sub", "rows", "any"].contains(&name) { 2 } else { 0 };
                entry(choices, depth)
            }
            _ => {
                let condition = condition(choices, Place::Role);
                json!({"read": condition, "write": condition})
            }
        };
        fields.insert(name.to_owned(), entry);
    }
    // Documents without the fields in `CONDITIONS` can be inserted and deleted.
    json!({"roles": [{
        "name": "R", "apply_when": {}, "fields": fields, "additional_fields": {"read": true, "write": true},
    }]})
}

fn condition(choices: &mut Choices, place: Place) -> Json {
    let sides = if place == Place::Role { 9 } else { 13 };
    match choices.below(sides) {
        0 => json!({"owner": "%%user.id"}),
        1 => json!({"level": {"$gte": choices.below(5)}}),
        2 => json!({"level": {"$in": "%%user.custom_data.levels"}}),
        3 => json!({"%%user.custom_data.kind": "%%root.kind"}),
        4 => json!({"kind": {"$regex": "^a"}}),
        5 => json!({"%or": [condition(choices, place), {"level": choices.below(5)}]}),
        6 => json!({"%not": condition(choices, place)}),
        7 => json!({"kind": {"$ne": "%%user.custom_data.kind"}}),
        8 => json!({"owner": "%%user.id", "level": {"$lt": 4}}),
        9 => choices.pick(&[json!({"%%prev": {"$exists": true}}), json!({"%%prev": {"$gt": 3}})]),
        10 if place == Place::Read => json!({"%%this": {"$gt": 3}}),
        11 if place == Place::Read => json!({"%%this": {"$type": "string"}}),
        _ => json!({"owner": "%%user.id"}),
    }
}

/// `true`, `false` or an expression.
fn rule(choices: &mut Choices, place: Place) -> Json {
    match choices.below(10) {
        0..=4 => json!(true),
        5 => json!(false),
        _ => condition(choices, place),
    }
}

fn role(choices: &mut Choices, number: usize, is_last: bool) -> Json {
    let apply_when = if is_last && choices.chance(75) { json!({}) } else { condition(choices, Place::Role) };
    let mut role = json!({"name": format!("R{number}"), "apply_when": apply_when});
    if choices.chance(15) {
        let mut halves = json!({});
        for half in ["read", "write"] {
            if choices.chance(75) {
                halves[half] = rule(choices, Place::Role);
            }
        }
        role["document_filters"] = halves;
    }
    match choices.below(10) {
        // Permits whole documents or nothing.
        0..=1 => {
            role["read"] = rule(choices, Place::Role);
            if choices.chance(70) {
                role["write"] = rule(choices, Place::Role);
            }
        }
        // Permits some documents as a whole, and parts of the others.
        2 => role["write"] = condition(choices, Place::Role),
        _ => {}
    }
    if role.get("read").is_none() {
        let others = choices.chance(45);
        role["fields"] = fields(choices, others);
        if others {
            let mut additional = json!({"read": rule(choices, Place::Read)});
            if choices.chance(60) {
                additional["write"] = rule(choices, Place::Write);
            }
            role["additional_fields"] = additional;
        }
    }
    for (flag, percent) in [("insert", 10), ("delete", 15)] {
        if choices.chance(percent) {
            role[flag] = rule(choices, Place::Role);
        }
    }
    role
}

/// Rules for fields; if other fields have rules as well, for all fields in [`CONDITIONS`].
fn fields(choices: &mut Choices, others: bool) -> Json {
    let mut fields = Map::new();
    if choices.chance(75) {
        let entry = if choices.chance(40) { json!({"read": true, "write": true}) } else { json!({"read": true}) };
        fields.insert("_id".to_owned(), entry);
    }
    for name in CONDITIONS {
        if others || choices.chance(60) {
            let entry = if choices.chance(70) { json!({"read": true}) } else { json!({}) };
            fields.insert(name.to_owned(), entry);
        }
    }
    for name in FIELDS {
        if choices.chance(65) {
            let entry = entry(choices, if ["sub", "rows", "any"].contains(&name) { 2 } else { 0 });
            fields.insert(name.to_owned(), entry);
        }
    }
    Json::Object(fields)
}

fn entry(choices: &mut Choices, depth: usize) -> Json {
    let mut entry = json!({});
    if depth > 0 && choices.chance(60) {
        let mut inner = Map::new();
        for name in ["a", "b", "c", "in", "deep", "x", "y"] {
            if choices.chance(50) {
                let deeper = if ["in", "deep"].contains(&name) { depth - 1 } else { 0 };
                inner.insert(name.to_owned(), self::entry(choices, deeper));
            }
        }
        entry["fields"] = Json::Object(inner);
        if choices.chance(90) {
            return entry;
        }
    }
    if choices.chance(70) {
        entry["read"] = rule(choices, Place::Read);
    }
    if choices.chance(60) {
        entry["write"] = rule(choices, Place::Write);
    }
    entry
}

fn filter(choices: &mut Choices, number: usize, shown: usize) -> Json {
    let apply_when = choices.pick(&[json!({}), json!({}), json!({"%%user.custom_data.kind": "a"})]);
    let mut filter = json!({"name": format!("F{number}"), "apply_when": apply_when});
    if choices.chance(50) {
        filter["query"] = match choices.below(3) {
            0 => json!({"level": {"$gte": 1}}),
            1 => json!({"owner": {"$in": ["u1", "u2"]}, "level": {"$lt": 4}}),
            _ => json!({"kind": {"$ne": "c"}}),
        };
    }
    if choices.chance(70) {
        let mut projection = Map::new();
        for path in ["n", "m", "s", "t", "tags", "sub", "code", "any", "sub.a", "sub.deep", "rows.a", "rows.c"] {
            let inside = |given: &String| path.strip_prefix(given.as_str()).is_some_and(|rest| rest.starts_with('.'));
            if choices.chance(if shown == 1 { 60 } else { 25 }) && !projection.keys().any(inside) {
                projection.insert(path.to_owned(), json!(shown));
            }
        }
        filter["projection"] = Json::Object(projection);
    }
    filter
}

/// A schema in which each condition concerns one field only: if a document satisfies it, changing another field
/// cannot violate it.
fn schema(choices: &mut Choices) -> Json {
    let mut properties = Map::new();
    for name in FIELDS {
        if choices.chance(40) {
            let schema = match name {
                "n" | "m" => json!({"bsonType": "number", "maximum": 1000}),
                "s" | "t" => json!({"bsonType": "string", "maxLength": 20}),
                "tags" => json!({"bsonType": "array"}),
                "sub" => json!({"bsonType": "object"}),
                _ => json!({}),
            };
            properties.insert(name.to_owned(), schema);
        }
    }
    json!({"bsonType": "object", "properties": properties})
}

/// The paths that at least one role may let a user write.
pub fn writable(rules: &Json) -> Vec<String> {
    let mut paths = Vec::new();
    for role in rules["roles"].as_array().into_iter().flatten() {
        let may = |rule: Option<&Json>| rule.is_some_and(|rule| *rule != json!(false));
        if may(role.get("write")) || may(role.get("additional_fields").and_then(|rule| rule.get("write"))) {
            let ruled = |name: &str| role.get("fields").is_some_and(|fields| fields.get(name).is_some());
            paths.extend(
                ["_id"]
                    .iter()
                    .chain(&CONDITIONS)
                    .chain(&FIELDS)
                    .filter(|name| !ruled(name))
                    .map(|name| (*name).to_owned()),
            );
        }
        for (name, entry) in role.get("fields").and_then(Json::as_object).into_iter().flatten() {
            of_entry(name, entry, &mut paths);
        }
    }
    paths
}

fn of_entry(path: &str, entry: &Json, paths: &mut Vec<String>) {
    match entry.get("write") {
        Some(rule) if *rule != json!(false) => paths.push(path.to_owned()),
        Some(_) => {}
        None => {
            for (name, inner) in entry.get("fields").and_then(Json::as_object).into_iter().flatten() {
                let below = if path == "rows" { ["rows.0", "rows.$[]", "rows.$[r]"].as_slice() } else { &[path] };
                for path in below {
                    of_entry(&format!("{path}.{name}"), inner, paths);
                }
            }
        }
    }
}
