//! The users, each with an ID and custom data.

use bson::oid::ObjectId;
use bson::{Document, doc};

/// A user, from whom each engine creates the value that suits it best.
pub struct User {
    pub id: String,
    pub name: &'static str,
    pub email: String,
    pub team: &'static str,
    pub site: &'static str,
    pub address: Address,
    pub teams: Vec<&'static str>,
    pub grade: i32,
}

pub struct Address {
    pub street: String,
    pub zip: String,
    pub city: &'static str,
}

/// Some need escapes in JSON, and some are not ASCII.
const NAMES: [&str; 8] = [
    "Ada Lovelace",
    "Boris",
    "Chidi \"Chi\" Anagonye",
    "Dana O'Neil",
    "Emre Yılmaz",
    "Freya",
    "Gitte\\Hansen",
    "Hamid",
];
const TEAMS: [&str; 4] = ["pilots", "tugs", "locks", "survey"];
const SITES: [&str; 3] = ["Bremerhaven", "Cuxhaven", "Wilhelmshaven"];
const STREETS: [&str; 4] = ["Am Alten Hafen", "Columbusstraße", "Deichweg", "Grimmershörnbucht"];

impl User {
    /// The user with this number, the same in every run.
    pub fn new(number: usize) -> Self {
        let mut random = Random::new(number as u64);
        Self {
            id: format!("64b7f0c2{:016x}", random.next()),
            name: random.of(&NAMES),
            email: format!("user{number}@harbour.example"),
            team: random.of(&TEAMS),
            site: random.of(&SITES),
            address: Address {
                street: format!("{} {}", random.of(&STREETS), 1 + random.below(200)),
                zip: format!("{:05}", random.below(100_000)),
                city: random.of(&SITES),
            },
            teams: (0..1 + random.below(4)).map(|_| random.of(&TEAMS)).collect(),
            grade: 1 + random.below(12) as i32,
        }
    }

    /// The custom data in the form in which a database returns it.
    pub fn custom_data(&self) -> Document {
        doc! {
            "_id": ObjectId::parse_str(&self.id).expect("24 digits"),
            "name": self.name,
            "email": &self.email,
            "team": self.team,
            "site": self.site,
            "address": { "street": &self.address.street, "zip": &self.address.zip, "city": self.address.city },
            "teams": &self.teams,
            "grade": self.grade,
        }
    }

    /// The user as JSON, for engines that do not support BSON.
    pub fn to_json(&self) -> serde_json::Value {
        let custom_data = bson::Bson::Document(self.custom_data()).into_relaxed_extjson();
        serde_json::json!({ "id": self.id, "custom_data": custom_data })
    }
}

/// A SplitMix64 generator, seeded with a user's number.
struct Random(u64);

impl Random {
    fn new(number: u64) -> Self {
        Self(number.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5eed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len() as u64) as usize]
    }
}
