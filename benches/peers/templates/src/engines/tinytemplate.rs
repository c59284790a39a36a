//! `tinytemplate`: it takes any serializable value, which it converts to a JSON value for each result.

use serde_json::Value;
use tinytemplate::{TinyTemplate, format_unescaped};

use super::{Contender, Output};
use crate::race::Race;

pub(super) const CONTENDER: Contender =
    Contender { engine: "tinytemplate", variant: None, outputs: &[Output::Json, Output::Text], race };

const DOCUMENT: &str = r#"\{"owner":{id},"profile":\{"team":{custom_data.team},"grade":{custom_data.grade},"address":{custom_data.address}},"readers":{custom_data.teams},"title":"Report of {custom_data.name | part}","place":"{custom_data.site | part}, {custom_data.address.zip | part}","version":3}"#;

const TEXT: &str = "Dear {custom_data.name},\n\nyour account {id} now belongs to team {custom_data.team} at \
    {custom_data.site}, with grade {custom_data.grade}.\nWe write to you at {custom_data.address.street}, \
    {custom_data.address.zip} {custom_data.address.city}.\n";

fn json(value: &Value, out: &mut String) -> tinytemplate::error::Result<()> {
    out.push_str(&serde_json::to_string(value).expect("JSON"));
    Ok(())
}

/// Writes the inside of a JSON string.
fn part(value: &Value, out: &mut String) -> tinytemplate::error::Result<()> {
    let quoted = serde_json::to_string(value).expect("JSON");
    out.push_str(&quoted[1..quoted.len() - 1]);
    Ok(())
}

fn race(output: Output, race: &mut Race) {
    let mut engine = TinyTemplate::new();
    if output == Output::Json {
        engine.add_formatter("part", part);
        engine.set_default_formatter(&json);
        engine.add_template("report", DOCUMENT).expect("a template");
    } else {
        engine.set_default_formatter(&format_unescaped);
        engine.add_template("report", TEXT).expect("a template");
    }
    race.run(
        |user| user.to_json(),
        |user, out| {
            let text = engine.render("report", user).expect("everything is there");
            out.extend_from_slice(text.as_bytes());
        },
    );
}
