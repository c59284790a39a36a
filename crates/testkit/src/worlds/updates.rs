//! Random writes of every kind, to both visible and hidden fields.

use serde_json::{Map, Value as Json, json};

use super::choices::Choices;
use super::documents::{self, name, number, scalar, text, value};
use super::pipelines;
use super::reads::{condition, filter, likely, one_field, projection, sort};

/// Every update operator.
pub const OPERATORS: [&str; 15] = [
    "$set",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$rename",
    "$currentDate",
    "$setOnInsert",
    "$push",
    "$addToSet",
    "$pull",
    "$pullAll",
    "$pop",
    "$bit",
];

/// Every kind of write.
pub const WRITES: [&str; 10] = [
    "insertOne",
    "insertMany",
    "updateOne",
    "updateMany",
    "replaceOne",
    "deleteOne",
    "deleteMany",
    "findOneAndUpdate",
    "findOneAndReplace",
    "findOneAndDelete",
];

/// One or several writes in one request, mostly to paths that may be writable.
pub fn request(choices: &mut Choices, writable: &[String]) -> Json {
    let write = if choices.chance(25) {
        (0..choices.pick(&[2, 2, 2, 3])).map(|_| write(choices, writable)).collect()
    } else {
        write(choices, writable)
    };
    json!({"write": write})
}

fn write(choices: &mut Choices, writable: &[String]) -> Json {
    let kind = choices.pick(&[
        "updateOne",
        "updateOne",
        "updateOne",
        "updateMany",
        "updateMany",
        "updateMany",
        "findOneAndUpdate",
        "findOneAndUpdate",
        "insertOne",
        "insertMany",
        "replaceOne",
        "findOneAndReplace",
        "deleteOne",
        "deleteMany",
        "findOneAndDelete",
    ]);
    let mut options = json!({});
    match kind {
        "insertOne" => options["document"] = new(choices, writable),
        "insertMany" => {
            options["documents"] = (0..choices.pick(&[1, 2, 2, 3])).map(|_| new(choices, writable)).collect();
        }
        _ => {
            options["filter"] = selection(choices, kind);
            if kind.ends_with("Update") || kind.starts_with("update") {
                update(choices, writable, &mut options);
            }
            if kind.to_ascii_lowercase().contains("replace") {
                options["replacement"] = replacement(choices, writable);
            }
            if !kind.to_ascii_lowercase().contains("delete") && choices.chance(20) {
                options["upsert"] = json!(true);
            }
            if kind.starts_with("findOneAnd") {
                returning(choices, kind, &mut options);
            }
        }
    }
    json!({kind: options})
}

fn returning(choices: &mut Choices, kind: &str, options: &mut Json) {
    if choices.chance(30) {
        options["sort"] =
            if choices.chance(50) { json!({choices.pick(&["_id", "owner", "level"]): -1}) } else { sort(choices) };
    }
    if choices.chance(30) {
        options["projection"] = projection(choices);
    }
    if kind != "findOneAndDelete" && choices.chance(60) {
        options["returnDocument"] = json!(choices.pick(&["before", "after"]));
    }
}

fn selection(choices: &mut Choices, kind: &str) -> Json {
    match choices.below(10) {
        0..=2 => json!({"_id": choices.below(9)}),
        3 => json!({"_id": {"$in": [choices.below(8), choices.below(8)]}}),
        3..=5 if !kind.to_ascii_lowercase().contains("delete") => json!({}),
        6 => one_field(choices),
        7 => {
            let mut filter = one_field(choices);
            filter["_id"] = json!(choices.below(12));
            filter
        }
        _ => filter(choices, 1),
    }
}

fn id(choices: &mut Choices) -> Json {
    choices.pick(&[
        json!(0),
        json!(3),
        json!(2.5),
        json!(1000),
        json!(20),
        json!(21),
        json!(22),
        json!("new"),
        json!("other"),
    ])
}

fn new(choices: &mut Choices, writable: &[String]) -> Json {
    let id = id(choices);
    let mut document = documents::document(choices, &id);
    let fields = document.as_object_mut().unwrap();
    let may = |name: &String| writable.contains(name);
    if !may(&"_id".to_owned()) || choices.chance(25) {
        fields.shift_remove("_id");
    }
    // Only a few fields, so that all of them may be writable.
    let names: Vec<String> = fields.keys().filter(|name| *name != "_id").cloned().collect();
    for name in names {
        if choices.chance(if may(&name) { 40 } else { 90 }) {
            fields.shift_remove(&name);
        }
    }
    document
}

