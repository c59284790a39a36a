//! What hosts of functions can rely on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bson::{Bson, doc};
use portcullis::eval::{Closures, Context, FunctionError, Functions};
use portcullis::policy::{RulesFile, compile};
use portcullis::{Guard, Reason, json};

fn guard(rules: &str, functions: Arc<dyn Functions>) -> Guard {
    let rules = compile(&json::parse(rules).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_functions(functions))
}

const ASKS: &str = r#"{"roles": [{"name": "R", "apply_when": {"%%true": {"%function":
    {"name": "mayRead", "arguments": ["%%root.a"]}}}, "read": true}]}"#;

#[test]
fn a_function_is_called_once_for_equal_arguments() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let functions = Closures::new().with("mayRead", move |arguments| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok((arguments == [Bson::Int32(1)]).into())
    });
    let guard = guard(ASKS, Arc::new(functions));
    for _ in 0..3 {
        assert!(guard.read(&doc! { "a": 1 }).is_allowed());
        assert!(!guard.read(&doc! { "a": 2 }).is_allowed());
    }
    // An int64 is a different argument than an int32 of the same value.
    assert!(!guard.read(&doc! { "a": 1_i64 }).is_allowed());
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_failing_function_denies_and_is_not_called_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let functions = Closures::new().with("mayRead", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err("boom".to_owned())
    });
    let guard = guard(ASKS, Arc::new(functions));
    for _ in 0..2 {
        let document = doc! { "a": 1 };
        let decision = guard.read(&document);
        assert_eq!(decision.reason(), Some(&Reason::Failed));
        assert_eq!(decision.errors()[0].to_string(), "function 'mayRead' failed: boom");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// If a request failed after a certain number of calls, a client could count the hidden documents that match its filter.
#[test]
fn the_number_of_function_calls_does_not_fail_a_decision() {
    let guard =
        guard(ASKS, Arc::new(Closures::new().with("mayRead", |arguments| Ok((arguments[0] == 7.into()).into()))));
    for number in 0..20_000 {
        assert_eq!(guard.read(&doc! { "a": number }).is_allowed(), number == 7);
    }
}

/// Has no results at first, like a host whose functions run elsewhere.
struct Elsewhere;

impl Functions for Elsewhere {
    fn contains(&self, name: &str) -> bool {
        name == "mayRead"
    }

    fn call(&self, name: &str, _: &[Bson]) -> Result<Bson, FunctionError> {
        Err(FunctionError::Pending(name.to_owned()))
    }
}

#[test]
fn a_pending_call_denies_until_its_result_is_supplied() {
    let guard = guard(ASKS, Arc::new(Elsewhere));
    let document = doc! { "a": 1 };
    assert_eq!(guard.read(&document).reason(), Some(&Reason::Failed));
    let pending = guard.context().pending();
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].name.as_str(), pending[0].arguments.as_slice()), ("mayRead", &[Bson::Int32(1)][..]));
    guard.context().supply(&pending[0], Ok(true.into())).unwrap();
    assert!(guard.read(&document).is_allowed());
    assert!(guard.context().pending().is_empty());
}
