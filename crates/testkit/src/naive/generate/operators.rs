//! Operators and their operands.

use serde_json::{Map, Value as Json, json};

use super::{HEX, Maker, UUID, has_order};

impl Maker {
    pub(super) fn operators(&mut self, depth: usize) -> Json {
        let mut fields = Map::new();
        for _ in 0..=usize::from(self.chance(20)) {
            self.operator(depth, &mut fields);
        }
        if self.naughty && self.chance(4) {
            fields.insert("a".to_string(), json!(1));
        }
        Json::Object(fields)
    }

    pub(super) fn operator(&mut self, depth: usize, to: &mut Map<String, Json>) {
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

    pub(super) fn compared(&mut self) -> Json {
        match self.below(4) {
            0 => self.written(),
            1 | 2 => Json::String(self.expansion()),
            _ => self.template(2),
        }
    }

    pub(super) fn ordered(&mut self) -> Json {
        if self.has_document() && self.chance(40) {
            return self.odd_operand();
        }
        if self.chance(55) {
            return Json::String(self.expansion());
        }
        let value = self.scalar();
        if has_order(&value) || self.naughty { value } else { json!(1) }
    }

    /// A value of any type: a document may contain values that are not valid as literals there.
    pub(super) fn odd_operand(&mut self) -> Json {
        json!(self.pick(&["%%root.a", "%%root.b", "%%prevRoot.c", "%%root.owner"]))
    }

    pub(super) fn list(&mut self) -> Json {
        if self.chance(35) {
            return Json::String(self.expansion());
        }
        if self.naughty && self.chance(5) {
            return json!("a");
        }
        let count = self.below(4);
        (0..count).map(|_| self.template(1)).collect()
    }

    pub(super) fn converted(&mut self, name: &str) -> Json {
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

    pub(super) fn call(&mut self) -> Json {
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
}
