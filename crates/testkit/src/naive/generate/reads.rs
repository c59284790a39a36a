//! Random policies, users with hostile data, and one collection that they read.

use serde_json::{Value as Json, json};

use super::Maker;

/// Generates `users`, `policies`, `documents` with `_id`s of their own, the context and `functions`. The same seed
/// yields the same result.
pub fn reads(seed: u64) -> Json {
    let mut maker = Maker::new(choices(seed));
    maker.hostile = true;
    maker.expressions = 7;
    maker.reads()
}

/// SplitMix64: random enough for these choices, and the same on every machine.
fn choices(seed: u64) -> Vec<u16> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (0..4_000)
        .flat_map(|_| {
            next().to_le_bytes().chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect::<Vec<_>>()
        })
        .collect()
}

/// Values that would have a meaning if they were inserted into a query or an aggregation unescaped.
pub fn hostile() -> Vec<Json> {
    vec![
        json!({"$gt": ""}),
        json!({"$ne": null}),
        json!({"$in": ["a", "b"]}),
        json!({"$exists": true}),
        json!({"$where": "true"}),
        json!({"$expr": true}),
        json!("$owner"),
        json!("$$ROOT"),
        json!("%%user.id"),
        json!(".*"),
        json!("^a"),
        json!({"a.b": 1}),
        json!({"": 1}),
        json!({"a": {"$gt": ""}}),
        json!([[]]),
        json!([null]),
        json!([["a"], "a"]),
        json!([{"a": null}, {"a": {"$undefined": true}}]),
        json!({"a": {"$undefined": true}}),
        json!({"a": null}),
        json!([{"$gt": ""}, "a"]),
    ]
}

impl Maker {
    fn reads(mut self) -> Json {
        let all = super::scalars();
        self.pool = (0..3).map(|_| self.pick(&all)).collect();
        self.users = self.users();
        for user in ["u0", "u1", "u2"] {
            // The system user reads everything, so there is no plan to test.
            if self.users[user]["type"] == "system" && !self.chance(20) {
                self.users[user]["type"] = json!("normal");
            }
            if self.users[user].get("custom_data").is_some() {
                self.spoil(user);
            }
        }
        let mut file = json!({"users": self.users});
        self.add_context(&mut file, 75);
        file["functions"] = self.functions();
        file["documents"] = (0..20).map(|number| self.numbered(number)).collect();
        file["policies"] = (0..8).map(|number| self.read_policy(number)).collect();
        file
    }

    fn read_policy(&mut self, number: usize) -> Json {
        // In each file, some policies that a database can evaluate, and some that it cannot.
        self.askable = !number.is_multiple_of(3);
        let policy = self.policy();
        self.askable = false;
        policy
    }

    /// Adds field names and values that are dangerous if inserted into a query.
    fn spoil(&mut self, user: &str) {
        let data = |maker: &mut Maker| maker.pick(&hostile());
        if self.chance(20) {
            let (name, value) = (self.pick(&["$where", "a.b", "$or", "", "0"]), data(self));
            self.users[user]["custom_data"][name] = value;
        }
        if self.chance(15) {
            let name = self.pick(&["a", "b", "owner", "tags"]);
            self.users[user]["custom_data"][name] = data(self);
        }
        if self.chance(10) {
            let long: Vec<Json> =
                (0..60).map(|number| if number % 7 == 0 { self.datum() } else { json!(number) }).collect();
            let name = self.pick(&["tags", "a"]);
            self.users[user]["custom_data"][name] = json!(long);
        }
    }

    /// A document whose `_id` is its number, in one of the numeric types.
    fn numbered(&mut self, number: usize) -> Json {
        let user = format!("u{}", self.below(3));
        let mut document = self.document_for(&user);
        document["_id"] = match self.below(8) {
            0 => json!({"$numberLong": number.to_string()}),
            1 => json!({"$numberDouble": format!("{number}.0")}),
            2 => json!({"$numberDecimal": number.to_string()}),
            _ => json!(number),
        };
        if self.chance(4) {
            let name = self.pick(&["0", "a b", "é"]);
            document[name] = self.value(1);
        }
        document
    }
}
