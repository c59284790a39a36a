//! An expression, and what is given, a line each: binding the context before the document is seen gives the truth that
//! evaluating every part by itself gives; settling Unknown changes no True.
#![no_main]

use bson::Document;
use libfuzzer_sys::fuzz_target;
use portcullis::eval::{Documents, Errors, Evaluation, Truth, bind, trace};
use portcullis::expr;
use portcullis::predicate::{Scope, lower};
use portcullis_fuzz::{context, document, node};

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some(expr) = node(lines.next()).and_then(|node| expr::parse(&node).ok()) else { return };
    let given = document(lines.next()).unwrap_or_default();
    let context = context(&given);
    let documents = documents(&given);
    for (scope, _) in Scope::ALL {
        let Ok(predicate) = lower(&expr, scope) else { continue };
        let (of_bound, of_traced) = (Errors::default(), Errors::default());
        let residual = bind(&predicate, &context);
        let bound = Evaluation::new(documents, &context, &of_bound).truth(&residual);
        let traced = trace(&predicate, documents, &context, &of_traced);
        assert_eq!(bound, traced.truth, "bound as {residual:?}, traced as {traced:?}");
        if let Some(constant) = residual.constant() {
            assert_eq!(constant, bound);
        }
        if bound == Truth::Error {
            assert!(!of_bound.into_vec().is_empty(), "an Error without a reason");
        }
        let settled = Evaluation::new(documents, &context, &of_traced).truth(&residual.settle());
        assert_eq!(settled.is_true(), bound.is_true(), "settled to {settled}, was {bound}");
    }
});

fn documents(given: &Document) -> Documents<'_> {
    let place = |name: &str| given.get(name).map(Into::into);
    Documents { root: place("root"), prev_root: place("prevRoot"), this: place("this"), prev: place("prev") }
}
