//! Running of cases that resolve templates.

use bson::DateTime;
use serde_json::json;

use super::case::GivenDocuments;
use super::compare::{self, Answer, same_document};
use crate::eval::{Context, Documents};
use crate::json::{self, Node};
use crate::template::{Inputs, Missing, Template};
use crate::value::ValueRef;

impl GivenDocuments {
    /// Supplies the parts other than documents to a context; the time is that of the file unless the case has its own.
    pub(super) fn supply(&self, mut context: Context, time: Option<DateTime>) -> Context {
        if let Some(args) = &self.args {
            context = context.with_args(args.clone());
        }
        if let Some(partition) = &self.partition {
            context = context.with_partition(partition.clone());
        }
        match self.now.or(time) {
            Some(now) => context.with_now(now),
            None => context.without_now(),
        }
    }

    pub(super) fn documents(&self) -> Documents<'_> {
        Documents {
            root: self.root.as_ref().map(ValueRef::from),
            prev_root: self.prev_root.as_ref().map(ValueRef::from),
            this: self.this.as_ref().map(ValueRef::from),
            prev: self.prev.as_ref().map(ValueRef::from),
        }
    }
}

pub(super) fn answer(
    expect: &Node,
    node: &Node,
    given: &GivenDocuments,
    (missing, secrets): (Missing, bool),
    context: Context,
    time: Option<DateTime>,
) -> Answer {
    let template = match Template::from_node(node) {
        Ok(template) => template,
        Err(errors) => {
            let errors: Vec<String> = errors.as_slice().iter().map(ToString::to_string).collect();
            return compare::message(expect, "invalid", &errors);
        }
    };
    let context = given.supply(context, time);
    let inputs = Inputs::from(&context).with_documents(given.documents());
    let inputs = if secrets { inputs.with_secrets() } else { inputs };
    match template.resolve_with(inputs, missing) {
        Ok(Some(value)) => Answer {
            agrees: expect.get("value").is_some_and(|expected| same_document(expected, &value)),
            got: json!({ "value": json::from_bson(&value) }),
        },
        Ok(None) => Answer { agrees: expect.get("missing").is_some(), got: json!({ "missing": true }) },
        Err(unresolved) => {
            let mut lines: Vec<String> =
                unresolved.as_slice().iter().map(|one| format!("{} {}", one.pointer(), one.asked())).collect();
            lines.sort();
            let expected = expect.get("unresolved").and_then(Node::as_array);
            let expected = expected.map(|lines| lines.iter().filter_map(Node::as_str).collect::<Vec<_>>());
            Answer { agrees: expected.is_some_and(|expected| expected == lines), got: json!({ "unresolved": lines }) }
        }
    }
}
