//! `minijinja`: the user is its own value already; in a template whose name ends in `.json` it writes values as JSON.

use minijinja::{Environment, Value};

use super::{Contender, Output};
use crate::race::Race;

pub(super) const CONTENDER: Contender = Contender { engine: "minijinja", outputs: &[Output::Json, Output::Text], race };

const DOCUMENT: &str = r#"{"owner":{{ id }},"profile":{"team":{{ custom_data.team }},"grade":{{ custom_data.grade }},"address":{{ custom_data.address }}},"readers":{{ custom_data.teams }},"title":{{ "Report of " ~ custom_data.name }},"place":{{ custom_data.site ~ ", " ~ custom_data.address.zip }},"version":3}"#;

const TEXT: &str = "Dear {{ custom_data.name }},\n\nyour account {{ id }} now belongs to team {{ custom_data.team }} at \
    {{ custom_data.site }}, with grade {{ custom_data.grade }}.\nWe write to you at {{ custom_data.address.street }}, \
    {{ custom_data.address.zip }} {{ custom_data.address.city }}.\n";

fn race(output: Output, race: &mut Race) {
    let mut environment = Environment::new();
    environment.set_keep_trailing_newline(true);
    let (name, source) = if output == Output::Json { ("report.json", DOCUMENT) } else { ("report.txt", TEXT) };
    environment.add_template(name, source).expect("a template");
    let template = environment.get_template(name).expect("the template");
    race.run(
        |user| Value::from_serialize(user.to_json()),
        |user, out| {
            template.render_to_write(user, out).expect("everything is there");
        },
    );
}
