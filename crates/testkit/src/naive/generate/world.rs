//! Users, values, environments and functions.

use serde_json::{Map, Value as Json, json};

use super::{HEX, Maker, UUID};

impl Maker {
    pub(super) fn users(&mut self) -> Json {
        let mut users = Map::new();
        for number in 0..3 {
            let user = self.user();
            users.insert(format!("u{number}"), user);
        }
        Json::Object(users)
    }

    pub(super) fn user(&mut self) -> Json {
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

    pub(super) fn add_context(&mut self, to: &mut Json, percent: usize) {
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

    pub(super) fn functions(&mut self) -> Json {
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
}
