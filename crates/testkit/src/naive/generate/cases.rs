//! Cases of each kind.

use serde_json::{Value as Json, json};

use super::{Maker, SCOPES};
use crate::naive::name::Scope;

impl Maker {
    pub(super) fn case(&mut self, number: usize) -> Json {
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

    pub(super) fn expression_case(&mut self) -> Json {
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
        // An unchanged document or field makes comparisons between old and new succeed.
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
