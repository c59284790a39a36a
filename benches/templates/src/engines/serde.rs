//! `serde_json` by hand: a struct that borrows from the user, serialized.

use std::fmt::{self, Display};

use bson::Document;
use serde::{Serialize, Serializer};

use super::{Contender, Output};
use crate::race::Race;
use crate::users::User;

pub(super) const CONTENDER: Contender = Contender { engine: "serde_json", outputs: &[Output::Json], race };

#[derive(Serialize)]
struct Report<'u> {
    owner: &'u str,
    profile: Profile<'u>,
    readers: Vec<&'u str>,
    title: Text<'u>,
    place: Text<'u>,
    version: i32,
}

#[derive(Serialize)]
struct Profile<'u> {
    team: &'u str,
    grade: i32,
    address: Address<'u>,
}

#[derive(Serialize)]
struct Address<'u> {
    street: &'u str,
    zip: &'u str,
    city: &'u str,
}

/// Texts one after the other, of which no string is made.
struct Text<'u>([&'u str; 3]);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(part))
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn field<'d>(document: &'d Document, name: &str) -> &'d str {
    document.get_str(name).expect("a string")
}

fn race(_: Output, race: &mut Race) {
    let user = |user: &User| User { id: user.id.clone(), custom_data: user.custom_data.clone() };
    race.run(user, |user, out| {
        let data = &user.custom_data;
        let address = data.get_document("address").expect("a document");
        let teams = data.get_array("teams").expect("an array");
        let report = Report {
            owner: &user.id,
            profile: Profile {
                team: field(data, "team"),
                grade: data.get_i32("grade").expect("a number"),
                address: Address {
                    street: field(address, "street"),
                    zip: field(address, "zip"),
                    city: field(address, "city"),
                },
            },
            readers: teams.iter().map(|team| team.as_str().expect("a string")).collect(),
            title: Text(["Report of ", field(data, "name"), ""]),
            place: Text([field(data, "site"), ", ", field(address, "zip")]),
            version: 3,
        };
        serde_json::to_writer(out, &report).expect("memory");
    });
}
