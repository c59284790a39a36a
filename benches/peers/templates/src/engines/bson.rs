//! The `bson` crate: a document built with its macro, and encoded.

use bson::doc;

use super::{Contender, Output};
use crate::race::Race;

pub(super) const CONTENDER: Contender =
    Contender { engine: "bson", variant: Some("doc!"), outputs: &[Output::Bson], race };

fn race(_: Output, race: &mut Race) {
    race.run(
        |user| user,
        |user, out| {
            let address = &user.address;
            let report = doc! {
                "owner": &user.id,
                "profile": {
                    "team": user.team,
                    "grade": user.grade,
                    "address": { "street": &address.street, "zip": &address.zip, "city": address.city },
                },
                "readers": &user.teams,
                "title": format!("Report of {}", user.name),
                "place": format!("{}, {}", user.site, address.zip),
                "version": 3,
            };
            *out = report.to_vec().expect("a document");
        },
    );
}
