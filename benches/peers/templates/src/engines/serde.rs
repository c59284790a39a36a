//! `serde_json` from an application's struct: it serializes a struct that borrows from it, or a `json!` value.

use std::fmt::{self, Display};

use serde::{Serialize, Serializer};
use serde_json::json;

use super::{Contender, Output};
use crate::race::Race;

pub(super) const STRUCT: Contender =
    Contender { engine: "serde_json", variant: Some("struct"), outputs: &[Output::Json], race: race_struct };

pub(super) const VALUE: Contender =
    Contender { engine: "serde_json", variant: Some("json!"), outputs: &[Output::Json], race: race_value };

#[derive(Serialize)]
struct Report<'u> {
    owner: &'u str,
    profile: Profile<'u>,
    readers: &'u [&'static str],
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

/// Three strings that are serialized as one, without building it in memory.
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

fn race_struct(_: Output, race: &mut Race) {
    race.run(
        |user| user,
        |user, out| {
            let address = &user.address;
            let report = Report {
                owner: &user.id,
                profile: Profile {
                    team: user.team,
                    grade: user.grade,
                    address: Address { street: &address.street, zip: &address.zip, city: address.city },
                },
                readers: &user.teams,
                title: Text(["Report of ", user.name, ""]),
                place: Text([user.site, ", ", &address.zip]),
                version: 3,
            };
            serde_json::to_writer(out, &report).expect("memory");
        },
    );
}

fn race_value(_: Output, race: &mut Race) {
    race.run(
        |user| user,
        |user, out| {
            let address = &user.address;
            let report = json!({
                "owner": user.id,
                "profile": {
                    "team": user.team,
                    "grade": user.grade,
                    "address": { "street": address.street, "zip": address.zip, "city": address.city },
                },
                "readers": user.teams,
                "title": format!("Report of {}", user.name),
                "place": format!("{}, {}", user.site, address.zip),
                "version": 3,
            });
            serde_json::to_writer(out, &report).expect("memory");
        },
    );
}
