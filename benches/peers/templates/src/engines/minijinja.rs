//! `minijinja`: the user is already in its own `Value`; a template whose name ends in `.json` writes values as JSON.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value};

use super::{Contender, Output};
use crate::race::Race;

pub(super) const CONTENDER: Contender =
    Contender { engine: "minijinja", variant: None, outputs: &[Output::Json, Output::Text], race };

const DOCUMENT: &str = r#"{"owner":{{ id }},"profile":{"team":{{ custom_data.team }},"grade":{{ custom_data.grade }},"address":{{ custom_data.address }}},"readers":{{ custom_data.teams }},"title":{{ "Report of " ~ custom_data.name }},"place":{{ custom_data.site ~ ", " ~ custom_data.address.zip }},"version":3}"#;

const TEXT: &str = "Dear {{ custom_data.name }},\n\nyour account {{ id }} now belongs to team {{ custom_data.team }} at \
    {{ custom_data.site }}, with grade {{ custom_data.grade }}.\nWe write to you at {{ custom_data.address.street }}, \
    {{ custom_data.address.zip }} {{ custom_data.address.city }}.\n";

fn race(output: Output, race: &mut Race) {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build().expect("a syntax");
    environment.set_syntax(syntax);
    let (name, source) = if output == Output::Json { ("report.json", DOCUMENT) } else { ("report.txt", TEXT) };
    environment.add_template(name, source).expect("a template");
    let template = environment.get_template(name).expect("the template");
    race.run(
        |user| Value::from(Serde(user.to_json())),
        |user, out| out.extend_from_slice(template.render(user).expect("everything is there").as_bytes()),
    );
}
