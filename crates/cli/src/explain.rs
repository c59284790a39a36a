//! Formats traces as text and as JSON.

use anstyle::AnsiColor;
use portcullis::Explanation;
use portcullis::access::RuleTrace;
use portcullis::eval::{Trace, TraceNode, Truth};
use portcullis::login::{DataAge, DataSource};
use portcullis::text::OneLine;
use serde_json::{Value, json};

use super::output::paint;

fn painted(truth: Truth) -> String {
    let word = format!("{:7}", truth.to_string());
    match truth {
        Truth::True => paint(&word, AnsiColor::Green),
        Truth::False => paint(&word, AnsiColor::Red),
        Truth::Unknown => paint(&word, AnsiColor::Yellow),
        Truth::Error => paint(&word, AnsiColor::Magenta),
    }
}

/// Formats a trace as indented lines; quoted values never span several lines.
pub(super) fn trace_lines(label: &str, trace: &Trace, indent: usize, out: &mut Vec<String>) {
    let pad = "  ".repeat(indent);
    let label = if label.is_empty() { String::new() } else { format!("{}: ", OneLine(label)) };
    let truth = painted(trace.truth);
    match &trace.part {
        TraceNode::Constant => out.push(format!("{pad}{truth} {label}constant")),
        TraceNode::All(parts) => {
            out.push(format!("{pad}{truth} {label}all of"));
            parts.iter().for_each(|part| trace_lines("", part, indent + 1, out));
        }
        TraceNode::Any(parts) => {
            out.push(format!("{pad}{truth} {label}any of"));
            parts.iter().for_each(|part| trace_lines("", part, indent + 1, out));
        }
        TraceNode::Not(inner) => {
            out.push(format!("{pad}{truth} {label}not"));
            trace_lines("", inner, indent + 1, out);
        }
        TraceNode::Test { text, left, right, error, note, .. } => {
            let right = right.as_ref().map_or_else(String::new, |right| format!("   right: {right}"));
            out.push(format!("{pad}{truth} {label}{}", OneLine(text)));
            out.push(format!("{pad}          {}", OneLine(format!("left: {left}{right}"))));
            if let Some(error) = error {
                out.push(format!("{pad}          error: {}", OneLine(error)));
            }
            if let Some(note) = note {
                out.push(format!("{pad}          {}", OneLine(note)));
            }
        }
    }
}

fn rule_lines(rule: &RuleTrace, indent: usize, out: &mut Vec<String>) {
    match &rule.trace {
        Some(trace) => trace_lines(&rule.place, trace, indent, out),
        None => {
            let pad = "  ".repeat(indent);
            out.push(format!("{pad}{} {}: there is no rule for it", painted(Truth::False), OneLine(&rule.place)));
        }
    }
}

/// Formats everything that affected a decision; `age` is the age of the user object, unless it was given on the
/// command line.
pub(super) fn lines(explanation: &Explanation, age: Option<DataAge>) -> Vec<String> {
    let mut out: Vec<String> = age.iter().map(|age| format!("  user: {age}")).collect();
    if explanation.bypass {
        out.push("  system user: bypasses all rules".to_owned());
    }
    for filter in &explanation.filters {
        rule_lines(filter, 1, &mut out);
    }
    for role in &explanation.roles {
        trace_lines(&format!("role `{}`: apply_when", role.name), &role.apply_when, 1, &mut out);
    }
    for rule in &explanation.rules {
        rule_lines(rule, 2, &mut out);
    }
    out
}

pub(super) fn trace_to_json(trace: &Trace) -> Value {
    let truth = trace.truth.to_string();
    let list = |parts: &[Trace]| parts.iter().map(trace_to_json).collect::<Value>();
    match &trace.part {
        TraceNode::Constant => json!({ "truth": truth }),
        TraceNode::All(parts) => json!({ "truth": truth, "all": list(parts) }),
        TraceNode::Any(parts) => json!({ "truth": truth, "any": list(parts) }),
        TraceNode::Not(inner) => json!({ "truth": truth, "not": trace_to_json(inner) }),
        TraceNode::Test { text, left, right, error, note, .. } => {
            let mut test = json!({ "truth": truth, "test": text, "left": left, "right": right });
            if let (Some(error), Some(object)) = (error, test.as_object_mut()) {
                object.insert("error".to_owned(), json!(error));
            }
            if let (Some(note), Some(object)) = (note, test.as_object_mut()) {
                object.insert("note".to_owned(), json!(note));
            }
            test
        }
    }
}

pub(super) fn to_json(explanation: &Explanation, age: Option<DataAge>) -> Value {
    let rules = |rules: &[RuleTrace]| {
        rules
            .iter()
            .map(|rule| json!({ "place": rule.place, "trace": rule.trace.as_ref().map(trace_to_json) }))
            .collect::<Value>()
    };
    let roles: Value = explanation
        .roles
        .iter()
        .map(|role| json!({ "role": &*role.name, "apply_when": trace_to_json(&role.apply_when) }))
        .collect();
    let mut object = json!({
        "bypass": explanation.bypass,
        "filters": rules(&explanation.filters),
        "roles": roles,
        "rules": rules(&explanation.rules),
    });
    if let (Some(age), Some(object)) = (age, object.as_object_mut()) {
        let source = match age.source {
            DataSource::Token => "token",
            DataSource::Store => "store",
        };
        object.insert("user".to_owned(), json!({ "source": source, "age_seconds": age.age.as_secs() }));
    }
    object
}
