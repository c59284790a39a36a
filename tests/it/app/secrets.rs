//! Secrets become values of the application, and never appear in output.

use portcullis::App;
use portcullis::app::Secrets;
use portcullis::eval::{Context, Documents, Errors, Evaluation, Truth, bind};
use portcullis::expr;
use portcullis::predicate::{Scope, lower};

use super::{ROOT, Tree, fixture};

#[test]
fn the_text_of_secrets_is_not_retained() {
    for text in [r#"{"key": "hunter2"}"#, r#"{"key": hunter2}"#] {
        let tree = Tree::new(&[ROOT, ("secrets.json", text)]);
        let app = tree.load();
        assert!(!format!("{app:?}").contains("hunter2"));
        assert_eq!(app.has_errors(), !app.secrets.contains("key"));
    }
}

#[test]
fn a_secret_only_reaches_values_that_use_it() {
    let tree = Tree::new(&[
        ROOT,
        ("values/shown.json", r#"{"name": "shown", "value": "door", "from_secret": true}"#),
        ("values/other.json", r#"{"name": "other", "value": "gate", "from_secret": true}"#),
        ("door.txt", "hunter2\n"),
        ("secrets-here.json", r#"{"gate": "hunter3"}"#),
    ]);
    let app = tree.load();
    let mut secrets = Secrets::default();
    secrets.add(&format!("door=file:{}", tree.0.join("door.txt").display())).unwrap();
    let truth = |secrets: &Secrets, rule: &str| {
        let predicate = lower(&expr::parse_str(rule).unwrap(), Scope::Endpoint).unwrap();
        let context = app.with_secrets(Context::new(), secrets);
        Evaluation::new(Documents::default(), &context, &Errors::default()).truth(&bind(&predicate, &context))
    };
    assert_eq!(truth(&secrets, r#"{"%%values.shown": "hunter2"}"#), Truth::True);
    assert_eq!(truth(&secrets, r#"{"%%values.door": "hunter2"}"#), Truth::False);
    assert_eq!(truth(&secrets, r#"{"%%values.other": {"$exists": false}}"#), Truth::Error);
    secrets.add_file(&tree.0.join("secrets-here.json")).unwrap();
    assert_eq!(truth(&secrets, r#"{"%%values.other": "hunter3"}"#), Truth::True);
    assert!(app.verify_secrets(&secrets).is_ok());
    assert!(!format!("{secrets:?} {:?}", app.with_secrets(Context::new(), &secrets)).contains("hunter"));
}

#[test]
fn errors_never_show_secrets() {
    let tree = Tree::new(&[
        ("list.json", r#"["hunter2"]"#),
        ("number.json", r#"{"hunter": {"a": "hunter2"}}"#),
        ("broken.json", r#"{"a": hunter2}"#),
        ("twice.json", r#"{"a": "hunter2"}"#),
    ]);
    let mut secrets = Secrets::default();
    secrets.insert("a", "hunter2");
    for wrong in
        ["hunter2", "a=hunter2", "=hunter2", "a=env:", "a=file:", "b=env:NOT_THERE_AT_ALL", "b=file:/not/there"]
    {
        let error = secrets.add(wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    for file in ["list.json", "number.json", "broken.json", "twice.json"] {
        let error = secrets.add_file(&tree.0.join(file)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn an_unknown_secret_is_an_error_with_a_suggestion() {
    let app = fixture("employees");
    let mut secrets = Secrets::default();
    secrets.insert("intranetSigninKey", "x");
    let error = app.verify_secrets(&secrets).unwrap_err();
    assert!(error.to_string().ends_with("did you mean `intranetSigningKey`?"), "{error}");
    assert_eq!(app.missing_secrets(&secrets).len(), 1);
}

#[test]
fn the_secrets_of_services_are_known() {
    let tree = Tree::new(&[
        ("root_config.json", "{}"),
        (
            "services/texts/config.json",
            r#"{"name": "texts", "type": "twilio", "secret_config": {"auth_token": "texts_token"}}"#,
        ),
        ("data_sources/old/config.json", r#"{"name": "old", "type": "mongodb", "secret_config": {"uri": "old_uri"}}"#),
    ]);
    let app = App::load(&tree.0).unwrap();
    let mut secrets = Secrets::default();
    secrets.insert("texts_token", "x");
    secrets.insert("old_uri", "x");
    app.verify_secrets(&secrets).unwrap();
    assert!(app.findings.is_empty(), "{:?}", app.findings);
}
