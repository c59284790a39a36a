//! A host with its own rule engine, one step of which asks Portcullis whether the user may make a change.

use bson::{Document, doc};
use portcullis::Context;
use portcullis::policy::{self, RulesFile};
use portcullis::{Guard, User};

const RULES: &str = r#"{"roles": [{
    "name": "Clerk",
    "apply_when": {"team": "%%user.custom_data.team"},
    "fields": {"state": {"read": true, "write": true}, "total": {"read": true}}
}]}"#;

/// A change on which the host's engine decides.
struct Change<'c> {
    before: &'c Document,
    after: &'c Document,
    /// The rules, bound to the user once for all changes of a request.
    guard: &'c Guard,
}

/// A step of the host's engine: `Ok` continues, `Err` denies with a reason.
type Step = fn(&Change<'_>) -> Result<(), String>;

/// A condition of the host itself.
fn only_open_orders(change: &Change<'_>) -> Result<(), String> {
    match change.before.get_str("state") {
        Ok("open") => Ok(()),
        _ => Err("the order is not open".to_owned()),
    }
}

/// The step that asks Portcullis. What it cannot decide it does not allow, so there is no third outcome.
fn allowed_by_rules(change: &Change<'_>) -> Result<(), String> {
    let decision = change.guard.update(change.before, change.after);
    match decision.reason() {
        None => Ok(()),
        Some(reason) => Err(reason.to_string()),
    }
}

const STEPS: [Step; 2] = [only_open_orders, allowed_by_rules];

/// The host's engine: every step has to pass.
fn judge(change: &Change<'_>) -> Result<(), String> {
    STEPS.iter().try_for_each(|step| step(change))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = policy::compile(&portcullis::json::parse(RULES)?).map_err(|errors| format!("{errors:?}"))?;
    let policy = RulesFile::effective(Some(&rules), None);
    let user = User::new("ada").with_custom_data(doc! { "team": "red" });
    let guard = Guard::new(policy, Context::new().with_user(user));

    let before = doc! { "_id": 1, "team": "red", "state": "open", "total": 90 };
    let judged = |before: &Document, change: Document| {
        let mut after = before.clone();
        after.extend(change);
        judge(&Change { before, after: &after, guard: &guard })
    };
    assert_eq!(judged(&before, doc! { "state": "paid" }), Ok(()));
    assert_eq!(judged(&before, doc! { "total": 1 }), Err("the role may not write `total`".to_owned()));
    let paid = doc! { "_id": 2, "team": "red", "state": "paid", "total": 90 };
    assert_eq!(judged(&paid, doc! { "state": "open" }), Err("the order is not open".to_owned()));
    println!("as expected");
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
