//! Portcullis: the user is in a `Context`, as in a server.

use portcullis::Context;
use portcullis::{Escape, Missing, Template, User};

use super::{Contender, Output};
use crate::race::Race;

pub(super) const CONTENDER: Contender = Contender { engine: "portcullis", variant: None, outputs: &Output::ALL, race };

const DOCUMENT: &str = r#"{
    "owner": "%%user.id",
    "profile": {
        "team": "%%user.custom_data.team",
        "grade": "%%user.custom_data.grade",
        "address": "%%user.custom_data.address"
    },
    "readers": "%%user.custom_data.teams",
    "title": "Report of %(%%user.custom_data.name)",
    "place": "%(%%user.custom_data.site), %(%%user.custom_data.address.zip)",
    "version": 3
}"#;

const TEXT: &str = "Dear %(%%user.custom_data.name),\n\nyour account %(%%user.id) now belongs to team \
    %(%%user.custom_data.team) at %(%%user.custom_data.site), with grade %(%%user.custom_data.grade).\nWe write to you at \
    %(%%user.custom_data.address.street), %(%%user.custom_data.address.zip) %(%%user.custom_data.address.city).\n";

fn race(output: Output, race: &mut Race) {
    let template = match output {
        Output::Json | Output::Bson => Template::parse(DOCUMENT),
        Output::Text => Template::text(TEXT, Escape::None),
    };
    let template = template.expect("a template");
    let context =
        |user: crate::users::User| Context::new().with_user(User::new(&*user.id).with_custom_data(user.custom_data()));
    match output {
        Output::Json => race.run(context, |context, out| {
            template.write_json(context, Missing::Refuse, out).expect("everything is there");
        }),
        Output::Bson => {
            race.run(context, |context, out| template.write_raw(context, out).expect("everything is there"))
        }
        Output::Text => {
            race.run(context, |context, out| template.write_text(context, out).expect("everything is there"))
        }
    }
}
