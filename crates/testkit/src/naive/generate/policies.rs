//! Roles, filters and schemas.

use serde_json::{Map, Value as Json, json};

use super::{FIELDS, Maker};
use crate::naive::name::Scope;

impl Maker {
    pub(super) fn rules(&mut self) -> Json {
        self.naughty = self.chance(12);
        let mut rules = self.policy();
        if self.chance(20) {
            rules["schema"] = self.schema(2);
        }
        self.naughty = false;
        rules
    }

    pub(super) fn policy(&mut self) -> Json {
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
    pub(super) fn condition(&mut self, scope: Scope) -> Json {
        self.scope = scope;
        let number = self.below(10);
        if number + self.expressions >= 10 { self.expression(2) } else { json!(number + self.expressions < 9) }
    }

    pub(super) fn conditions(&mut self, of: &mut Json, scope: Scope, names: &[(&str, usize)]) {
        for (name, percent) in names {
            if self.chance(*percent) {
                of[*name] = self.condition(scope);
            }
        }
    }

    pub(super) fn role(&mut self, number: usize) -> Json {
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

    pub(super) fn fields(&mut self, names: &[&str], depth: usize) -> Json {
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

    pub(super) fn filter(&mut self, number: usize) -> Json {
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

    pub(super) fn schema(&mut self, depth: usize) -> Json {
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
}
