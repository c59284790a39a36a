//! What fuzzing found, kept from coming back.

use portcullis::text::{Finding, Source, Style};
use portcullis::{expr, json};

/// `text_to_policy`: a key with a line break in it broke the message in two, and a terminal would have obeyed an escape
/// sequence in it.
#[test]
fn a_message_that_quotes_a_line_break_stays_on_one_line() {
    let text = r#"{"a": {"$regex": "^a", "$opti\n\u001b[2Js": "i"}}"#;
    let errors = expr::parse(&json::parse(text).unwrap()).unwrap_err();
    assert_eq!(errors[0].to_string(), r"unknown operator `$opti\n\u{1b}[2Js`");
    let finding = Finding::from(errors[0].clone());
    let drawn = Source::new("rules.json", text).render(&finding, None, Style::default());
    assert_eq!(drawn.lines().next(), Some(r"error[operator-unknown]: unknown operator `$opti\n\u{1b}[2Js`"));
    assert_eq!(drawn.lines().count(), 4);
}
