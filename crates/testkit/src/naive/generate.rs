//! Random test files: few names and few values, so that comparisons often meet equal ones.
//!
//! Everything is drawn from one list of numbers. A number of zero, or the end of the list, takes the simplest choice, so
//! that proptest shrinks a failing file by shortening the list and lowering its numbers.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::name::Scope;

mod reads;

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

/// One value of every type, and several where equality or order has something to decide.
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

/// A literal that `$gt` and its kin can take.
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
    /// The values that this file likes to use.
    pool: Vec<Json>,
    scope: Scope,
    /// Whether rules may now and then be illegal.
    naughty: bool,
    /// Inside `$elemMatch`, where a plain path always means something.
    in_element: bool,
    /// Whether documents and users bring what would mean something as part of a query.
    hostile: bool,
    /// Whether rules ask only what a database can be asked: fields, compared with what the context brings.
    askable: bool,
    /// How many of ten conditions are expressions, neither `true` nor `false`.
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

    /// A number below `count`; 0 when the choices have run out.
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
        // Once the choices have run out, all cases would be the same.
        let mut cases = vec![self.case(0)];
        while self.choices.len() > 0 && cases.len() < 12 {
            cases.push(self.case(cases.len()));
        }
        file["cases"] = Json::Array(cases);
        file
    }

    // Data.

    fn scalar(&mut self) -> Json {
        if self.chance(25) {
            let all = scalars();
            return self.pick(&all);
        }
        // The first value is the favourite: any two operands are then often the same.
        let at = self.pick(&[0, 0, 0, 1, 2]);
        self.pool[at].clone()
    }

    /// What a document or a user brings.
    fn datum(&mut self) -> Json {
        if self.hostile && self.chance(8) { self.pick(&reads::hostile()) } else { self.scalar() }
    }

    /// A scalar that may stand in rules.
    fn written(&mut self) -> Json {
        let value = self.scalar();
        if is_regex(&value) && !self.naughty { json!("a") } else { value }
    }

    fn value(&mut self, depth: usize) -> Json {
        if depth == 0 {
            return self.datum();
        }
        match self.below(12) {
            0..=6 => self.datum(),
            7 => self.items(depth - 1, false),
            8 => self.inner_document(depth - 1),
            9 => self.items(depth - 1, true),
            10 => json!([self.items(depth - 1, false)]),
            _ => self.mixed(depth - 1),
        }
    }

    fn items(&mut self, depth: usize, documents: bool) -> Json {
        let count = self.below(4);
        (0..count).map(|_| if documents { self.inner_document(depth) } else { self.datum() }).collect()
    }

    fn mixed(&mut self, depth: usize) -> Json {
        let count = self.below(3) + 1;
        (0..count).map(|_| self.value(depth)).collect()
    }

    fn inner_document(&mut self, depth: usize) -> Json {
        let mut fields = Map::new();
        for name in ["a", "b", "c", "tags"] {
            if self.chance(50) {
                fields.insert(name.to_string(), self.value(depth));
            }
        }
        if self.chance(4) {
            fields.insert("0".to_string(), self.value(depth));
        }
        Json::Object(fields)
    }

    /// A field's value, often of the shape that its name promises.
    fn field(&mut self, name: &str) -> Json {
        match name {
            "tags" if !self.chance(25) => self.items(0, false),
            "team" if !self.chance(25) => self.items(1, true),
            "owner" if !self.chance(50) => self.id(),
            _ => self.value(2),
        }
    }

    fn id(&mut self) -> Json {
        let ids = [json!("a"), json!(HEX), json!({"$oid": HEX}), json!(UUID)];
        self.pick(&ids)
    }

    fn document(&mut self) -> Json {
        let mut document = Map::new();
        document.insert("_id".to_string(), json!(1));
        for name in FIELDS {
            if self.chance(75) {
                document.insert(name.to_string(), self.field(name));
            }
        }
        Json::Object(document)
    }

    /// A document, now and then with the fields of a user's own data.
    fn document_for(&mut self, user: &str) -> Json {
        match self.users[user].get("custom_data").cloned() {
            Some(mut document) if self.chance(30) => {
                document["_id"] = json!(1);
                document
            }
            _ => self.document(),
        }
    }

    /// The document after an update: a few small steps away.
    fn changed(&mut self, before: &Json) -> Json {
        let mut after = before.as_object().expect("a document").clone();
        for _ in 0..self.below(3) {
            let name = self.pick(&FIELDS).to_string();
            match self.below(4) {
                0 | 1 => {
                    let old = after.get(&name).cloned();
                    let new = match old {
                        Some(old) => self.change(&old),
                        None => self.field(&name),
                    };
                    after.insert(name, new);
                }
                2 => {
                    after.shift_remove(&name);
                }
                _ => {
                    // The same field at another position: no change of the document.
                    if let Some(value) = after.shift_remove(&name) {
                        after.insert(name, value);
                    }
                }
            }
        }
        Json::Object(after)
    }

    fn change(&mut self, value: &Json) -> Json {
        match value {
            Json::Object(fields) if !fields.is_empty() && !super::value::is_ejson_literal(value) => {
                let mut fields = fields.clone();
                let names: Vec<String> = fields.keys().cloned().collect();
                let name = self.pick(&names);
                match self.below(4) {
                    0 => {
                        let new = self.change(&fields[&name]);
                        fields.insert(name, new);
                    }
                    1 => {
                        fields.shift_remove(&name);
                    }
                    2 => {
                        let value = fields.shift_remove(&name).expect("a field");
                        fields.insert(name, value);
                    }
                    _ => {
                        let (name, new) = (self.pick(&["a", "b", "c"]), self.value(1));
                        fields.insert(name.to_string(), new);
                    }
                }
                Json::Object(fields)
            }
            Json::Array(items) if !items.is_empty() => {
                let mut items = items.clone();
                let at = self.below(items.len());
                match self.below(4) {
                    0 | 1 => items[at] = self.change(&items[at].clone()),
                    2 => items.swap(0, at),
                    _ => {
                        items.remove(at);
                    }
                }
                Json::Array(items)
            }
            _ => self.value(1),
        }
    }

    // Context.

    fn users(&mut self) -> Json {
        let mut users = Map::new();
        for number in 0..3 {
            let user = self.user();
            users.insert(format!("u{number}"), user);
        }
        Json::Object(users)
    }

    fn user(&mut self) -> Json {
        let id = self.pick(&["a", HEX, UUID, "abcdefghijkl"]);
        let mut user = json!({"id": id});
        if self.chance(60) {
            let kinds = ["normal", "server", "normal", "normal", "normal", "normal", "normal", "system"];
            user["type"] = json!(self.pick(&kinds));
        }
        if self.chance(70) {
            user["data"] = self.inner_document(1);
        }
        if self.chance(80) {
            user["custom_data"] = match self.below(8) {
                0 => json!({}),
                _ => self.document(),
            };
            if self.chance(20) {
                user["custom_data"]["_id"] = json!({"$oid": HEX});
            }
        }
        if self.chance(8) {
            user["custom_data_loaded"] = json!(false);
        }
        if self.chance(60) {
            let count = self.below(3);
            user["identities"] = (0..count)
                .map(|_| {
                    let kind = self.pick(&["a", "b", "anon-user"]);
                    json!({"id": HEX, "provider_type": kind, "data": self.inner_document(1)})
                })
                .collect();
        }
        user
    }

    fn add_context(&mut self, to: &mut Json, percent: usize) {
        if self.chance(percent) {
            to["values"] = self.inner_document(2);
            to["values"]["list"] = self.items(0, false);
        }
        if self.chance(percent) {
            to["environment"] = json!({"tag": "a", "values": self.inner_document(1)});
        }
        if self.chance(percent) {
            to["request"] = json!({"httpMethod": "a", "remoteIPAddress": "::1"});
            if self.chance(70) {
                let count = self.below(3);
                let header: Vec<&str> = (0..count).map(|_| self.pick(&["a", "b", HEX])).collect();
                to["request"]["requestHeaders"] = json!({"X-Tag": header});
            }
        }
    }

    fn functions(&mut self) -> Json {
        json!({
            "yes": {"returns": true},
            "no": {"returns": false},
            "some": {"returns": self.value(1)},
            "broken": {"fails": "broken is down"},
            "byArgument": {
                "cases": [{"arguments": [self.scalar()], "returns": true}, {"arguments": ["a"], "fails": "not a"}],
                "otherwise": {"returns": self.scalar()},
            },
        })
    }

    // Expressions.

    fn path(&mut self) -> String {
        if self.naughty && self.chance(4) {
            return self.pick(&["a..b", "", ".a", "%a", "$set", "%%usr.a", "%%user.id%%", "%user.id"]).to_string();
        }
        self.known_path().to_string()
    }

    fn known_path(&mut self) -> &'static str {
        if self.hostile && self.chance(4) {
            return "_id";
        }
        if self.chance(45) { self.pick(&FIELDS) } else { self.pick(&PATHS) }
    }

    /// Whether operands may be documents' own.
    fn has_document(&self) -> bool {
        !self.askable && matches!(self.scope, Scope::Role | Scope::Field)
    }

    fn expansion(&mut self) -> String {
        if self.naughty && self.chance(8) {
            let odd = [
                "%%root.a",
                "%%this",
                "%%args.a",
                "%%partition",
                "%%user",
                "%%values",
                "%%true.a",
                "%%usr",
                "%%root..a",
                "%user.id",
                "%%request.requestHeaders",
                "%%environment",
                "%%user.id%%",
            ];
            return self.pick(&odd).to_string();
        }
        let mut choices =
            vec!["%%user.id", "%%user.custom_data.", "%%user.custom_data.", "%%user.data.", "%%values.", "%%user"];
        choices.extend(["%%values.list", "%%environment.values.", "%%true", "%%environment.tag"]);
        if self.scope != Scope::Sync {
            choices.push("%%request");
        }
        if self.has_document() {
            choices.extend(["%%root."; 3]);
            choices.extend(["%%prevRoot."; 3]);
        }
        match self.scope {
            Scope::Field => choices.extend(["%%this", "%%prev", "%%this.", "%%prev.", "%%this", "%%prev"]),
            Scope::Service => choices.extend(["%%args.", "%%args.", "%%args."]),
            Scope::Sync => choices.extend(["%%partition", "%%partition", "%%partition"]),
            _ => {}
        }
        match self.pick(&choices) {
            "%%user" => {
                let rest = [
                    "type",
                    "custom_data",
                    "custom_data._id",
                    "identities.provider_type",
                    "identities.providerType",
                    "identities.data.a",
                    "identities.0.provider_type",
                    "_id",
                    "data",
                ];
                format!("%%user.{}", self.pick(&rest))
            }
            "%%request" => {
                let rest = [
                    "httpMethod",
                    "requestHeaders.x-tag",
                    "requestHeaders.X-Tag.0",
                    "requestHeaders.other",
                    "headers",
                    "httpReferrer",
                ];
                format!("%%request.{}", self.pick(&rest))
            }
            "%%true" => self.pick(&["%%true", "%%false"]).to_string(),
            open if open.ends_with('.') => format!("{open}{}", self.known_path()),
            closed => closed.to_string(),
        }
    }

    fn expression(&mut self, depth: usize) -> Json {
        if self.naughty && self.chance(2) {
            let odd = [json!(null), json!("%%true"), json!([]), json!(1), json!({"%and": []}), json!({"%foo": 1})];
            return self.pick(&odd);
        }
        match self.below(20) {
            0 => json!(true),
            1 => json!(false),
            2 => json!({}),
            3..=5 if depth > 0 => {
                let name = self.pick(&["%and", "$and", "%or", "$or", "%nor", "$nor"]);
                let count = self.below(2) + 1;
                let inner: Vec<Json> = (0..=count).map(|_| self.expression(depth - 1)).collect();
                json!({name: inner})
            }
            6 | 7 if depth > 0 => {
                let name = self.pick(&["%not", "$not"]);
                json!({name: self.expression(depth - 1)})
            }
            number => {
                let mut fields = Map::new();
                for _ in 0..=usize::from(number > 17) {
                    let (name, value) = self.test(depth);
                    fields.insert(name, value);
                }
                Json::Object(fields)
            }
        }
    }

    fn test(&mut self, depth: usize) -> (String, Json) {
        if self.askable && !self.in_element && self.scope != Scope::Filter && !self.chance(20) {
            return self.asked(depth);
        }
        if !self.in_element && self.chance(25) {
            return self.mirrored();
        }
        if !self.askable && self.chance(5) {
            let name = self.pick(&["%%true", "%%true", "%%false"]);
            return (name.to_string(), json!({"%function": self.call()}));
        }
        let plain = self.in_element || self.scope.has_plain_paths() || (self.naughty && self.chance(20));
        if plain && !self.chance(35) {
            return (self.path(), self.operand(depth));
        }
        let mut name = self.expansion();
        if name == "%user.id" && !self.naughty {
            name = "%%user.id".to_string();
        }
        if self.chance(5) && self.has_document() && !self.in_element {
            name = self.pick(&["%%root", "%%prevRoot"]).to_string();
        }
        if name == "%%true" || name == "%%false" {
            let value = match self.below(5) {
                0 => json!(true),
                1 => {
                    let call = self.call();
                    json!({"%function": call})
                }
                2 => Json::String(self.expansion()),
                _ => self.expression(depth.saturating_sub(1)),
            };
            return (name, value);
        }
        (name, self.operand(depth))
    }

    /// A field of the document, often compared with what the user has by the same name.
    fn asked(&mut self, depth: usize) -> (String, Json) {
        let name = self.known_path();
        if matches!(self.scope, Scope::Role | Scope::Field) && self.chance(20) {
            if self.chance(40) {
                return self.unrolled();
            }
            let stored = format!("%%root.{name}");
            let right = if self.chance(60) { json!(stored) } else { json!({"$in": stored}) };
            let name = if self.chance(50) { name } else { self.known_path() };
            return (format!("%%user.custom_data.{name}"), right);
        }
        let left = if self.scope == Scope::Field && self.chance(40) { "%%this" } else { name };
        let operand = match self.below(6) {
            0 | 1 => Json::String(format!("%%user.custom_data.{name}")),
            2 => json!({"$ne": format!("%%user.custom_data.{name}")}),
            _ => self.operand(depth),
        };
        (left.to_string(), operand)
    }

    /// A value of the user's, often a list, of which each element is compared with the document.
    fn unrolled(&mut self) -> (String, Json) {
        let of_lists = self.chance(75);
        let left = self.pick(if of_lists { &["team", "team", "tags", "a"] } else { &["owner", "b", "team.a", "tags"] });
        let operand = if of_lists && self.chance(80) {
            let mut condition = Map::new();
            if self.chance(20) {
                let (one, other) = (self.compared_with_document(), self.compared_with_document());
                condition.insert("%or".to_string(), json!([{"a": one}, {"b": other}]));
            } else if self.chance(15) {
                condition = self.document_operators();
            } else {
                condition.insert("a".to_string(), self.compared_with_document());
                if self.chance(50) {
                    let second = if self.chance(50) { self.written() } else { self.compared_with_document() };
                    condition.insert("b".to_string(), second);
                }
            }
            let matching = json!({"$elemMatch": condition});
            if self.chance(20) { json!({"$not": matching}) } else { matching }
        } else {
            Json::Object(self.document_operators())
        };
        (format!("%%user.custom_data.{left}"), operand)
    }

    fn compared_with_document(&mut self) -> Json {
        if self.chance(60) { self.of_document() } else { Json::Object(self.document_operators()) }
    }

    fn of_document(&mut self) -> Json {
        let path = if self.chance(60) { self.pick(&FIELDS).to_string() } else { self.known_path().to_string() };
        json!(format!("%%root.{path}"))
    }

    fn document_operators(&mut self) -> Map<String, Json> {
        let stored = self.of_document();
        let name =
            self.pick(&["$in", "$eq", "$ne", "$nin", "$gte", "$lt", "%oidToString", "%stringToOid", "%uuidToString"]);
        let operand = match name {
            "$in" | "$nin" if self.chance(50) => json!([stored, self.of_document(), self.written()]),
            "$eq" | "$ne" if self.chance(40) => json!({"a": stored, "b": self.of_document()}),
            _ => stored,
        };
        Map::from_iter([(name.to_string(), operand)])
    }

    /// The same path on both sides, where the two often hold the same value.
    fn mirrored(&mut self) -> (String, Json) {
        let path = self.pick(&["a", "b", "c", "tags", "owner", "team", "a.b", "team.a"]);
        let mut sides: Vec<String> = ["%%user.custom_data", "%%values", "%%user.data", "%%environment.values"]
            .iter()
            .map(|place| format!("{place}.{path}"))
            .collect();
        match self.scope {
            Scope::Role => sides.extend([path.to_string(), format!("%%prevRoot.{path}")]),
            Scope::Field => {
                sides.extend([path.to_string(), format!("%%prevRoot.{path}"), "%%this".into(), "%%prev".into()]);
            }
            Scope::Query => sides.push(path.to_string()),
            Scope::Service => sides.extend([path.to_string(), path.to_string()]),
            Scope::Sync => sides.push("%%partition".into()),
            Scope::Filter | Scope::Endpoint => {}
        }
        // From the end, where the sides of the scope itself stand.
        let near = |maker: &mut Maker| {
            let back = maker.below(4);
            sides[sides.len() - 1 - back].clone()
        };
        let (left, right) = (near(self), near(self));
        let right = match right.strip_prefix("%%") {
            Some(_) => Json::String(right),
            None if self.has_document() => Json::String(format!("%%root.{path}")),
            None => self.written(),
        };
        let operand = match self.below(8) {
            0..=3 => right,
            4 => json!({"$eq": right}),
            5 => json!({"$ne": right}),
            6 if right.is_string() => json!({"$gte": right}),
            _ if right.is_string() => json!({"$in": [right, self.written()]}),
            _ => json!({"$eq": right}),
        };
        (left, operand)
    }

    /// The value of a field of an expression.
    fn operand(&mut self, depth: usize) -> Json {
        match self.below(10) {
            0 | 1 => self.written(),
            2 | 3 => Json::String(self.expansion()),
            4 => self.template(2),
            _ => self.operators(depth),
        }
    }

    /// A literal, with expansions inside.
    fn template(&mut self, depth: usize) -> Json {
        match self.below(6) {
            1 => Json::String(self.expansion()),
            2 | 3 if depth > 0 => {
                let count = self.below(3);
                (0..count).map(|_| self.template(depth - 1)).collect()
            }
            4 | 5 if depth > 0 => {
                let mut fields = Map::new();
                for name in ["a", "b"] {
                    if self.chance(60) {
                        fields.insert(name.to_string(), self.template(depth - 1));
                    }
                }
                if self.naughty && self.chance(10) {
                    fields.insert("$gt".to_string(), json!(1));
                }
                Json::Object(fields)
            }
            _ => self.written(),
        }
    }

    fn operators(&mut self, depth: usize) -> Json {
        let mut fields = Map::new();
        for _ in 0..=usize::from(self.chance(20)) {
            self.operator(depth, &mut fields);
        }
        if self.naughty && self.chance(4) {
            fields.insert("a".to_string(), json!(1));
        }
        Json::Object(fields)
    }

    fn operator(&mut self, depth: usize, to: &mut Map<String, Json>) {
        let names = [
            "eq",
            "ne",
            "gt",
            "gte",
            "lt",
            "lte",
            "in",
            "nin",
            "exists",
            "all",
            "size",
            "elemMatch",
            "elemMatch",
            "type",
            "mod",
            "regex",
            "stringToOid",
            "oidToString",
            "stringToUuid",
            "uuidToString",
            "function",
            "function",
            "not",
            "and",
            "or",
            "nor",
            "eq",
            "ne",
            "in",
            "nin",
        ];
        let mut name = self.pick(&names);
        if depth == 0 && ["elemMatch", "not", "and", "or", "nor"].contains(&name) {
            name = "eq";
        }
        let unasked = ["regex", "function", "stringToOid", "oidToString", "stringToUuid", "uuidToString"];
        if self.askable && unasked.contains(&name) {
            name = self.pick(&["in", "type", "size", "exists"]);
        }
        let operand = match name {
            "eq" | "ne" => self.compared(),
            "gt" | "gte" | "lt" | "lte" => self.ordered(),
            "in" | "nin" => self.list(),
            "exists" => {
                let choices = [
                    json!(true),
                    json!(false),
                    json!("%%true"),
                    json!("%%false"),
                    json!(1),
                    json!(0),
                    json!({"$numberLong": "1"}),
                ];
                self.pick(&choices)
            }
            "all" if self.has_document() && self.chance(40) => json!([self.odd_operand()]),
            "all" => {
                let count = self.below(3);
                (0..count).map(|_| self.template(1)).collect()
            }
            "size" => {
                let choices = [
                    json!(0),
                    json!(1),
                    json!(2),
                    json!({"$numberLong": "1"}),
                    json!({"$numberDouble": "2.0"}),
                    json!({"$numberDecimal": "1"}),
                ];
                self.pick(&choices)
            }
            "elemMatch" => self.element_condition(depth - 1),
            "type" => {
                let choices = [
                    json!("string"),
                    json!("array"),
                    json!("number"),
                    json!(16),
                    json!("objectId"),
                    json!("null"),
                    json!(["string", "object"]),
                    json!(["bool", 2]),
                    json!("decimal"),
                    json!("object"),
                    json!("missing"),
                ];
                let count = choices.len() - usize::from(!self.naughty);
                self.pick(&choices[..count])
            }
            "mod" => {
                let choices =
                    [json!([2, 1]), json!([2, 0]), json!([3, -1]), json!([2.5, 1]), json!([0, 1]), json!([2])];
                let count = choices.len() - 2 * usize::from(!self.naughty);
                self.pick(&choices[..count])
            }
            "regex" => {
                if self.chance(30) {
                    let options = self.pick(&["i", "s", "x"]);
                    to.insert("$options".to_string(), json!(options));
                }
                let choices = ["a", "^a$", "^\\d+$", "^[0-9a-f]{24}$", "B", ".", "("];
                let count = choices.len() - usize::from(!self.naughty);
                json!(self.pick(&choices[..count]))
            }
            "stringToOid" | "oidToString" | "stringToUuid" | "uuidToString" => self.converted(name),
            "function" => self.call(),
            "not" => self.operators(depth - 1),
            _ => {
                let count = self.below(2) + 1;
                (0..count).map(|_| self.operators(depth - 1)).collect()
            }
        };
        let sign = self.pick(&["$", "%"]);
        to.insert(if name == "ne" && self.chance(10) { "%neq".to_string() } else { format!("{sign}{name}") }, operand);
    }

    fn compared(&mut self) -> Json {
        match self.below(4) {
            0 => self.written(),
            1 | 2 => Json::String(self.expansion()),
            _ => self.template(2),
        }
    }

    fn ordered(&mut self) -> Json {
        if self.has_document() && self.chance(40) {
            return self.odd_operand();
        }
        if self.chance(55) {
            return Json::String(self.expansion());
        }
        let value = self.scalar();
        if has_order(&value) || self.naughty { value } else { json!(1) }
    }

    /// A value of any type: what no literal may be there, a document can still bring.
    fn odd_operand(&mut self) -> Json {
        json!(self.pick(&["%%root.a", "%%root.b", "%%prevRoot.c", "%%root.owner"]))
    }

    fn list(&mut self) -> Json {
        if self.chance(35) {
            return Json::String(self.expansion());
        }
        if self.naughty && self.chance(5) {
            return json!("a");
        }
        let count = self.below(4);
        (0..count).map(|_| self.template(1)).collect()
    }

    fn converted(&mut self, name: &str) -> Json {
        if self.has_document() && self.chance(40) {
            return self.odd_operand();
        }
        if self.chance(55) {
            return Json::String(self.expansion());
        }
        if self.naughty && self.chance(10) {
            return json!(1);
        }
        let texts = [json!(HEX), json!(UUID), json!("a"), json!("abcdefghijkl"), json!(UUID.to_uppercase())];
        let own = match name {
            "stringToOid" | "oidToString" => json!({"$oid": HEX}),
            _ => json!({"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "04"}}),
        };
        if self.chance(40) { own } else { self.pick(&texts) }
    }

    fn call(&mut self) -> Json {
        let names = ["yes", "no", "some", "byArgument", "byArgument", "some", "broken", "absent"];
        let mut call = json!({"name": self.pick(&names)});
        match self.below(4) {
            0 => {}
            1 => call["arguments"] = self.template(1),
            _ => {
                let argument = self.template(1);
                call["arguments"] = json!([argument]);
            }
        }
        if self.naughty && self.chance(5) {
            call["more"] = json!(1);
        }
        call
    }

    fn element_condition(&mut self, depth: usize) -> Json {
        if self.naughty && self.chance(5) {
            return json!({});
        }
        if self.chance(50) {
            return self.operators(depth);
        }
        let outside = std::mem::replace(&mut self.in_element, true);
        let mut fields = Map::new();
        for _ in 0..=usize::from(self.chance(30)) {
            if depth > 0 && self.chance(25) {
                let name = self.pick(&["%and", "$or", "%nor"]);
                let inner: Vec<Json> = (0..2)
                    .map(|_| {
                        let (name, value) = self.test(depth - 1);
                        json!({name: value})
                    })
                    .collect();
                fields.insert(name.to_string(), Json::Array(inner));
            } else {
                let (name, value) = self.test(depth);
                fields.insert(name, value);
            }
        }
        self.in_element = outside;
        Json::Object(fields)
    }

    // Policies.

    fn rules(&mut self) -> Json {
        self.naughty = self.chance(12);
        let mut rules = self.policy();
        if self.chance(20) {
            rules["schema"] = self.schema(2);
        }
        self.naughty = false;
        rules
    }

    fn policy(&mut self) -> Json {
        let mut rules = json!({});
        if !self.chance(3) {
            let count = self.below(3) + 1;
            rules["roles"] = (0..count).map(|number| self.role(number)).collect();
        }
        if self.chance(30) {
            let count = self.below(2) + 1;
            rules["filters"] = (0..count).map(|number| self.filter(number)).collect();
        }
        rules
    }

    /// `true`, `false` or an expression.
    fn condition(&mut self, scope: Scope) -> Json {
        self.scope = scope;
        let number = self.below(10);
        if number + self.expressions >= 10 { self.expression(2) } else { json!(number + self.expressions < 9) }
    }

    fn conditions(&mut self, of: &mut Json, scope: Scope, names: &[(&str, usize)]) {
        for (name, percent) in names {
            if self.chance(*percent) {
                of[*name] = self.condition(scope);
            }
        }
    }

    fn role(&mut self, number: usize) -> Json {
        let mut role = json!({"name": format!("R{number}"), "apply_when": self.condition(Scope::Role)});
        if self.chance(25) {
            let mut filters = json!({});
            self.conditions(&mut filters, Scope::Role, &[("read", 80), ("write", 80)]);
            role["document_filters"] = filters;
        }
        let by_field = !self.chance(35);
        let whole = if by_field { 6 } else { 70 };
        let names = [("read", whole), ("write", whole), ("insert", 20), ("delete", 20), ("search", 20)];
        self.conditions(&mut role, Scope::Role, &names);
        if by_field {
            if self.chance(85) {
                role["fields"] = self.fields(&FIELDS, 2);
            }
            if self.chance(if self.askable { 10 } else { 75 }) {
                let mut additional = json!({});
                self.conditions(&mut additional, Scope::Field, &[("read", 60), ("write", 75)]);
                role["additional_fields"] = additional;
            }
        }
        if self.naughty && self.chance(8) {
            role["aply_when"] = json!(true);
        }
        role
    }

    fn fields(&mut self, names: &[&str], depth: usize) -> Json {
        let mut fields = Map::new();
        for name in names {
            if self.chance(55) {
                let mut entry = json!({});
                let nested = depth > 0 && self.chance(50);
                let whole = if nested { 12 } else { 65 };
                self.conditions(&mut entry, Scope::Field, &[("read", whole), ("write", whole)]);
                if nested {
                    entry["fields"] = self.fields(&["a", "b", "c", "tags"], depth - 1);
                }
                fields.insert((*name).to_string(), entry);
            }
        }
        if self.naughty && self.chance(4) {
            fields.insert("a.b".to_string(), json!({"read": true}));
        }
        Json::Object(fields)
    }

    fn filter(&mut self, number: usize) -> Json {
        let mut filter = json!({"name": format!("F{number}"), "apply_when": self.condition(Scope::Filter)});
        self.conditions(&mut filter, Scope::Query, &[("query", 75)]);
        if self.chance(45) {
            let mut projection = Map::new();
            let shown = self.below(2);
            for path in ["_id", "a", "b", "team.a", "tags", "owner"] {
                if self.chance(35) && (path != "_id" || shown == 0) {
                    projection.insert(path.to_string(), json!(shown));
                }
            }
            let key = self.pick(&["projection", "project"]);
            filter[key] = Json::Object(projection);
        }
        filter
    }

    fn schema(&mut self, depth: usize) -> Json {
        let mut schema = json!({});
        if depth == 2 {
            schema["bsonType"] = json!("object");
        } else if self.chance(50) {
            let names = ["string", "int", "number", "array", "object", "objectId", "mixed", "double", "bool", "date"];
            schema["bsonType"] = json!(self.pick(&names));
        }
        if depth > 0 {
            let mut properties = Map::new();
            for name in FIELDS {
                if self.chance(35) {
                    properties.insert(name.to_string(), self.schema(depth - 1));
                }
            }
            schema["properties"] = Json::Object(properties);
            if self.chance(15) {
                schema["additionalProperties"] = json!(false);
                schema["properties"]["_id"] = json!({});
            }
            if self.chance(40) {
                schema["required"] = json!([self.pick(&FIELDS)]);
            }
            if self.chance(20) {
                schema["items"] = self.schema(0);
            }
        }
        if depth < 2 && self.chance(30) {
            match self.below(5) {
                0 => schema["minimum"] = json!(1),
                1 => schema["maximum"] = json!(1),
                2 => schema["minLength"] = json!(1),
                3 => schema["enum"] = json!([self.scalar(), self.scalar()]),
                _ => schema["pattern"] = json!("^a"),
            }
        }
        if depth < 2 && self.chance(30) {
            schema["validate"] = self.condition(Scope::Field);
        }
        schema
    }

    // Cases.

    fn case(&mut self, number: usize) -> Json {
        let user = format!("u{}", self.below(3));
        let mut case = match self.below(12) {
            0..=4 => self.expression_case(),
            5 | 6 => json!({"user": user, "read": self.document_for(&user)}),
            7 => json!({"user": user, "search": self.document_for(&user)}),
            8 => json!({"user": user, "insert": self.document_for(&user)}),
            9 => json!({"user": user, "delete": self.document_for(&user)}),
            _ => {
                let before = self.document_for(&user);
                let after = self.changed(&before);
                json!({"user": user, "update": {"before": before, "after": after}})
            }
        };
        if self.chance(4) {
            case = json!({"load": self.rules()});
        }
        case["name"] = json!(format!("c{number}"));
        case
    }

    fn expression_case(&mut self) -> Json {
        let (name, scope) = self.pick(&SCOPES);
        self.scope = scope;
        self.naughty = self.chance(8);
        let expression = self.expression(3);
        self.naughty = false;
        let user = format!("u{}", self.below(3));
        let mut given = json!({});
        let parts: &[&str] = match scope {
            Scope::Role => &["root", "prevRoot"],
            Scope::Field => &["root", "prevRoot", "this", "prev"],
            Scope::Query => &["root"],
            Scope::Service => &["args"],
            Scope::Sync => &["partition"],
            Scope::Filter | Scope::Endpoint => &[],
        };
        for part in parts {
            if self.chance(85) {
                given[*part] = match *part {
                    "this" | "prev" => self.value(2),
                    "partition" => self.scalar(),
                    _ => self.document_for(&user),
                };
            }
        }
        // A document that did not change makes the tests between two documents meet.
        for (of, like) in [("prevRoot", "root"), ("prev", "this")] {
            if given.get(of).is_some() && given.get(like).is_some() && self.chance(50) {
                given[of] = given[like].clone();
            }
        }
        if self.chance(90) {
            given["user"] = json!(user);
        }
        json!({"expression": expression, "scope": name, "given": given})
    }
}
