//! `handlebars`: the user is already in its own `Context`; what is inserted into strings is escaped for JSON.

use handlebars::{Context, Handlebars, Helper, HelperResult, Output as Out, RenderContext, no_escape};

use super::{Contender, Output};
use crate::race::Race;

pub(super) const CONTENDER: Contender =
    Contender { engine: "handlebars", variant: None, outputs: &[Output::Json, Output::Text], race };

const DOCUMENT: &str = r#"{"owner":"{{id}}","profile":{"team":"{{custom_data.team}}","grade":{{custom_data.grade}},"address":{{{json custom_data.address}}}},"readers":{{{json custom_data.teams}}},"title":"Report of {{custom_data.name}}","place":"{{custom_data.site}}, {{custom_data.address.zip}}","version":3}"#;

const TEXT: &str = "Dear {{custom_data.name}},\n\nyour account {{id}} now belongs to team {{custom_data.team}} at \
    {{custom_data.site}}, with grade {{custom_data.grade}}.\nWe write to you at {{custom_data.address.street}}, \
    {{custom_data.address.zip}} {{custom_data.address.city}}.\n";

fn json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Out,
) -> HelperResult {
    let value = helper.param(0).expect("a value").value();
    out.write(&serde_json::to_string(value).expect("JSON"))?;
    Ok(())
}

/// Escapes the inside of a JSON string.
fn escape(text: &str) -> String {
    if text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        let quoted = serde_json::to_string(text).expect("JSON");
        quoted[1..quoted.len() - 1].to_owned()
    } else {
        text.to_owned()
    }
}

fn race(output: Output, race: &mut Race) {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    if output == Output::Json {
        engine.register_helper("json", Box::new(json));
        engine.register_escape_fn(escape);
        engine.register_template_string("report", DOCUMENT).expect("a template");
    } else {
        engine.register_escape_fn(no_escape);
        engine.register_template_string("report", TEXT).expect("a template");
    }
    race.run(
        |user| Context::wraps(user.to_json()).expect("a context"),
        |user, out| engine.render_with_context_to_write("report", user, out).expect("everything is there"),
    );
}
