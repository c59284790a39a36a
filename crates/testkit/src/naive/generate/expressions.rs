//! Expressions: fields with conditions, and their operands.

use serde_json::{Map, Value as Json, json};

use super::{FIELDS, Maker, PATHS};
use crate::naive::name::Scope;

impl Maker {
    pub(super) fn path(&mut self) -> String {
        if self.naughty && self.chance(4) {
            return self.pick(&["a..b", "", ".a", "%a", "$set", "%%usr.a", "%%user.id%%", "%user.id"]).to_string();
        }
        self.known_path().to_string()
    }

    pub(super) fn known_path(&mut self) -> &'static str {
        if self.hostile && self.chance(4) {
            return "_id";
        }
        if self.chance(45) { self.pick(&FIELDS) } else { self.pick(&PATHS) }
    }

    /// Whether operands may come from documents.
    pub(super) fn has_document(&self) -> bool {
        !self.askable && matches!(self.scope, Scope::Role | Scope::Field)
    }

    pub(super) fn expansion(&mut self) -> String {
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

    pub(super) fn expression(&mut self, depth: usize) -> Json {
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

    pub(super) fn test(&mut self, depth: usize) -> (String, Json) {
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

    /// A field of the document, often compared with the user's value of the same name.
    pub(super) fn asked(&mut self, depth: usize) -> (String, Json) {
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

    /// A value of the user, often a list, each element of which is compared with the document.
    pub(super) fn unrolled(&mut self) -> (String, Json) {
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

    pub(super) fn compared_with_document(&mut self) -> Json {
        if self.chance(60) { self.of_document() } else { Json::Object(self.document_operators()) }
    }

    pub(super) fn of_document(&mut self) -> Json {
        let path = if self.chance(60) { self.pick(&FIELDS).to_string() } else { self.known_path().to_string() };
        json!(format!("%%root.{path}"))
    }

    pub(super) fn document_operators(&mut self) -> Map<String, Json> {
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

    /// The same path on both sides, whose values are often equal.
    pub(super) fn mirrored(&mut self) -> (String, Json) {
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
        // From the end, where the names that the scope itself adds are.
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
    pub(super) fn operand(&mut self, depth: usize) -> Json {
        match self.below(10) {
            0 | 1 => self.written(),
            2 | 3 => Json::String(self.expansion()),
            4 => self.template(2),
            _ => self.operators(depth),
        }
    }

    /// A literal that contains expansions.
    pub(super) fn template(&mut self, depth: usize) -> Json {
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

    pub(super) fn element_condition(&mut self, depth: usize) -> Json {
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
}