fn replacement(choices: &mut Choices, writable: &[String]) -> Json {
    let mut document = new(choices, writable);
    if choices.chance(80) {
        document.as_object_mut().unwrap().shift_remove("_id");
    }
    document
}

fn update(choices: &mut Choices, writable: &[String], options: &mut Json) {
    if choices.chance(6) {
        options["update"] = pipelines::update(choices);
        return;
    }
    let mut update = Map::new();
    for _ in 0..choices.pick(&[1, 1, 1, 2]) {
        let operator = if choices.chance(20) { "$set" } else { choices.pick(&OPERATORS) };
        let mut fields = Map::new();
        for _ in 0..choices.pick(&[1, 1, 1, 2]) {
            let path =
                if !writable.is_empty() && choices.chance(60) { choices.pick(writable) } else { target(choices) };
            let operand = operand(choices, operator, &path);
            fields.insert(path, operand);
        }
        update.insert(operator.to_owned(), Json::Object(fields));
    }
    let text = Json::Object(update.clone()).to_string();
    let mut filters = Vec::new();
    if text.contains("$[r]") {
        let inner = choices.pick(&["a", "b", "c", "in.x"]);
        filters.push(json!({format!("r.{inner}"): condition(choices, inner, 1)}));
    }
    if text.contains("$[e]") {
        filters.push(json!({"e": condition(choices, "tags", 1)}));
    }
    if !filters.is_empty() {
        options["arrayFilters"] = Json::Array(filters);
    }
    options["update"] = Json::Object(update);
}

/// The path that an update operator names.
fn target(choices: &mut Choices) -> String {
    match choices.below(10) {
        0..=4 => name(choices).to_owned(),
        5 | 6 => {
            choices.pick(&["sub.a", "sub.b", "sub.c", "sub.deep", "sub.deep.x", "sub.new", "n.x", "any.a"]).to_owned()
        }
        7 => choices
            .pick(&["rows.0", "rows.0.a", "rows.0.b", "rows.1.a", "rows.1.c", "rows.0.in.x", "rows.a"])
            .to_owned(),
        8 => choices
            .pick(&[
                "rows.$[].a",
                "rows.$[].b",
                "rows.$[r].a",
                "rows.$[r].b",
                "rows.$[r].c",
                "rows.$[r].in.x",
                "rows.$.a",
            ])
            .to_owned(),
        _ => choices.pick(&["tags.0", "tags.$[]", "tags.$[e]", "rows.$.a", "any.$[e]", "s.0", "_id"]).to_owned(),
    }
}

fn operand(choices: &mut Choices, operator: &str, path: &str) -> Json {
    let list = |choices: &mut Choices| (0..choices.below(4)).map(|_| scalar(choices)).collect::<Json>();
    if choices.chance(4) {
        return value(choices, 1);
    }
    match operator {
        "$unset" => json!(""),
        "$inc" | "$mul" => number(choices),
        "$rename" => json!(choices.pick(&["n", "m", "s", "any", "fresh", "sub.a", "sub.new", "code"])),
        "$currentDate" => choices.pick(&[json!(true), json!({"$type": "date"}), json!({"$type": "timestamp"})]),
        "$push" if choices.chance(50) => {
            let mut modifiers = json!({"$each": list(choices)});
            if choices.chance(30) {
                modifiers["$slice"] = json!(choices.pick(&[-2, 0, 1, 5]));
            }
            if choices.chance(30) {
                modifiers["$position"] = json!(choices.pick(&[-1, 0, 2]));
            }
            if choices.chance(30) {
                modifiers["$sort"] = choices.pick(&[json!(1), json!({"a": 1}), json!({"c": -1})]);
            }
            modifiers
        }
        "$push" => scalar(choices),
        "$addToSet" if choices.chance(40) => json!({"$each": list(choices)}),
        "$addToSet" => scalar(choices),
        "$pull" => match choices.below(3) {
            0 => scalar(choices),
            1 => condition(choices, "tags", 1),
            _ => {
                let inner = choices.pick(&["a", "b", "c"]);
                json!({inner: condition(choices, inner, 0)})
            }
        },
        "$pullAll" => list(choices),
        "$pop" => json!(choices.pick(&[1, -1])),
        "$bit" => json!({choices.pick(&["and", "or", "xor"]): choices.pick(&[0, 1, 6])}),
        "$min" | "$max" => {
            if choices.chance(50) {
                number(choices)
            } else {
                text(choices)
            }
        }
        _ => likely(choices, path),
    }
}
